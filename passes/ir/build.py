"""Small builders on top of the bindings; all insert at the current insertion point and location."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg, tensor

from rt3d_mlir.iree import internals
from rt3d_mlir.passes.framework.base import State


def f32() -> ir.Type:
    return ir.F32Type.get()


def index_constant(number: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), number)


def f32_constant(number: float) -> ir.Value:
    return arith.constant(f32(), float(number))


def constant(state: State, name: str, array: np.ndarray, origin: str | None = None) -> ir.Value:
    """An arith.constant whose numbers go to the side table under `name` (small ones stay inline)."""
    attribute = state.weights.attribute(name, array, origin)
    return arith.ConstantOp(attribute.type, attribute).result


def empty(shape: Sequence[int], element: ir.Type | None = None) -> ir.Value:
    return tensor.empty(list(shape), element or f32())


def filled(shape: Sequence[int], number: float, element: ir.Type | None = None) -> ir.Value:
    """A tensor of one number: linalg.fill of a tensor.empty."""
    kind = element or f32()
    return linalg.fill(arith.constant(kind, float(number)), outs=[empty(shape, kind)])


def clone(value: ir.Value) -> ir.Value:
    """A copy of a tensor in memory of its own, which IREE does not fuse with what it copies."""
    return ir.Operation.create(internals.CLONE, [value.type], [value]).result


def clone_for_readers(value: ir.Value) -> ir.Value:
    """A clone of an op's result, right after the op, that all its readers get."""
    with ir.InsertionPoint.after(value.owner), value.owner.location:
        copy = clone(value)
    value.replace_all_uses_except(copy, copy.owner.operation)
    return copy


def padded(source: ir.Value, low: Sequence[int], high: Sequence[int], number: float) -> ir.Value:
    """A tensor.pad with a number; the source itself where nothing is added."""
    if not any((*low, *high)):
        return source
    shape = [sum(extents) for extents in zip(source.type.shape, low, high, strict=True)]
    kind = ir.RankedTensorType.get(shape, source.type.element_type)
    value = arith.constant(kind.element_type, number)
    pad = tensor.PadOp(kind, source, [], [], list(low), list(high))
    block = pad.operation.regions[0].blocks.append(
        *[ir.IndexType.get()] * len(shape), arg_locs=[pad.location] * len(shape)
    )
    with ir.InsertionPoint(block):
        tensor.YieldOp(value)
    return pad.result


def widened(value: ir.Value) -> ir.Value:
    """A scalar or tensor as f32; f32 is left as it is."""
    kind = like(value, f32())
    return value if kind == value.type else arith.extf(kind, value)


def like(value: ir.Value, element: ir.Type) -> ir.Type:
    """The type of a scalar or tensor with other elements."""
    kind = value.type
    return ir.RankedTensorType.get(kind.shape, element) if isinstance(kind, ir.RankedTensorType) else element


def fused_location(*ops: ir.OpView) -> ir.Location:
    """The location of an op that stands for several earlier ones, so that each can be traced to where it went."""
    return ir.Location.fused([op.operation.location for op in ops], context=ops[0].operation.context)


def maps(*texts: str) -> ir.ArrayAttr:
    """Affine map attributes from `(d0, d1) -> (d1)`."""
    return ir.ArrayAttr.get([ir.Attribute.parse(f"affine_map<{text}>") for text in texts])


def identity_text(rank: int) -> str:
    """`(d0, d1) -> (d0, d1)` of a rank."""
    dims = ", ".join(f"d{i}" for i in range(rank))
    return f"({dims}) -> ({dims})"


def generic(
    inputs: Sequence[ir.Value],
    output: ir.Value,
    indexing_maps: ir.ArrayAttr,
    reductions: int,
    body: Callable[..., ir.Value],
) -> ir.OpView:
    """A linalg.generic with its last `reductions` loops reduced; `body` gets the block's arguments."""
    rank = ir.AffineMapAttr(indexing_maps[0]).value.n_dims
    kinds = ["parallel"] * (rank - reductions) + ["reduction"] * reductions
    iterators = ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds])
    op = linalg.GenericOp(
        result_tensors=[output.type],
        inputs=list(inputs),
        outputs=[output],
        indexing_maps=indexing_maps,
        iterator_types=iterators,
    )
    scalars = [ir.RankedTensorType(value.type).element_type for value in (*inputs, output)]
    location = op.operation.location
    block = op.operation.regions[0].blocks.append(*scalars, arg_locs=[location] * len(scalars))
    with ir.InsertionPoint(block), location:
        linalg.YieldOp([body(*block.arguments)])
    return op


@dataclass(frozen=True)
class WindowGrid:
    """Where the windows of a conv lie: (D, H, W) of the output, and by axis the steps of windows and of taps."""

    spatial: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]

    def position(self, at: Sequence[ir.Value], window: Sequence[ir.Value]) -> list[ir.Value]:
        """Where each axis reads; see window_position."""
        return window_position(at, window, self.strides, self.dilations)


def window_position(
    at: Sequence[ir.Value], window: Sequence[ir.Value], strides: Sequence[int], dilations: Sequence[int]
) -> list[ir.Value]:
    """Where each axis of a conv's window reads: output position * stride + kernel position * dilation."""
    return [
        arith.addi(arith.muli(out_at, index_constant(stride)), arith.muli(k, index_constant(dilation)))
        for out_at, k, stride, dilation in zip(at, window, strides, dilations, strict=True)
    ]


def clone_body(block: ir.Block, arguments: Sequence[ir.Value]) -> ir.Value:
    """Clones a generic's body at the insertion point, its block arguments replaced; returns the yielded value."""
    values = dict(zip(block.arguments, arguments, strict=False))
    for inner in block.operations:
        operands = [values.get(operand, operand) for operand in inner.operands]
        if inner.name == "linalg.yield":
            return operands[0]
        copy = inner.operation.clone().operation
        for position, operand in enumerate(operands):
            copy.operands[position] = operand
        values[inner.results[0]] = copy.results[0]
    raise AssertionError("a generic's body ends with linalg.yield")
