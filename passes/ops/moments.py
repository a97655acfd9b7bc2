"""Means and variances of an activation by group of channels, floor 2: what norms subtract and divide by.

    mean[n, c]     = sum over channels e of c's group and positions of x[n, e, d, h, w] / count
    variance[n, c] = sum over the same of (x[n, e, d, h, w] - mean[n, c])^2 / count

`x` is blocked, [N, Q, D, H, W, C], f32 or f16. Each result is [N, Q, 1, 1, 1, C] of f32, with the same number in all
channels of a group. A group has K channels, one for an instance norm. Channels behind the last one hold zeros; where
K is 1, they hold their own mean and variance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.passes.ir.build import empty, f32_constant, filled, generic, index_constant, maps, widened
from rt3d_mlir.passes.ops.marked import Marked, read

_LOOPS = "(n, o, c, k, d, h, w)"
#: A term of a sum, from a number of x and the (n, o, c) of the result.
_Term = Callable[[ir.Value, Sequence[ir.Value]], ir.Value]


@dataclass(frozen=True)
class Groups:
    """How many channels there are, and how many a group has."""

    channels: int
    size: int


@dataclass(frozen=True, eq=False)
class Mean(Marked):
    """The means of `x`."""

    name: ClassVar[str] = "group_mean"
    x: ir.Value
    groups: Groups


@dataclass(frozen=True, eq=False)
class Variance(Marked):
    """The variances of `x` around `mean`, the result of a Mean of the same input and groups."""

    name: ClassVar[str] = "group_variance"
    x: ir.Value
    mean: ir.Value
    groups: Groups


def build_mean(x: ir.Value, groups: Groups) -> ir.Value:
    """The means of a blocked `x`."""
    op = _average(x, groups, lambda value, _: value)
    Mean.mark(op, ["window"], groups=groups)
    return op.results[0]


def build_variance(x: ir.Value, mean: ir.Value, groups: Groups) -> ir.Value:
    """The variances of a blocked `x` around its `mean`."""

    def square(value: ir.Value, at: Sequence[ir.Value]) -> ir.Value:
        (n, o, c), zero = at, index_constant(0)
        off = arith.subf(value, read("mean", mean, [n, o, zero, zero, zero, c]))
        return arith.mulf(off, off)

    op = _average(x, groups, square)
    Variance.mark(op, ["window"], groups=groups)
    return op.results[0]


def _average(x: ir.Value, groups: Groups, term: _Term) -> ir.OpView:
    batch, blocks, *size, block = x.type.shape
    share = 1 / (groups.size * prod(size))

    def body(_window: ir.Value, total: ir.Value) -> ir.Value:
        n, o, c, k, *position = (linalg.IndexOp(axis).result for axis in range(7))
        channel = arith.addi(arith.muli(o, index_constant(block)), c)
        first = arith.muli(arith.divui(channel, index_constant(groups.size)), index_constant(groups.size))
        inside = arith.cmpi(arith.CmpIPredicate.ult, channel, index_constant(groups.channels))
        read_at = arith.select(inside, arith.addi(first, k), channel) if groups.size > 1 else channel
        place = (arith.divui(read_at, index_constant(block)), arith.remui(read_at, index_constant(block)))
        value = term(widened(read("x", x, [n, place[0], *position, place[1]])), (n, o, c))
        scaled = arith.mulf(value, f32_constant(share))
        added = arith.select(inside, scaled, f32_constant(0.0)) if groups.size > 1 else scaled
        return arith.addf(total, added)

    sums = filled([batch, blocks, 1, 1, 1, block], 0.0)
    mapping = maps(f"{_LOOPS} -> (k, d, h, w)", f"{_LOOPS} -> (n, o, 0, 0, 0, c)")
    return generic([empty([groups.size, *size])], sums, mapping, 4, body)
