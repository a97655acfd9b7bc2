"""Constant expressions of the IR, evaluated in numpy.

torch-mlir leaves a batch norm's `1 / sqrt(var + eps)`, torch.nn.utils.prune's `weight * mask`, and what weight and
spectral norms compute of their parameters, as ops over constants. `constant_value` reads through them, so a pass sees
the numbers, however they were written.
"""

from collections.abc import Callable, Sequence
from typing import Any

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.ir.array_ops import ARRAY_OPS
from rt3d_mlir.passes.ir.evaluate import evaluate_ops
from rt3d_mlir.passes.ir.match import (
    body_ops,
    defining_op,
    generic_body,
    is_parallel,
    scalar_constant,
)

_FLOATS = {"f16": np.float16, "f32": np.float32, "f64": np.float64}
_DTYPES = {**_FLOATS, "i1": np.bool_, "i8": np.int8, "i32": np.int32, "i64": np.int64}
#: What a reduction may combine with.
_REDUCERS: dict[str, np.ufunc] = {
    "arith.addf": np.add,
    "arith.addi": np.add,
    "arith.mulf": np.multiply,
    "arith.muli": np.multiply,
    "arith.maximumf": np.maximum,
    "arith.minimumf": np.minimum,
    "arith.maxsi": np.maximum,
    "arith.minsi": np.minimum,
    "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or,
}

#: Numbers, and the name of the largest constant that they come from, if it has one.
Constant = tuple[np.ndarray, str | None]


def constant_value(value: ir.Value, weights: WeightTable) -> Constant | None:
    """The numbers of a tensor value that depends on constants only, and the name of the largest of them.

    Returns None where the value is not constant, or is made by an op that is not evaluated here.
    """
    return _Reader(weights).read(value) if _follows_from_constants(value) else None


def weight_name(value: ir.Value, weights: WeightTable, otherwise: str) -> str:
    """`conv2` for weights that come from `conv2.weight`: what a layer that is refused is called."""
    found = constant_value(value, weights)
    return weights.origin(found[1]).removesuffix(".weight") if found and found[1] else otherwise


def channel_vector(value: ir.Value, weights: WeightTable) -> tuple[np.ndarray, str | None] | None:
    """A conv's constant initial value as [M], and its name; None where it depends on more than the channel."""
    found = constant_value(value, weights)
    if found is None or found[0].ndim != 5:
        return None
    array, key = found
    vector = array[0, :, 0, 0, 0]
    once = array[tuple(slice(1) if stride == 0 else slice(None) for stride in array.strides)]  # not what is broadcast
    same = np.array_equal(np.broadcast_to(once[:1, :, :1, :1, :1], once.shape), once, equal_nan=True)
    return (vector, key) if same else None


def _is_known(kind: ir.Type) -> bool:
    """Whether a side table has numbers of the element type of a tensor type."""
    known = (ir.F16Type, ir.BF16Type, ir.F32Type, ir.F64Type, ir.IntegerType)
    return isinstance(kind, ir.RankedTensorType) and isinstance(ir.RankedTensorType(kind).element_type, known)


def _follows_from_constants(value: ir.Value) -> bool:
    """Whether there are constants and ops that may be evaluated behind a value, and nothing else."""
    seen: set[ir.Value] = set()
    open_values = [value]
    while open_values:
        value = open_values.pop()
        op = defining_op(value)
        if op is None or op.name not in ("arith.constant", "linalg.fill", "linalg.generic", *ARRAY_OPS):
            return False
        read = _sources(op)
        open_values += [operand for operand in read if operand not in seen]
        seen.update(read)
    return True


def _sources(op: ir.OpView) -> list[ir.Value]:
    """The tensors that an op reads; not the memory that it fills."""
    if op.name == "linalg.generic":
        return [*op.inputs, *(() if is_parallel(op) else op.outputs)]
    return list(op.operands[: ARRAY_OPS[op.name].sources]) if op.name in ARRAY_OPS else []


class _Reader:
    """Evaluates values that follow from constants, each once."""

    def __init__(self, weights: WeightTable) -> None:
        self._weights = weights
        self._found: dict[ir.Value, Constant | None] = {}

    def read(self, value: ir.Value) -> Constant | None:
        if value not in self._found:
            self._found[value] = self._evaluate(value)
        return self._found[value]

    def _evaluate(self, value: ir.Value) -> Constant | None:
        op = defining_op(value)
        if op is None:
            return None
        if op.name == "arith.constant":
            return self._weights.read(op.attributes["value"]) if _is_known(value.type) else None
        if op.name == "linalg.fill":
            return _fill(op)
        if op.name not in ("linalg.generic", *ARRAY_OPS):
            return None
        sources = [self.read(operand) for operand in _sources(op)]
        known = [source for source in sources if source is not None]
        if len(known) < len(sources):
            return None
        arrays = [array for array, _ in known]
        if op.name in ARRAY_OPS:
            array = ARRAY_OPS[op.name].compute(op, *arrays)
        else:
            array = self._generic(op, ir.OpResult(value).result_number, arrays)
        return None if array is None else (array, _largest(known))

    def _generic(self, op: ir.OpView, number: int, arrays: list[np.ndarray]) -> np.ndarray | None:
        """A result of a generic: in loop order or not, a reduction or not."""
        maps = [ir.AffineMapAttr(attribute).value for attribute in op.attributes["indexing_maps"]]
        extents = _extents(op, maps)
        # Those of a reduction's outputs come behind those of its inputs, as its arguments do.
        placed = [align(array, mapping, len(extents)) for array, mapping in zip(arrays, maps, strict=False)]
        inputs = len(op.inputs)
        kind, written = op.results[number].type, maps[inputs + number]
        dtype = _DTYPES.get(str(kind.element_type))
        if dtype is None or any(array is None for array in placed):
            return None
        lookup = evaluate_ops(op, placed[:inputs], extents, self._extract)
        if is_parallel(op):
            found = lookup(body_ops(op)[-1].operands[number])
        else:
            found = _reduced(op, number, lookup, extents, placed[inputs + number])
        if found is None:
            return None
        rows = [extent if at in _named(written) else 1 for at, extent in enumerate(extents)]
        return _in_order(np.broadcast_to(found.astype(dtype), rows), written, kind.shape)

    def _extract(self, op: ir.OpView, operands: Sequence[Any]) -> np.ndarray | None:
        """A tensor.extract of a constant, at places that are known."""
        places = operands[1:]
        if op.name != "tensor.extract" or any(place is None for place in places):
            return None
        found = self.read(op.operands[0]) if _follows_from_constants(op.operands[0]) else None
        return None if found is None else found[0][tuple(places)]


def _fill(op: ir.OpView) -> Constant | None:
    kind = op.results[0].type
    source = defining_op(op.operands[0])
    number = scalar_constant(op.operands[0])
    if number is None and source is not None and isinstance(source.attributes.get("value"), ir.IntegerAttr):
        number = ir.IntegerAttr(source.attributes["value"]).value
    dtype = _DTYPES.get(str(kind.element_type))
    return None if number is None or dtype is None else (np.broadcast_to(dtype(number), kind.shape), None)


def _largest(parts: list[Constant]) -> str | None:
    """The name of the largest that has one; of several the last by name: weight_orig, not weight_mask."""
    return max(((array.size, name) for array, name in parts if name), default=(0, None))[1]


def _extents(op: ir.OpView, maps: list[ir.AffineMap]) -> list[int]:
    """Of the loops of a generic: each is an axis of some operand."""
    found = [1] * maps[0].n_dims
    for value, mapping in zip(op.operands, maps, strict=True):
        for axis, extent in zip(mapping.results, value.type.shape, strict=True):
            if isinstance(axis, ir.AffineDimExpr):
                found[ir.AffineDimExpr(axis).position] = extent
    return found


def _reduced(
    op: ir.OpView, number: int, lookup: Callable[[ir.Value], Any], extents: list[int], start: np.ndarray | None
) -> np.ndarray | None:
    """A result that combines one number of each step with the others and with `start`."""
    output = generic_body(op).arguments[len(op.inputs) + number]
    combine = defining_op(body_ops(op)[-1].operands[number])
    if combine is None or combine.name not in _REDUCERS or output not in combine.operands or start is None:
        return None
    steps = [lookup(operand) for operand in combine.operands if operand != output]
    if len(steps) != 1 or steps[0] is None:
        return None
    reducer = _REDUCERS[combine.name]
    axes = tuple(at for at, kind in enumerate(op.attributes["iterator_types"]) if "reduction" in str(kind))
    # float64: numpy adds up along outer axes number by number, with an error that grows with their count.
    wide = np.float64 if np.issubdtype(steps[0].dtype, np.floating) else steps[0].dtype
    total = reducer.reduce(np.broadcast_to(steps[0], extents), axis=axes, dtype=wide, keepdims=True)
    return reducer(total, start)


def _named(mapping: ir.AffineMap) -> list[int]:
    """The loops that a map names, in its order."""
    return [ir.AffineDimExpr(axis).position for axis in mapping.results if isinstance(axis, ir.AffineDimExpr)]


def _in_order(loops: np.ndarray, mapping: ir.AffineMap, shape: Sequence[int]) -> np.ndarray:
    """What a generic with these loops writes through a map, each loop that it does not name being 1 long."""
    named = _named(mapping)
    rest = [axis for axis in range(loops.ndim) if axis not in named]
    return loops.transpose([*named, *rest]).reshape(shape)


def align(array: np.ndarray, affine_map: ir.AffineMap, rank: int) -> np.ndarray | None:
    """Places an operand's axes on the loop axes its map names, so that numpy broadcasts as linalg does."""
    axes: list[int] = []
    for axis, expression in enumerate(affine_map.results):
        if isinstance(expression, ir.AffineDimExpr):
            axes.append(ir.AffineDimExpr(expression).position)
        elif array.shape[axis] != 1:
            return None
        else:
            axes.append(-1)
    kept = sorted((loop, axis) for axis, loop in enumerate(axes) if loop >= 0)
    loops = [loop for loop, _ in kept]
    if len(set(loops)) < len(loops):
        return None
    shape = [1] * rank
    for loop, axis in kept:
        shape[loop] = array.shape[axis]
    ones = [axis for axis, loop in enumerate(axes) if loop < 0]
    return array.transpose([axis for _, axis in kept] + ones).reshape(shape)
