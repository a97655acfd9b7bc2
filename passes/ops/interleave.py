"""Channels interleaved in space on the blocked layout, floor 2: a linalg.generic that reads at computed indices.

    out[n, o, d, h, w, c] = x[n, q floordiv C, (d + ld) floordiv sd, ..., (w + lw) floordiv sw, q mod C]
    with m = o*C + c, q = (m floordiv F * P + p)*F + m mod F,
         p = ((d + ld) mod sd * sh + (h + lh) mod sh) * sw + (w + lw) mod sw

The whole is phases.py's on channel blocks. The result begins at (ld, lh, lw) of it and may end before it does, as that
of a transposed conv does. Channels behind the last one are zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.passes.ir.build import empty, generic, index_constant, maps
from rt3d_mlir.passes.ops.marked import Marked, gathering_user, read
from rt3d_mlir.passes.ops.phases import Phases

_MAP = "(n, o, d, h, w, c) -> (n, o, d, h, w, c)"


@dataclass(frozen=True, eq=False)
class Interleave(Marked):
    """A blocked interleave in the IR: its input, its phases, where (d, h, w) it begins and how many channels it has."""

    name: ClassVar[str] = "interleave"
    x: ir.Value
    phases: Phases
    low: tuple[int, ...]
    channels: tuple[int, ...]

    @property
    def by_blocks(self) -> bool:
        """Whether a block of the result is one block of the input, at each position."""
        return self.phases.filters % self.x.type.shape[5] == 0


def interleave_after(value: ir.Value) -> Interleave | None:
    """The only user of a value, if it is an interleave of whole channel blocks."""
    user = gathering_user(value)
    found = Interleave.match(user) if user is not None else None
    return found if found is not None and found.by_blocks else None


def build(x: ir.Value, channels: int, size: Sequence[int], phases: Phases, low: Sequence[int]) -> ir.Value:
    """The interleave of a blocked `x` [N, Q, D, H, W, C] to [N, ceil(channels/C), *size, C], of x's element type."""
    batch, *_, block = x.type.shape
    element = x.type.element_type
    count, filters = (index_constant(number) for number in (phases.count, phases.filters))

    def body(_out: ir.Value) -> ir.Value:
        n, o, *at, c = (linalg.IndexOp(axis).result for axis in range(6))
        at = [arith.addi(axis, index_constant(first)) for axis, first in zip(at, low, strict=True)]
        steps = [index_constant(step) for step in phases.steps]
        position = [arith.divui(axis, step) for axis, step in zip(at, steps, strict=True)]
        phase = index_constant(0)
        for axis, step in zip(at, steps, strict=True):
            phase = arith.addi(arith.muli(phase, step), arith.remui(axis, step))
        m = arith.addi(arith.muli(o, index_constant(block)), c)
        there = arith.minui(m, index_constant(channels - 1))
        first = arith.addi(arith.muli(arith.divui(there, filters), count), phase)
        q = arith.addi(arith.muli(first, filters), arith.remui(there, filters))
        q_block, lane = (op(q, index_constant(block)) for op in (arith.divui, arith.remui))
        value = read("x", x, [n, q_block, *position, lane])
        if channels % block == 0:
            return value
        inside = arith.cmpi(arith.CmpIPredicate.ult, m, index_constant(channels))
        return arith.select(inside, value, arith.constant(element, 0.0))

    op = generic([], empty([batch, -(-channels // block), *size, block], element), maps(_MAP), 0, body)
    Interleave.mark(op, phases=phases, low=low, channels=[channels])
    return op.results[0]
