"""Constant expressions of the IR, evaluated in numpy.

torch-mlir leaves a batch norm's `1 / sqrt(var + eps)` and torch.nn.utils.prune's `weight * mask` as elementwise
generics over constants. `constant_value` reads through them, so a pass sees the numbers, however they were written.
"""

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.ir.evaluate import evaluate_body
from rt3d_mlir.passes.ir.match import defining_op, integers, is_elementwise, scalar_constant

_FLOATS = {"f16": np.float16, "f32": np.float32, "f64": np.float64}
_DTYPES = {**_FLOATS, "i1": np.bool_, "i8": np.int8, "i32": np.int32, "i64": np.int64}


def constant_value(value: ir.Value, weights: WeightTable) -> tuple[np.ndarray, str | None] | None:
    """The numbers of a tensor value that depends on constants only, and the name of the largest of them.

    Returns None where the value is not constant, or is made by an op that is not evaluated here.
    """
    op = defining_op(value)
    if op is None:
        return None
    if op.name == "arith.constant":
        return weights.read(op.attributes["value"]) if _is_known(value.type) else None
    if op.name in ("tensor.expand_shape", "tensor.collapse_shape"):
        source = constant_value(op.operands[0], weights)
        return source and (source[0].reshape(value.type.shape), source[1])
    if op.name == "linalg.transpose":
        source = constant_value(op.operands[0], weights)
        return source and (source[0].transpose(integers(op.attributes["permutation"])), source[1])
    if op.name == "linalg.broadcast":
        source = constant_value(op.operands[0], weights)
        if source is None:
            return None
        expanded = np.expand_dims(source[0], tuple(integers(op.attributes["dimensions"])))
        return np.broadcast_to(expanded, value.type.shape), source[1]
    if op.name == "linalg.fill":
        scalar = scalar_constant(op.operands[0])
        return None if scalar is None else (np.broadcast_to(np.float32(scalar), value.type.shape), None)
    if op.name == "tensor.extract_slice":
        return _slice(op, weights)
    if op.name == "tensor.concat":
        return _join(op, weights)
    if op.name == "linalg.generic" and is_elementwise(op):
        return _evaluate_generic(op, weights)
    return None


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
    """Whether numpy has the element type of a tensor type; it has no bf16."""
    known = (ir.F16Type, ir.F32Type, ir.F64Type, ir.IntegerType)
    return isinstance(kind, ir.RankedTensorType) and isinstance(ir.RankedTensorType(kind).element_type, known)


def _slice(op: ir.OpView, weights: WeightTable) -> tuple[np.ndarray, str | None] | None:
    """As of nets that cut one parameter into the weights of several convs."""
    if len(op.operands) > 1:  # an offset, size or stride that is dynamic
        return None
    source = constant_value(op.operands[0], weights)
    if source is None:
        return None
    places = (integers(op.attributes[f"static_{what}"]) for what in ("offsets", "sizes", "strides"))
    cut = tuple(slice(start, start + (size - 1) * step + 1, step) for start, size, step in zip(*places, strict=True))
    return source[0][cut].reshape(op.results[0].type.shape), source[1]


def _join(op: ir.OpView, weights: WeightTable) -> tuple[np.ndarray, str | None] | None:
    parts = [constant_value(operand, weights) for operand in op.operands]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return np.concatenate([array for array, _ in known], op.attributes["dim"].value), _largest(known)


def _largest(parts: list[tuple[np.ndarray, str | None]]) -> str | None:
    """The name of the largest that has one."""
    named = [part for part in parts if part[1]]
    return max(named, key=lambda part: part[0].size, default=(None, None))[1]


def _evaluate_generic(op: ir.OpView, weights: WeightTable) -> tuple[np.ndarray, str | None] | None:
    inputs = [constant_value(operand, weights) for operand in op.inputs]
    if any(item is None for item in inputs):
        return None
    maps = [ir.AffineMapAttr(attribute).value for attribute in op.attributes["indexing_maps"]]
    shape = op.results[0].type.shape
    aligned = [align(item[0], mapping, len(shape)) for item, mapping in zip(inputs, maps, strict=False) if item]
    if any(array is None for array in aligned):
        return None
    numbers = evaluate_body(op, [array for array in aligned if array is not None])
    name = _largest([item for item in inputs if item])
    dtype = _DTYPES.get(str(op.results[0].type.element_type))
    return None if dtype is None or numbers is None else (np.broadcast_to(numbers.astype(dtype), shape), name)


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
    kept = [axis for axis, loop in enumerate(axes) if loop >= 0]
    loops = [axes[axis] for axis in kept]
    if loops != sorted(loops):
        return None
    shape = [1] * rank
    for axis, loop in zip(kept, loops, strict=True):
        shape[loop] = array.shape[axis]
    return array.reshape(shape)
