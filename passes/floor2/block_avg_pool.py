"""The average pool rules of block-layout: pool(pad(unpack(x), 0)) = unpack(pool of the blocks, padding left out).

torch-mlir writes a pool as a sum and a division after it; a mean over positions is a sum over whole axes:

    %s = linalg.transpose (linalg.pooling_ndhwc_sum (linalg.transpose (tensor.pad %x)))        AvgPool3d
    %s = linalg.generic { addf } ins(%x), over d2, d3, d4                    mean, AdaptiveAvgPool3d(1)
    %y = linalg.generic { divf of a number, or of one computed from the position } ins(%s)

The numbers of the division are evaluated here, so all ways to count padding, `divisor_override` and cut windows are
one table by position, which the blocked pool multiplies by.
"""

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import fused_location
from rt3d_mlir.passes.ir.evaluate import evaluate_body
from rt3d_mlir.passes.ir.match import (
    body_ops,
    conv_window,
    defining_op,
    generic_body,
    integers,
    is_elementwise,
    is_f32,
    is_fill,
    is_identity,
    is_sum,
    only_user,
    pad_amounts,
)
from rt3d_mlir.passes.ops import avg_pool
from rt3d_mlir.passes.ops.channel_layout import blocked_source, unpack_channels

_CHANNELS_LAST, _CHANNELS_FIRST = [0, 2, 3, 4, 1], [0, 4, 1, 2, 3]


def block_avg_pool(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a transpose of torch-mlir's pooling_ndhwc_sum of an unpacked tensor by a pool of the blocked one."""
    sums = defining_op(op.operands[0])
    if integers(op.attributes["permutation"]) != _CHANNELS_FIRST or sums is None:
        return NO_MATCH
    if sums.name != "linalg.pooling_ndhwc_sum" or not is_fill(sums.operands[2], 0.0):
        return NO_MATCH
    last = defining_op(sums.operands[0])
    strides, dilations = conv_window(sums)
    if last is None or last.name != "linalg.transpose" or dilations != [1, 1, 1]:
        return NO_MATCH
    if integers(last.attributes["permutation"]) != _CHANNELS_LAST:
        return NO_MATCH
    source, low = last.operands[0], [0] * 5
    amounts = pad_amounts(defining_op(source))
    if amounts is not None and amounts.value == 0.0 and not any((*amounts.low[:2], *amounts.high[:2])):
        source, low = amounts.source, amounts.low
    kernel = list(sums.operands[1].type.shape)
    return _replace(op, source, kernel, strides, low[2:], rewriter, state)


def block_mean(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a sum over whole axes of an unpacked tensor, [N, C, D, H, W] -> [N, C, 1, 1, 1], by a pool."""
    if not is_sum(op) or len(op.results[0].type.shape) != 5:
        return NO_MATCH
    _, written = op.attributes["indexing_maps"]
    reduced = ["reduction" in str(kind) for kind in op.attributes["iterator_types"]]
    expected = ["0" if axis else f"d{at}" for at, axis in enumerate(reduced)]
    if [str(e) for e in ir.AffineMapAttr(written).value.results] != expected or any(reduced[:2]):
        return NO_MATCH
    size = op.inputs[0].type.shape[2:]
    kernel = [extent if axis else 1 for extent, axis in zip(size, reduced[2:], strict=True)]
    return _replace(op, op.inputs[0], kernel, kernel, [0, 0, 0], rewriter, state)


def _replace(
    op: ir.OpView,
    source: ir.Value,
    kernel: list[int],
    strides: list[int],
    low: list[int],
    rewriter: rewrite.PatternRewriter,
    state: State,
) -> Failure | None:
    """The pool of what `source` is the unpack of, in place of `op` and the division behind it."""
    blocked = blocked_source(source)
    if blocked is None or not is_f32(source):
        return NO_MATCH
    shape = list(op.results[0].type.shape)
    division = only_user(op.results[0])
    scale = None if division is None else _scale_of(division)
    last = op if division is None or scale is None else division
    with ir.InsertionPoint(last.operation), fused_location(op, last):
        table = np.ones((1, 1, 1), np.float32) if scale is None else scale
        plain = unpack_channels(avg_pool.build(state, blocked, shape[2:], table, kernel, strides, low), shape)
    rewriter.replace_op(last, [plain])
    return None


def _scale_of(op: ir.OpView) -> np.ndarray | None:
    """What an elementwise generic multiplies its input by, [1, 1, 1] or by position [D, H, W]; None for another op."""
    if op.name != "linalg.generic" or not is_elementwise(op) or len(op.inputs) != 1 or not is_f32(op.results[0]):
        return None
    mappings = op.attributes["indexing_maps"]
    *_, scaling, terminator = [None, *body_ops(op)]
    x = generic_body(op).arguments[0]
    if scaling is None or not is_identity(mappings[0]) or list(terminator.operands) != list(scaling.results):
        return None
    if scaling.name not in ("arith.divf", "arith.mulf") or scaling.operands[0] != x or len(list(x.uses)) != 1:
        return None
    table = evaluate_body(op, [np.ones((), np.float32)])
    if table is None or not np.isfinite(table).all():
        return None
    table = np.asarray(table, np.float32).reshape((1,) * (5 - np.ndim(table)) + np.shape(table))
    if table.shape[:2] != (1, 1):
        return None
    size = op.results[0].type.shape[2:]
    uniform = table.min() == table.max()
    return table[0, 0, :1, :1, :1] if uniform else np.ascontiguousarray(np.broadcast_to(table[0, 0], size))
