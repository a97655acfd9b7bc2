"""Where a conv's kernel writes whose channels are interleaved in space.

The blocks of a phase go to every sw-th column of every sh-th row of every sd-th plane. A row of filters is some blocks,
each of one phase; which one is known at run time only.
"""

from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.phases import Phases


@dataclass(frozen=True)
class Places:
    """The (D, H, W) `size` that a conv computes, its phases, and where (d, h, w) of the whole `out` begins.

    Phases have whole channel blocks.
    """

    size: tuple[int, ...]
    phases: Phases
    low: tuple[int, ...]
    out: Blocked

    @property
    def blocks(self) -> int:
        """Channel blocks that the conv computes."""
        return self.out.blocks * self.phases.count

    @property
    def _together(self) -> int:
        """Blocks of a phase."""
        return self.phases.filters // self.out.block

    def block(self, where: ir.Value) -> ir.Value:
        """The output's block that a block of the conv goes to."""
        together = self._together
        return k.at(f"(a floordiv {together * self.phases.count}) * {together} + a mod {together}", where)

    def number(self, where: ir.Value) -> ir.Value:
        """p, the phase of a block of the conv."""
        return k.at(f"(a floordiv {self._together}) mod {self.phases.count}", where)

    def phase(self, where: ir.Value) -> list[ir.Value]:
        """(pd, ph, pw) of a block of the conv."""
        (_, sh, sw), phase = self.phases.steps, self.number(where)
        return [k.at(text, phase) for text in (f"a floordiv {sh * sw}", f"(a floordiv {sw}) mod {sh}", f"a mod {sw}")]

    def place(self, axis: int, at: ir.Value, phase: ir.Value) -> ir.Value:
        """Where a position of the conv goes along an axis; outside of `out` if it is cut off."""
        return k.at(f"a * {self.phases.steps[axis]} + b - {self.low[axis]}", at, phase)

    def inside(self, axis: int, place: ir.Value) -> ir.Value | None:
        """Whether a place is inside of `out`; None where all are."""
        if self.size[axis] * self.phases.steps[axis] == self.out.size[axis]:
            return None
        return arith.cmpi(arith.CmpIPredicate.ult, place, k.index(self.out.size[axis]))
