"""The norm rule of block-layout: mean(x) and mean((x - mean)^2) = unpack(mean(pack(x))), unpack(variance(pack(x))).

What a norm of a channel or of a group of channels subtracts and divides by, of x [N, C, D, H, W]:

    %m = mean of %x by group -> [N, C, 1, 1, 1]
    %d = linalg.generic { subf } ins(%x, %m)
    %q = linalg.generic { mulf } ins(%d, %d)
    %v = mean of %q by group -> [N, C, 1, 1, 1]

A mean by group is a sum of as many numbers as a group has, in the order of memory, over their count; then each number
stands once for each channel of its group. What lies between, reshapes and broadcasts, is checked by what it does to
numbers. The rest of the norm is elementwise, with gates. The rule runs before those that move conversions, among which
the one of average pools would take the mean of an instance norm.
"""

from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure
from rt3d_mlir.passes.ir.constant_folding import align
from rt3d_mlir.passes.ir.match import (
    body_ops,
    defining_op,
    generic_body,
    is_elementwise,
    is_f32,
    is_identity,
    is_sum,
    scalar_constant,
    static_shape,
)
from rt3d_mlir.passes.ops.channel_layout import pack_channels, unpack_channels
from rt3d_mlir.passes.ops.moments import Groups, build_mean, build_variance

_RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape")


def block_moments(op: ir.OpView, rewriter: rewrite.PatternRewriter, block: int) -> Failure | None:
    """Replaces both means, in blocks of `block` channels; `op` is the last op of the variance's."""
    variance = _GroupMean.of(op.results[0])
    squared = defining_op(variance.source) if variance else None
    if variance is None or squared is None or not _is_binary(squared, "arith.mulf"):
        return NO_MATCH
    left, right = squared.inputs
    off = defining_op(left)
    if left != right or off is None or not _is_binary(off, "arith.subf"):
        return NO_MATCH
    x, value = off.inputs
    mean = _GroupMean.of(value)
    if mean is None or mean.source != x or mean.groups != variance.groups:
        return NO_MATCH
    shape = list(value.type.shape)
    with ir.InsertionPoint(value.owner), value.owner.location:
        blocked = pack_channels(x, block)
        means = build_mean(blocked, mean.groups)
        plain = unpack_channels(means, shape)
    with rewriter.ip, op.operation.location:
        result = unpack_channels(build_variance(blocked, means, mean.groups), shape)
    value.replace_all_uses_with(plain)
    rewriter.replace_op(op, [result])
    return None


@dataclass(frozen=True, eq=False)
class _GroupMean:
    """A value [N, C, 1, 1, 1] that is the mean of `source` [N, C, D, H, W] over each channel's group."""

    source: ir.Value
    groups: Groups

    @staticmethod
    def of(value: ir.Value) -> "_GroupMean | None":
        """None for a value that is none."""
        shape = static_shape(value)
        if shape is None or len(shape) != 5 or list(shape[2:]) != [1, 1, 1] or not is_f32(value):
            return None
        means, order = _before_copies(value)
        scaled = defining_op(means)
        total, divisor = _division(scaled) if scaled is not None else (None, 0.0)
        sums = defining_op(_before_reshapes(total)) if total is not None else None
        if sums is None or not _sums_runs(sums):
            return None
        source = _before_reshapes(sums.inputs[0])
        run, size = prod(source.type.shape) // prod(means.type.shape), source.type.shape
        if len(size) != 5 or list(size[:2]) != list(shape[:2]) or run % prod(size[2:]) or divisor != run:
            return None
        group = run // prod(size[2:])
        expected = np.repeat(np.arange(prod(means.type.shape)), group)
        return _GroupMean(source, Groups(shape[1], group)) if np.array_equal(order, expected) else None


def _before_reshapes(value: ir.Value) -> ir.Value:
    op = defining_op(value)
    return _before_reshapes(op.operands[0]) if op is not None and op.name in _RESHAPES else value


def _before_copies(value: ir.Value) -> tuple[ir.Value, np.ndarray]:
    """What a value is made of by reshapes and broadcasts alone, and which element of it each of its own is, flat."""
    op = defining_op(value)
    if op is not None and op.name in _RESHAPES:
        return _before_copies(op.operands[0])
    if op is None or op.name != "linalg.generic" or not is_elementwise(op) or len(op.inputs) != 1:
        return value, np.arange(prod(value.type.shape))
    (terminator,) = body_ops(op)[:1]
    if terminator.name != "linalg.yield" or terminator.operands[0] != generic_body(op).arguments[0]:
        return value, np.arange(prod(value.type.shape))
    source, order = _before_copies(op.inputs[0])
    mapping = ir.AffineMapAttr(op.attributes["indexing_maps"][0]).value
    placed = align(order.reshape(op.inputs[0].type.shape), mapping, len(value.type.shape))
    if placed is None:
        return value, np.arange(prod(value.type.shape))
    return source, np.broadcast_to(placed, value.type.shape).reshape(-1)


def _division(op: ir.OpView) -> tuple[ir.Value | None, float]:
    """The value that an elementwise generic divides by a number, and the number; None for another op."""
    names = [inner.name for inner in body_ops(op)] if op.name == "linalg.generic" else []
    if names != ["arith.divf", "linalg.yield"] or len(op.inputs) != 1 or not is_elementwise(op):
        return None, 0.0
    numerator, denominator = body_ops(op)[0].operands
    number = scalar_constant(denominator)
    in_order = is_identity(op.attributes["indexing_maps"][0]) and numerator == generic_body(op).arguments[0]
    return (op.inputs[0], number) if in_order and number is not None else (None, 0.0)


def _sums_runs(op: ir.OpView) -> bool:
    """Whether a generic adds up runs of its one input, in the order of memory."""
    if not is_sum(op):
        return False
    loops = zip(op.attributes["iterator_types"], op.inputs[0].type.shape, strict=True)
    reduced = ["reduction" in str(kind) for kind, size in loops if size > 1]
    written = ir.AffineMapAttr(op.attributes["indexing_maps"][1]).value.results
    kept = [e.position for e in written if isinstance(e, ir.AffineDimExpr)]
    return reduced == sorted(reduced) and kept == sorted(kept)


def _is_binary(op: ir.OpView, name: str) -> bool:
    """Whether an elementwise generic of two inputs, the first in loop order, is this op of them."""
    names = [inner.name for inner in body_ops(op)] if op.name == "linalg.generic" else []
    if names != [name, "linalg.yield"] or len(op.inputs) != 2 or not is_elementwise(op):
        return False
    in_order = is_identity(op.attributes["indexing_maps"][0])
    return in_order and list(body_ops(op)[0].operands) == list(generic_body(op).arguments)[:2]
