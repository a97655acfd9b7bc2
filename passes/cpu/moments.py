"""The CPU kernels of norms' means and variances (passes/ops/moment_parts.py): parts of channel blocks, then groups.

A part is a run of rows, or of positions where the activation has no padding around it. Its columns are contiguous, so
whole vector registers are added up, four of them in turn, which hides the latency of the additions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import ceil

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.moment_parts import Combination, Machine, Parts, Vectors, part_moments
from rt3d_mlir.targets import CpuTarget

#: Vectors of sums.
TURNS = 4
#: The most positions of a part: each sum then adds up some hundred numbers.
POSITIONS = 8192


@dataclass(frozen=True)
class MomentPartsKernel:
    """A workgroup adds up one part of one channel block of `source`."""

    target: CpuTarget
    source: Blocked

    @cached_property
    def parts(self) -> Parts:
        source, width = self.source, self._line_width
        lines = source.rows * source.size[2] // width
        enough = ceil(lines * source.blocks * source.batch / self.target.workgroups)
        run = max(1, min(enough, POSITIONS // width)) * width
        return Parts(source.batch, source.blocks, source.block, source.rows * source.size[2], run)

    @property
    def _line_width(self) -> int:
        """Positions of a line: a row, or as many as the vectors of a step hold."""
        return self.source.size[2] if self.source.padded else self._columns * TURNS

    @property
    def _columns(self) -> int:
        """Columns of a vector."""
        return max(1, self.target.lanes // self.source.block)

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: the activation, then the parts."""
        x, target = bindings
        part, block, n = ids
        source, lanes, columns = self.source, self.source.block, self._columns
        length = self.parts.length(part)
        first = k.at(f"a * {self.parts.run}", part)

        def offset(position: ir.Value) -> ir.Value:
            width = source.size[2]
            row = source.row_offset(n, block, k.at(f"a floordiv {width}", position))
            return k.at(f"a + (b mod {width}) * {lanes}", row, position)

        pivot = k.widen(k.load_vector(x, offset(first), lanes))
        wide_pivot = k.repeat(pivot, columns)
        zeros = [*[k.splat(0.0, lanes * columns)] * (2 * TURNS), *[k.splat(0.0, lanes)] * 2]

        def add(sums: list[ir.Value], at: int, value: ir.Value, around: ir.Value, squares: int) -> None:
            off = arith.subf(value, around)
            sums[at] = arith.addf(sums[at], off)
            sums[at + squares] = arith.addf(sums[at + squares], arith.mulf(off, off))

        def wide(start: ir.Value, count: int, sums: Vectors) -> list[ir.Value]:
            added = list(sums)
            for i in range(count):
                value = k.widen(k.load_vector(x, k.at(f"a + {i * columns * lanes}", start), columns * lanes))
                add(added, i, value, wide_pivot, TURNS)
            return added

        def narrow(start: ir.Value, sums: Vectors) -> list[ir.Value]:
            added = list(sums)
            add(added, 2 * TURNS, k.widen(k.load_vector(x, start, lanes)), pivot, 1)
            return added

        def steps(start: ir.Value, first: ir.Value, last: ir.Value, sums: Vectors) -> Vectors:
            turn = columns * TURNS
            return k.reduce_loop(
                first, last, sums, lambda c, sums: wide(k.at(f"a + b * {lanes}", start, c), TURNS, sums), step=turn
            )

        def row(start: ir.Value, sums: Vectors) -> Vectors:
            width, turn = source.size[2], columns * TURNS
            whole = width // turn * turn
            if whole:
                sums = steps(start, k.index(0), k.index(whole), sums)
            sums = wide(k.at(f"a + {whole * lanes}", start), (width - whole) // columns, sums)
            for column in range(width - (width - whole) % columns, width):
                sums = narrow(k.at(f"a + {column * lanes}", start), sums)
            return sums

        def rows() -> Vectors:
            width = source.size[2]
            return k.reduce_loop(
                first, k.at("a + b", first, length), zeros, lambda at, sums: row(offset(at), sums), step=width
            )

        def positions() -> Vectors:
            start, turn = offset(first), columns * TURNS
            whole = k.at(f"a - a mod {turn}", length)
            sums = steps(start, k.index(0), whole, zeros)
            return k.reduce_loop(whole, length, sums, lambda c, sums: narrow(k.at(f"a + b * {lanes}", start, c), sums))

        totals = rows() if source.padded else positions()
        sums, squares = (self._folded(totals, i) for i in range(2))
        for i, value in enumerate(part_moments(pivot, sums, squares, length)):
            k.store_vector(value, target, k.at(f"a * {lanes}", self.parts.at(n, block, part, i)))

    def _folded(self, totals: Vectors, which: int) -> ir.Value:
        """The sums (0) or the squares (1), C lanes of all columns."""
        lanes = self.source.block
        wide = reduce(arith.addf, totals[which * TURNS : (which + 1) * TURNS])
        parts = [k.slice_vector(wide, i * lanes, lanes) for i in range(self._columns)]
        return reduce(arith.addf, parts, totals[2 * TURNS + which])


def combination_body(kernel: Combination, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
    """The second kernel; bindings: the parts, then the means and variances."""
    parts, target = bindings
    unit, _, n = ids
    lanes = kernel.parts.block

    def total(count: int, terms: Callable[[ir.Value], Vectors]) -> Vectors:
        first: Sequence[ir.Value] = terms(k.index(0))
        return k.reduce_loop(
            k.index(1),
            k.index(count),
            first,
            lambda i, sums: [arith.addf(a, b) for a, b in zip(sums, terms(i), strict=True)],
        )

    def each(count: int, act: Callable[[ir.Value], None]) -> None:
        with k.loop(k.index(0), k.index(count)) as i:
            act(i)

    machine = Machine(
        load=lambda at: k.load_vector(parts, k.at(f"a * {lanes}", at), lanes),
        store=lambda value, at: k.store_vector(value, target, k.at(f"a * {lanes}", at)),
        total=total,
        each=each,
    )
    kernel.body(machine, unit, n)
