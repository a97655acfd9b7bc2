"""The 3D form of 1D and 2D values: [N, C, H, W] as [N, C, 1, H, W] and [N, C, W] as [N, C, 1, 1, W].

`lowered(lifted(x)) = x` and both move no data, so a value that was lowered is lifted by taking what it was before.
"""

from collections.abc import Sequence

import iree.compiler.ir as ir
from iree.compiler.dialects import linalg, tensor

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import constant, empty, padded
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import PadAmounts, defining_op, integers, pad_amounts, static_shape

#: torch-mlir's conv2d of several groups, whose result [N, G, M/G, H, W] is no volume.
GROUPED = "linalg.conv_2d_ngchw_gfchw"
#: Of a batch of volumes: N, C, D, H, W.
RANK = 5


def lifted(value: ir.Value, state: State) -> ir.Value:
    """The 3D form of a value of rank 3 or 4, built at the insertion point, through padding and initial values.

    Constants become constants again, so that their numbers stay at hand.
    """
    source, shape = lowered_source(value), lifted_shape(value.type.shape)
    if source is not None:
        return source
    op, element = defining_op(value), value.type.element_type
    if op is not None and op.name == "tensor.empty":
        return empty(shape, element)
    if op is not None and op.name == "linalg.fill":
        return linalg.fill(op.operands[0], outs=[empty(shape, element)])
    if op is not None and op.name == "linalg.broadcast":
        axes = range(2, 2 + RANK - len(value.type.shape))
        moved = [lifted_axis(axis, len(value.type.shape)) for axis in integers(op.attributes["dimensions"])]
        return linalg.broadcast(
            op.operands[0], outs=[empty(shape, element)], dimensions=sorted([*moved, *axes])
        ).results[0]
    amounts = pad_amounts(op)
    if amounts is not None:
        return _lifted_pad(amounts, state)
    found = constant_value(value, state.weights)
    if found is not None:
        array, key = found
        return constant(state, f"{key or 'constant'}.lifted", array.reshape(shape), origin=key)
    return tensor.expand_shape(_type(value, shape), value, groups(len(value.type.shape)), [], shape)


def lowered(value: ir.Value, kind: ir.Type) -> ir.Value:
    """A 3D value back as its type of rank 3 or 4."""
    return tensor.collapse_shape(kind, value, groups(len(kind.shape)))


def lowered_source(value: ir.Value) -> ir.Value | None:
    """The 3D value that `value` is the lowered form of; None for any other value."""
    op = defining_op(value)
    shape = static_shape(value)
    if op is None or op.name != "tensor.collapse_shape" or shape is None or not 3 <= len(shape) < RANK:
        return None
    source = op.operands[0]
    producer = defining_op(source)
    if producer is not None and producer.name == GROUPED:  # groups of one filter have the shape, and are none
        return None
    return source if list(source.type.shape) == lifted_shape(shape) else None


def lifted_shape(shape: Sequence[int]) -> list[int]:
    """[N, C, 1, H, W] of [N, C, H, W]."""
    batch, channels, *spatial = shape
    return [batch, channels, *[1] * (RANK - len(shape)), *spatial]


def lifted_axis(axis: int, rank: int) -> int:
    """Where an axis of a value of `rank` is in its 3D form: h of (n, c, h, w) is 3."""
    return axis if axis < 2 else axis + RANK - rank


def lifted_map(attribute: ir.Attribute, is_lifted: bool) -> ir.Attribute:
    """A generic's map over loops (n, c, h, w) as one over (n, c, d, h, w), its value lifted or as it was.

    A lifted value is read along the new loops, but for one that is read at 0 along all others, [N, C, 1, 1].
    """
    affine_map = ir.AffineMapAttr(attribute).value
    new = range(2, 2 + RANK - affine_map.n_dims)
    results = [
        ir.AffineDimExpr.get(lifted_axis(ir.AffineDimExpr(axis).position, affine_map.n_dims))
        if isinstance(axis, ir.AffineDimExpr)
        else axis
        for axis in affine_map.results
    ]
    if is_lifted:
        fixed = all(isinstance(axis, ir.AffineConstantExpr) for axis in results[2:])
        results[2:2] = [ir.AffineConstantExpr.get(0) if fixed else ir.AffineDimExpr.get(axis) for axis in new]
    return ir.AffineMapAttr.get(ir.AffineMap.get(RANK, 0, results))


def reads_axes(attribute: ir.Attribute) -> bool:
    """Whether a map's results are loops and constants only, as `lifted_map` takes them."""
    kinds = (ir.AffineDimExpr, ir.AffineConstantExpr)
    return all(isinstance(axis, kinds) for axis in ir.AffineMapAttr(attribute).value.results)


def groups(rank: int) -> list[list[int]]:
    """[[0], [1], [2, 3], [4]]: which axes of the 3D form are one axis of rank 4."""
    first = RANK - rank + 3
    return [[0], [1], list(range(2, first)), *([axis] for axis in range(first, RANK))]


def _lifted_pad(amounts: PadAmounts, state: State) -> ir.Value:
    source = lifted(amounts.source, state)
    low, high = ([*side[:2], *[0] * (RANK - len(side)), *side[2:]] for side in (amounts.low, amounts.high))
    return padded(source, low, high, amounts.value)


def _type(value: ir.Value, shape: Sequence[int]) -> ir.Type:
    return ir.RankedTensorType.get(list(shape), value.type.element_type)
