"""The max pool rule of block-layout: pool(pad(unpack(x), -inf)) = unpack(pool of the blocks, window clamped).

A pad by zeros, as I3D's pools have it, stays in the pool, too; behind a ReLU it counts nothing, as -inf does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.match import body_ops, defining_op, is_elementwise, is_fill, pad_amounts, scalar_constant
from rt3d_mlir.passes.ops import max_pool
from rt3d_mlir.passes.ops.channel_layout import blocked_source, unpack_channels

#: arith.cmpf's predicate "greater, or NaN".
_UGT = 9
_WINDOW_MAP = re.compile(r"d(\d+)(?: \* (\d+))? \+ d(\d+)(?: \* (\d+))?$")


@dataclass(frozen=True, eq=False)
class _Pool:
    """What a max pool over an unpacked tensor becomes: its input in blocks, and its padding, which `zeros` may be."""

    blocked: ir.Value
    strides: list[int]
    low: list[int]
    zeros: bool


def block_max_pool(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces torch-mlir's 8-loop max pool over an unpacked tensor by a pool of the blocked one."""
    pool = _match(op)
    if pool is None:
        return NO_MATCH
    kernel, shape = op.inputs[1].type.shape, list(op.results[0].type.shape)
    zeros = pool.zeros and not _never_negative(pool.blocked)
    with rewriter.ip, op.operation.location:
        pooled = max_pool.build(pool.blocked, shape[2:], kernel, pool.strides, pool.low, zeros)
        plain = unpack_channels(pooled, shape)
    rewriter.replace_op(op, [plain])
    return None


def takes_zeros(op: ir.OpView) -> bool:
    """Whether an op is a max pool that takes the zeros around an unpacked tensor as its own padding."""
    pool = _match(op) if op.name == "linalg.generic" else None
    return pool is not None and pool.zeros


def _match(op: ir.OpView) -> _Pool | None:
    if [inner.name for inner in body_ops(op)] != ["arith.maximumf", "linalg.yield"] or len(op.inputs) != 2:
        return None
    strides = _strides(op)
    if strides is None or not is_fill(op.operands[2], float("-inf")):
        return None
    source, low, zeros = op.inputs[0], [0] * 5, False
    amounts = pad_amounts(defining_op(source))
    if amounts is not None and amounts.value in (0.0, float("-inf")):
        source, low, zeros = amounts.source, amounts.low, amounts.value == 0
    blocked = blocked_source(source)
    if blocked is None or any(low[:2]) or source.type.shape[:2] != op.results[0].type.shape[:2]:
        return None
    sizes = (source.type.shape[2:], op.results[0].type.shape[2:], op.inputs[1].type.shape)
    return _Pool(blocked, strides, low[2:], zeros) if _windows_meet_input(*sizes, strides, low[2:]) else None


def _never_negative(value: ir.Value) -> bool:
    """Whether a value is what a ReLU gives, so that zeros around it count nothing."""
    op = defining_op(value)
    if op is None or op.name != "linalg.generic" or not is_elementwise(op):
        return False
    last = defining_op(body_ops(op)[-1].operands[0])
    if last is not None and last.name == "arith.maximumf":
        return 0.0 in map(scalar_constant, last.operands)
    compare = None if last is None or last.name != "arith.select" else defining_op(last.operands[0])
    if last is None or compare is None or compare.name != "arith.cmpf":
        return False
    greater = ir.IntegerAttr(compare.attributes["predicate"]).value == _UGT
    kept = compare.operands[0] == last.operands[1]
    return greater and kept and all(scalar_constant(each.operands[-1]) == 0.0 for each in (compare, last))


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
