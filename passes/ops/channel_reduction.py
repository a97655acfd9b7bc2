"""Sums, maxima and minima over channels, floor 2: what layer norms, softmax and attention maps are made of.

    out[n, 0, d, h, w, 0] = sum over channels q of x[n, q floordiv C, d, h, w, q mod C]

`x` is blocked, [N, Q, D, H, W, C], f32 or f16, of K channels; those behind the last one do not count. The result is the
blocked form of [N, 1, D, H, W], f32: its other lanes hold zeros. Elementwise ops read its first lane for all channels.
"""

from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.passes.ir.build import empty, f32_constant, filled, generic, index_constant, maps, widened
from rt3d_mlir.passes.ir.reductions import COMBINE, KINDS
from rt3d_mlir.passes.ops.marked import Marked, read

_LOOPS = "(n, d, h, w, c, k)"


@dataclass(frozen=True)
class ReducedChannels:
    """How many there are."""

    count: int


@dataclass(frozen=True, eq=False)
class ChannelReduction(Marked):
    """The reduction of `x`; `kind` is one of passes.ir.reductions.KINDS."""

    name: ClassVar[str] = "channel_reduction"
    x: ir.Value
    kind: str
    channels: ReducedChannels


def build(x: ir.Value, kind: str, channels: int) -> ir.Value:
    """The reduction of a blocked `x` of so many channels."""
    batch, _, *size, block = x.type.shape
    start = filled([batch, 1, *size, block], KINDS[kind][1])

    def body(_window: ir.Value, total: ir.Value) -> ir.Value:
        n, d, h, w, c, channel = (linalg.IndexOp(axis).result for axis in range(6))
        place = (arith.divui(channel, index_constant(block)), arith.remui(channel, index_constant(block)))
        value = widened(read("x", x, [n, place[0], d, h, w, place[1]]))
        first = arith.cmpi(arith.CmpIPredicate.eq, c, index_constant(0))
        return arith.select(first, COMBINE[kind](total, value), f32_constant(0.0))

    mapping = maps(f"{_LOOPS} -> (k)", f"{_LOOPS} -> (n, 0, d, h, w, c)")
    op = generic([empty([channels])], start, mapping, 1, body)
    ChannelReduction.mark(op, ["window"], kind=kind, channels=ReducedChannels(channels))
    return op.results[0]
