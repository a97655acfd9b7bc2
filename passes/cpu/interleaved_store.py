"""A conv's kernel whose channels are interleaved in space: where the vectors of its tiles go.

The blocks of a phase go to every sw-th column of every sh-th row of every sd-th plane. A row of filters is some blocks,
each of one phase; which one is known at run time only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.cpu.epilogue import Finisher
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


@dataclass(frozen=True, eq=False)
class InterleavedStore:
    """Writes vectors of one channel block to their places in `target`, and what `finisher` makes of them there."""

    places: Places
    target: ir.Value
    finisher: Finisher

    def border(self, n: ir.Value, where: ir.Value) -> None:
        """The zeros around an output block, written for the first of the phases that go there."""
        first = arith.cmpi(arith.CmpIPredicate.eq, self.places.number(where), k.index(0))
        k.if_else(first, lambda: self.places.out.zero_border(self.target, n, self.places.block(where)))

    def write(
        self,
        n: ir.Value,
        where: ir.Value,
        rows: Sequence[ir.Value],
        column: ir.Value,
        lines: Sequence[Sequence[ir.Value]],
    ) -> None:
        """The vectors of block `where`, one list for each of the conv's `rows`, from `column` on."""
        places, out = self.places, self.places.out
        block, (pd, ph, pw) = places.block(where), places.phase(where)
        finish = self.finisher.of(n, block)
        first = places.place(2, column, pw)
        for row, line in zip(rows, lines, strict=True):
            d = places.place(0, k.at(f"a floordiv {places.size[1]}", row), pd)
            h = places.place(1, k.at(f"a mod {places.size[1]}", row), ph)
            out_row = k.at(f"a * {out.size[1]} + b", d, h)

            def write_row(line: Sequence[ir.Value] = line, out_row: ir.Value = out_row) -> None:
                start = out.row_offset(n, block, out_row)
                for i, value in enumerate(line):
                    w = k.at(f"a + {i * places.phases.w}", first)

                    def write_one(value: ir.Value = value, w: ir.Value = w) -> None:
                        (result,) = finish([value], out_row, w)
                        k.store_vector(result, self.target, k.at(f"a + b * {out.block}", start, w))

                    _if_all([places.inside(2, w)], write_one)

            _if_all([places.inside(0, d), places.inside(1, h)], write_row)


def _if_all(conditions: Sequence[ir.Value | None], then: Callable[[], None]) -> None:
    """Runs `then` where all conditions that there are hold."""
    for condition in conditions:
        if condition is not None:
            then = _guarded(condition, then)
    then()


def _guarded(condition: ir.Value, then: Callable[[], None]) -> Callable[[], None]:
    return lambda: k.if_else(condition, then)
