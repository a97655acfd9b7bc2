"""The max pool rule of block-layout: pool(pad(unpack(x), -inf)) = unpack(pool of the blocks, window clamped)."""

import re
from collections.abc import Sequence

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.match import body_ops, defining_op, is_fill, pad_amounts
from rt3d_mlir.passes.ops import max_pool
from rt3d_mlir.passes.ops.channel_layout import blocked_source, unpack_channels

_WINDOW_MAP = re.compile(r"d(\d+)(?: \* (\d+))? \+ d(\d+)(?: \* (\d+))?$")


def block_max_pool(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces torch-mlir's 8-loop max pool over an unpacked tensor by a pool of the blocked one."""
    if [inner.name for inner in body_ops(op)] != ["arith.maximumf", "linalg.yield"] or len(op.inputs) != 2:
        return NO_MATCH
    strides = _strides(op)
    if strides is None or not is_fill(op.operands[2], float("-inf")):
        return NO_MATCH
    source, low = op.inputs[0], [0] * 5
    amounts = pad_amounts(defining_op(source))
    if amounts is not None and amounts.value == float("-inf"):
        source, low = amounts.source, amounts.low
    blocked = blocked_source(source)
    if blocked is None or any(low[:2]):
        return NO_MATCH
    kernel = list(op.inputs[1].type.shape)
    shape = list(op.results[0].type.shape)
    if not _windows_meet_input(source.type.shape[2:], shape[2:], kernel, strides, low[2:]):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        pooled = max_pool.build(blocked, shape[2:], kernel, strides, low[2:])
        plain = unpack_channels(pooled, shape)
    rewriter.replace_op(op, [plain])
    return None


def _strides(op: ir.OpView) -> list[int] | None:
    """(sd, sh, sw) of a map (d0, d1, d2*sd + d5, d3*sh + d6, d4*sw + d7); None for dilated or other windows."""
    results = ir.AffineMapAttr(op.attributes["indexing_maps"][0]).value.results
    if len(results) != 5 or [str(e) for e in list(results)[:2]] != ["d0", "d1"]:
        return None
    strides = []
    for axis, expression in enumerate(list(results)[2:]):
        match = _WINDOW_MAP.match(str(expression))
        if match is None or (int(match[1]), int(match[3])) != (2 + axis, 5 + axis) or match[4]:
            return None
        strides.append(int(match[2] or 1))
    return strides


def _windows_meet_input(
    size: Sequence[int], out: Sequence[int], kernel: Sequence[int], strides: Sequence[int], low: Sequence[int]
) -> bool:
    """Whether every window holds an input position: a clamped one that lies in padding alone would not be -inf."""
    axes = zip(size, out, kernel, strides, low, strict=True)
    return all(below < k and (count - 1) * stride - below < extent for extent, count, k, stride, below in axes)
