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
from rt3d_mlir.passes.ops.moment_parts import Combination, MomentAccess, Parts, Vectors, part_moments
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
        source, lanes = self.source, self.source.block
        length, first = self.parts.length(part), k.at(f"a * {self.parts.run}", part)

        def offset(position: ir.Value) -> ir.Value:
            width = source.size[2]
            row = source.row_offset(n, block, k.at(f"a floordiv {width}", position))
            return k.at(f"a + (b mod {width}) * {lanes}", row, position)

        adder = _Adder(x, k.widen(k.load_vector(x, offset(first), lanes)), self._columns)
        if source.padded:
            last, width = k.at("a + b", first, length), source.size[2]
            totals = k.reduce_loop(
                first, last, adder.zeros, lambda at, sums: adder.row(offset(at), width, sums), step=width
            )
        else:
            totals = adder.run(offset(first), length, adder.zeros)
        sums, squares = (adder.folded(totals, which) for which in range(2))
        for which, value in enumerate(part_moments(adder.pivot, sums, squares, length)):
            k.store_vector(value, target, k.at(f"a * {lanes}", self.parts.at(n, block, part, which)))


@dataclass(frozen=True, eq=False)
class _Adder:
    """Adds up what is beyond `pivot`, C lanes, and the squares of that.

    Sums are TURNS vectors of `columns` x C lanes, as many of squares, and one of C lanes of each for single columns.
    """

    x: ir.Value
    pivot: ir.Value
    columns: int

    @property
    def lanes(self) -> int:
        return ir.VectorType(self.pivot.type).shape[0]

    @property
    def zeros(self) -> list[ir.Value]:
        wide, narrow = k.splat(0.0, self.lanes * self.columns), k.splat(0.0, self.lanes)
        return [wide] * (2 * TURNS) + [narrow] * 2

    def row(self, start: ir.Value, width: int, sums: Vectors) -> Vectors:
        """A row of so many columns."""
        whole = width // (self.columns * TURNS) * self.columns * TURNS
        if whole:
            sums = self._turns(start, k.index(whole), sums)
        sums = self._wide(k.at(f"a + {whole * self.lanes}", start), (width - whole) // self.columns, sums)
        for column in range(width - (width - whole) % self.columns, width):
            sums = self._narrow(k.at(f"a + {column * self.lanes}", start), sums)
        return sums

    def run(self, start: ir.Value, length: ir.Value, sums: Vectors) -> Vectors:
        """So many positions side by side."""
        whole = k.at(f"a - a mod {self.columns * TURNS}", length)
        sums = self._turns(start, whole, sums)
        return k.reduce_loop(
            whole, length, sums, lambda c, sums: self._narrow(k.at(f"a + b * {self.lanes}", start, c), sums)
        )

    def folded(self, totals: Vectors, which: int) -> ir.Value:
        """The sums (0) or the squares (1), C lanes."""
        wide = reduce(arith.addf, totals[which * TURNS : (which + 1) * TURNS])
        parts = [k.slice_vector(wide, i * self.lanes, self.lanes) for i in range(self.columns)]
        return reduce(arith.addf, parts, totals[2 * TURNS + which])

    def _turns(self, start: ir.Value, last: ir.Value, sums: Vectors) -> Vectors:
        def turn(column: ir.Value, sums: Vectors) -> Vectors:
            return self._wide(k.at(f"a + b * {self.lanes}", start, column), TURNS, sums)

        return k.reduce_loop(k.index(0), last, sums, turn, step=self.columns * TURNS)

    def _wide(self, start: ir.Value, count: int, sums: Vectors) -> Vectors:
        pivot, width = k.repeat(self.pivot, self.columns), self.columns * self.lanes
        for i in range(count):
            value = k.widen(k.load_vector(self.x, k.at(f"a + {i * width}", start), width))
            sums = _with(sums, i, i + TURNS, arith.subf(value, pivot))
        return sums

    def _narrow(self, start: ir.Value, sums: Vectors) -> Vectors:
        value = k.widen(k.load_vector(self.x, start, self.lanes))
        return _with(sums, 2 * TURNS, 2 * TURNS + 1, arith.subf(value, self.pivot))


def _with(sums: Vectors, at: int, squares: int, off: ir.Value) -> list[ir.Value]:
    """The sums with a number and its square added to two of them."""
    added = list(sums)
    added[at] = arith.addf(sums[at], off)
    added[squares] = arith.addf(sums[squares], arith.mulf(off, off))
    return added


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

    access = MomentAccess(
        load=lambda at: k.load_vector(parts, k.at(f"a * {lanes}", at), lanes),
        store=lambda value, at: k.store_vector(value, target, k.at(f"a * {lanes}", at)),
        total=total,
        each=each,
    )
    kernel.body(access, unit, n)
