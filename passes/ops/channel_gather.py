"""Channels in other places on the blocked layout, floor 2: a linalg.generic that reads by a table.

    out[n, o, d, h, w, c] = x[n, q floordiv C, d, h, w, q mod C]    with q = channel[o, c]; zero where that is -1

It is what a slice, a concatenation, a shuffle or a pad of channels is where blocks do not stay whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import constant, empty, generic, index_constant, maps
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ops.marked import Marked, read

#: Why a schedule leaves one alone.
NOT_AT_HAND = "its channels are no constants at hand"


@dataclass(frozen=True, eq=False)
class ChannelGather(Marked):
    """A gather of channels in the IR: its input, and the input's channel of each of the result's, [O, C], i32."""

    name: ClassVar[str] = "channel_gather"
    x: ir.Value
    channel: ir.Value

    def table(self, weights: WeightTable) -> np.ndarray | None:
        """[O, C]; None where it is no constant at hand."""
        found = constant_value(self.channel, weights)
        return None if found is None else found[0]


def build(state: State, x: ir.Value, channels: Sequence[int] | np.ndarray) -> ir.Value:
    """The `channels` of a blocked `x` [N, Q, D, H, W, C], f32 or f16, -1 for zeros: [N, O, D, H, W, C]."""
    batch, _, *size, block = x.type.shape
    blocks = -(-len(channels) // block)
    numbers = np.full(blocks * block, -1, np.int32)
    numbers[: len(channels)] = channels
    element = x.type.element_type
    table = constant(state, "channel_gather.channel", numbers.reshape(blocks, block))

    def body(channel: ir.Value, _out: ir.Value) -> ir.Value:
        n, _, d, h, w, _ = (linalg.IndexOp(axis).result for axis in range(6))
        none = arith.constant(channel.type, 0)
        there = arith.index_cast(ir.IndexType.get(), arith.maxsi(channel, none))
        q, lane = (op(there, index_constant(block)) for op in (arith.divui, arith.remui))
        value = read("x", x, [n, q, d, h, w, lane])
        inside = arith.cmpi(arith.CmpIPredicate.sge, channel, none)
        return arith.select(inside, value, arith.constant(element, 0.0))

    loops = "(n, o, d, h, w, c)"
    mapping = maps(f"{loops} -> (o, c)", f"{loops} -> {loops}")
    op = generic([table], empty([batch, blocks, *size, block], element), mapping, 0, body)
    ChannelGather.mark(op, ["channel"])
    return op.results[0]
