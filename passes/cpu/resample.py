"""The CPU kernel of a blocked resampling: lines of the input are combined first, then the columns of their sum.

Interpolating along D and H is a sum of input lines, each times a number, in whole vector registers; the sum is kept on
the stack, and interpolated along W: four lines and two columns for eight corners. Where the columns of V outputs lie
within V inputs, and the next V are the same further on, as when a picture is enlarged by 2, they are one load and a
shuffle a tap; other columns are read one by one, by a table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, memref, vector

from rt3d_mlir.passes.cpu.epilogue import Finish, Finisher
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.separable import Separable
from rt3d_mlir.targets import CpuTarget

#: Some columns of the line that the outputs of a row are made of: read(position, columns).
Read = Callable[[ir.Value, int], ir.Value]


@dataclass(frozen=True)
class _Run:
    """`tiles` tiles of V outputs from column `first` on. The taps of tile i are columns `shuffles[tap]` of the `span`
    ones from `base` + i * `step` on."""

    first: int
    tiles: int
    base: int
    step: int
    span: int
    shuffles: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ResampleKernel:
    """A workgroup computes one depth plane of one channel block, or writes its border."""

    target: CpuTarget
    separable: Separable
    source: Blocked
    out: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.out.plane_grid

    @cached_property
    def columns(self) -> int:
        """V, the columns of a vector register."""
        return max(1, self.target.lanes // self.out.block)

    @cached_property
    def positions(self) -> np.ndarray:
        """The taps of D, of H and of W, one behind the other, i32; -1 for those of a position that is outside."""
        return np.concatenate([axis.full.reshape(-1) for axis in self.separable.axes]).astype(np.int32)

    @cached_property
    def weights(self) -> np.ndarray:
        """Of D, of H, and of W by tap for each lane of a row of outputs, f32."""
        d, h, w = (axis.weights for axis in self.separable.axes)
        parts = [d.reshape(-1), h.reshape(-1), np.repeat(w.T, self.out.block, axis=1).reshape(-1)]
        return np.concatenate(parts).astype(np.float32)

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, positions, weights, then the epilogue's inputs, then the output."""
        x, positions, weights, *operands, target = bindings
        finisher = Finisher(epilogue, operands, self.out.blocks)
        row = _Row(self, x, positions, weights, target, finisher)
        self.out.plane_or_border(target, ids, lambda: row.plane(ids))

    @cached_property
    def runs(self) -> list[_Run]:
        """The outputs of a row that are computed V at a time."""
        runs, at, table = [], 0, self.separable.axes[2].full
        while at + 2 * self.columns <= len(table):
            run = self._run(table, at)
            at += 1 if run is None else run.tiles * self.columns
            runs += [] if run is None else [run]
        return runs

    def _run(self, table: np.ndarray, first: int) -> _Run | None:
        count = (len(table) - first) // self.columns
        tiles = table[first : first + count * self.columns].reshape(count, self.columns, -1)
        bases = tiles.min((1, 2))
        shuffles, step = tiles - bases[:, None, None], bases[1] - bases[0]
        same = (shuffles == shuffles[0]).all((1, 2)) & (bases == bases[0] + step * np.arange(count)) & (bases >= 0)
        length = count if same.all() else int(np.argmin(same))
        span = int(shuffles[0].max()) + 1
        if length < 2 or span > self.columns:
            return None
        by_tap = tuple(tuple(int(column) for column in tap) for tap in shuffles[0].T)
        return _Run(first, length, int(bases[0]), int(step), span, by_tap)


@dataclass(frozen=True, eq=False)
class _Row:
    """Builds the rows of a plane."""

    kernel: ResampleKernel
    x: ir.Value
    positions: ir.Value
    weights: ir.Value
    target: ir.Value
    finisher: Finisher

    def plane(self, ids: Sequence[ir.Value]) -> None:
        kernel, (d, block, n) = self.kernel, ids
        depth, rows, _ = kernel.out.size
        (taps_d, taps_h, _), out = kernel.separable.taps, kernel.out
        line = self._scratch()
        single, several = (self.finisher.of(n, block, columns=columns) for columns in (1, kernel.columns))
        with k.loop(k.index(0), k.index(rows)) as h:
            row = k.at(f"a * {rows} + b", d, h)
            places = [self._places(d, 0, taps_d), self._places(h, depth * taps_d, taps_h)]
            start = out.row_offset(n, block, row)

            def inside() -> None:
                read = self._lines(n, block, places, line)
                self._columns(read, row, start, single, several)

            def outside() -> None:
                fill = k.splat(kernel.separable.fill, out.block, self._element)
                with k.loop(k.index(0), k.index(out.size[2])) as w:
                    self._store(single, fill, row, w, start)

            if any(axis.outside.any() for axis in kernel.separable.axes[:2]):
                there = [k.less(k.index(-1), k.load_index(self.positions, taps[0])) for taps in places]
                k.if_else(arith.andi(*there), inside, outside)
            else:
                inside()

    @property
    def _element(self) -> ir.Type:
        """Of the results: numbers that only move stay what they are."""
        return k.element_type(self.x) if self.kernel.separable.moves else ir.F32Type.get()

    def _places(self, at: ir.Value, first: int, taps: int) -> list[ir.Value]:
        """Where the tables have the taps of an output position."""
        return [k.at(f"a * {taps} + {first + tap}", at) for tap in range(taps)]

    def _scratch(self) -> ir.Value | None:
        """Memory for a sum of lines; None where there is one line, or no room."""
        lines, numbers = np.prod(self.kernel.separable.taps[:2]), self.kernel.source.size[2] * self.kernel.out.block
        if lines == 1 or numbers * 4 > self.kernel.target.stack:
            return None
        return memref.alloca(ir.MemRefType.get([numbers], ir.F32Type.get()), [], [])

    def _lines(
        self, n: ir.Value, block: ir.Value, places: Sequence[Sequence[ir.Value]], scratch: ir.Value | None
    ) -> Read:
        """How to read the sum of the input lines that an output row is made of."""
        kernel, lanes = self.kernel, self.kernel.out.block
        source = kernel.source
        blocks, depth, height, width = source.full
        plane = k.at(f"(a * {blocks} + b) * {depth * height * width} + {source.start}", n, block)
        pairs = list(product(*places))
        starts = [
            k.at(
                f"(a + (b * {height} + c) * {width}) * {lanes}", plane, *(k.load_index(self.positions, p) for p in pair)
            )
            for pair in pairs
        ]
        plain = all(axis.moves for axis in kernel.separable.axes[:2])
        factors = [] if plain else [arith.mulf(*(memref.load(self.weights, [p]) for p in pair)) for pair in pairs]

        def total(offset: ir.Value, count: int) -> ir.Value:
            values = [k.load_vector(self.x, k.at("a + b", start, offset), count) for start in starts]
            if plain:
                return values[0] if kernel.separable.moves else k.widen(values[0])
            return _sum(values, [k.broadcast(factor, count) for factor in factors])

        if scratch is None:
            return lambda position, columns: total(k.at(f"a * {lanes}", position), columns * lanes)
        numbers = source.size[2] * lanes
        size = min(numbers, kernel.columns * lanes)
        with k.tiles(numbers, size) as at:
            k.store_vector(total(at, size), scratch, at)
        return lambda position, columns: k.load_vector(scratch, k.at(f"a * {lanes}", position), columns * lanes)

    def _columns(self, read: Read, row: ir.Value, start: ir.Value, single: Finish, several: Finish) -> None:
        """All outputs of a row: the runs, and one by one what is before, between and behind them."""
        at = 0
        for run in self.kernel.runs:
            self._one_by_one(read, at, run.first, row, start, single)
            self._run(read, run, row, start, several)
            at = run.first + run.tiles * self.kernel.columns
        self._one_by_one(read, at, self.kernel.out.size[2], row, start, single)

    def _run(self, read: Read, run: _Run, row: ir.Value, start: ir.Value, finish: Finish) -> None:
        lanes, columns = self.kernel.out.block, self.kernel.columns
        with k.loop(k.index(0), k.index(run.tiles)) as tile:
            loaded = read(k.at(f"a * {run.step} + {run.base}", tile), run.span)
            w = k.at(f"a * {columns} + {run.first}", tile)
            orders = [[column * lanes + lane for column in tap for lane in range(lanes)] for tap in run.shuffles]
            values = [
                loaded if order == list(range(run.span * lanes)) else vector.shuffle(loaded, loaded, order)
                for order in orders
            ]
            self._store(finish, self._weighted(values, w, columns), row, w, start)

    def _one_by_one(self, read: Read, first: int, last: int, row: ir.Value, start: ir.Value, finish: Finish) -> None:
        if first == last:
            return
        depth, rows, _ = self.kernel.out.size
        (taps_d, taps_h, taps), axis = self.kernel.separable.taps, self.kernel.separable.axes[2]
        with k.loop(k.index(first), k.index(last)) as w:
            places = self._places(w, depth * taps_d + rows * taps_h, taps)
            positions = [k.load_index(self.positions, place) for place in places]
            outside = axis.outside[first:last].any()
            clamped = [arith.maxsi(p, k.index(0)) for p in positions] if outside else positions
            value = self._weighted([read(position, 1) for position in clamped], w, 1)
            if outside:
                fill = k.splat(self.kernel.separable.fill, self.kernel.out.block, self._element)
                value = arith.select(k.less(positions[0], k.index(0)), fill, value)
            self._store(finish, value, row, w, start)

    def _weighted(self, values: Sequence[ir.Value], w: ir.Value, columns: int) -> ir.Value:
        """The sum of the taps of some outputs from column w on, each times its weight."""
        axis, lanes = self.kernel.separable.axes[2], self.kernel.out.block
        if axis.moves:
            return values[0]
        depth, rows, width = self.kernel.out.size
        taps_d, taps_h, _ = self.kernel.separable.taps
        first = depth * taps_d + rows * taps_h
        places = [k.at(f"a * {lanes} + {first + tap * width * lanes}", w) for tap in range(len(values))]
        return _sum(values, [k.load_vector(self.weights, place, columns * lanes) for place in places])

    def _store(self, finish: Finish, value: ir.Value, row: ir.Value, w: ir.Value, start: ir.Value) -> None:
        (result,) = finish([value], row, w)
        k.store_vector(result, self.target, k.at(f"a + b * {self.kernel.out.block}", start, w))


def _sum(values: Sequence[ir.Value], factors: Sequence[ir.Value]) -> ir.Value:
    """The sum of vectors, each times another, in f32."""
    (first, by), *rest = zip(map(k.widen, values), factors, strict=True)
    return reduce(lambda total, term: vector.fma(*term, total), rest, arith.mulf(first, by))
