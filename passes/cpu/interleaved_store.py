"""A conv's kernel whose channels are interleaved in space: where the vectors of its tiles go."""

from collections.abc import Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.cpu.epilogue import Finisher
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.places import Places


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

                    k.if_all([places.inside(2, w)], write_one)

            k.if_all([places.inside(0, d), places.inside(1, h)], write_row)
