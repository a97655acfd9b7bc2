"""The CPU kernel of a packed conv: sums of a tile of output columns stay in registers over all taps of a row.

    for each row p of filter groups, each tile of rows x columns:
        sums = 0                                      columns x gM numbers, in vector registers
        for tap in taps(p):
            for i in 0..C:
                w = weights[tap, i, 0..gM]            one vector load
                for each column: sums[column] += x[offset[tap] + column, i] * w
        store epilogue(sums)

A workgroup takes one row p and a chunk of output rows. Where the weights of a layer fit the cache, p runs fastest and
the input is read once; else the chunks do, and the weights are. One extra chunk writes the zero border.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref, vector

from rt3d_mlir.passes import kernel as k
from rt3d_mlir.passes.blocked import Blocked
from rt3d_mlir.targets import Target

#: Packed weights up to this size stay in the second-level cache of the cores we know (256 KiB to 1 MiB).
CACHED_WEIGHTS = 256 * 1024
#: Workgroups a layer should have at least, so that 8 cores stay busy with rows of unequal tap count.
MIN_WORKGROUPS = 64

Epilogue = Callable[[ir.Value, Sequence[ir.Value]], ir.Value]


@dataclass(frozen=True)
class ConvKernel:
    """All a kernel depends on. `source` is the padded input's (Q, Dp, Hp, Wp); `taps` counts all rows' taps."""

    target: Target
    filters: int
    source: tuple[int, ...]
    strides: tuple[int, ...]
    out: Blocked
    rows: int
    taps: int

    @property
    def tile(self) -> tuple[int, int]:
        """Output rows and columns whose sums fit the registers, with the least work over the whole output."""
        per_column = ceil(self.filters / self.target.lanes)
        budget = self.target.columns * ceil(self.target.group.m / self.target.lanes)
        most = max(1, budget // per_column)
        width, rows = self.out.size[2], self.out.rows
        candidates = [
            (th, tw) for th in range(1, most + 1) for tw in range(1, min(width, most // th) + 1) if rows % th == 0
        ]

        def work(tile: tuple[int, int]) -> float:
            th, tw = tile
            # A tap costs its FMAs, never less than 8 columns (FMA latency), and about two columns of overhead.
            return (rows // th) * ceil(width / tw) * (max(th * tw, 8) + 2)

        return min(candidates, key=lambda tile: (work(tile), tile[0]))

    @property
    def weights_fit(self) -> bool:
        return self.taps * self.out.block * self.filters * 4 <= CACHED_WEIGHTS

    @property
    def chunk(self) -> int:
        """Output rows a workgroup computes: a multiple of the tile's."""
        th = self.tile[0]
        wanted = 4 if self.weights_fit else self.out.rows * self.rows * self.out.batch // MIN_WORKGROUPS
        return min(self.out.rows, max(th, wanted // th * th))

    @property
    def grid(self) -> tuple[int, int, int]:
        chunks = ceil(self.out.rows / self.chunk) + self.out.padded
        return (self.rows, chunks, self.out.batch) if self.weights_fit else (chunks, self.rows, self.out.batch)

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, packed weights, offsets, ptr, then the epilogue's vectors [P * gM], then the output."""
        x, weights, offsets, ptr, *vectors, target = bindings
        row, chunk, n = (ids[0], ids[1], ids[2]) if self.weights_fit else (ids[1], ids[0], ids[2])
        chunks = ceil(self.out.rows / self.chunk)

        def compute() -> None:
            first, last = k.load_index(ptr, row), k.load_index(ptr, k.at("a + 1", row))
            start = k.at(f"a * {self.chunk}", chunk)
            stop = arith.minsi(k.at(f"a * {self.chunk} + {self.chunk}", chunk), k.index(self.out.rows))
            th, tw = self.tile
            with k.loop(start, stop, th) as r, k.loop(k.index(0), k.index(self.out.size[2]), tw) as w:
                # The last tile of a row moves left and computes some columns twice, rather than a narrower tile.
                column = w if self.out.size[2] % tw == 0 else arith.minsi(w, k.index(self.out.size[2] - tw))
                rows = [k.at(f"a + {i}", r) for i in range(th)]
                sums = self._sums(x, weights, offsets, (first, last), [self._base(n, i, column) for i in rows])
                self._store(sums, target, (n, row), rows, column, vectors, epilogue)

        if not self.out.padded:
            compute()
            return
        k.if_else(k.less(chunk, k.index(chunks)), compute, lambda: self._border(target, n, row))

    def _base(self, n: ir.Value, row: ir.Value, column: ir.Value) -> ir.Value:
        """Where the window of an output position starts in the flat input."""
        q, depth, height, width = self.source
        (sd, sh, sw), rows = self.strides, self.out.size[1]
        d, h = f"(b floordiv {rows}) * {sd}", f"(b mod {rows}) * {sh}"
        text = f"(a * {q * depth * height * width} + (({d}) * {height} + {h}) * {width} + c * {sw}) * {self.out.block}"
        return k.at(text, n, row, column)

    def _sums(
        self,
        x: ir.Value,
        weights: ir.Value,
        offsets: ir.Value,
        span: tuple[ir.Value, ir.Value],
        bases: Sequence[ir.Value],
    ) -> Sequence[ir.Value]:
        """The sums of a tile, one vector a column, row by row."""
        block, step = self.out.block, self.strides[2] * self.out.block
        columns = self.tile[1]

        def tap(j: ir.Value, sums: Sequence[ir.Value]) -> Sequence[ir.Value]:
            offset = k.load_index(offsets, j)
            starts = [k.at(f"a + b * {block} + {t * step}", base, offset) for base in bases for t in range(columns)]
            read = self._reader(x, starts)
            for i in range(block):
                where = k.at(f"(a * {block} + {i}) * {self.filters}", j)
                weight = k.load_vector(weights, where, self.filters)
                sums = [vector.fma(read(c, i), weight, total) for c, total in enumerate(sums)]
            return sums

        zero = k.splat(0.0, self.filters)
        return k.reduce_loop(*span, [zero] * (len(bases) * columns), tap)

    def _reader(self, x: ir.Value, starts: Sequence[ir.Value]) -> Callable[[int, int], ir.Value]:
        """(column, channel) -> that input number in all lanes, in the way the target's FMA likes it."""
        if self.target.broadcast == "lane" and self.out.block > 1:
            loaded = [k.load_vector(x, start, self.out.block) for start in starts]
            return lambda c, i: k.broadcast(vector.extract(loaded[c], [], [i]), self.filters)
        return lambda c, i: k.broadcast(memref.load(x, [k.at(f"a + {i}", starts[c])]), self.filters)

    def _store(
        self,
        sums: Sequence[ir.Value],
        target: ir.Value,
        place: tuple[ir.Value, ir.Value],
        rows: Sequence[ir.Value],
        column: ir.Value,
        vectors: Sequence[ir.Value],
        epilogue: Epilogue | None,
    ) -> None:
        n, p = place
        block, columns = self.out.block, self.tile[1]
        if epilogue is not None:
            at_row = k.at(f"a * {self.filters}", p)
            operands = [k.load_vector(v, at_row, self.filters) for v in vectors]
            sums = [epilogue(total, operands) for total in sums]
        for r in range(self.filters // block):

            def write(r: int = r) -> None:
                where = k.at(f"a * {self.filters // block} + {r}", p)
                for i, row in enumerate(rows):
                    line = k.at(f"a + b * {block}", self.out.row_offset(n, where, row), column)
                    for c in range(columns):
                        part = k.slice_vector(sums[i * columns + c], r * block, block)
                        k.store_vector(part, target, k.at(f"a + {c * block}", line))

            self._if_exists(p, r, write)

    def _border(self, target: ir.Value, n: ir.Value, p: ir.Value) -> None:
        for r in range(self.filters // self.out.block):
            where = k.at(f"a * {self.filters // self.out.block} + {r}", p)
            self._if_exists(p, r, lambda where=where: self.out.zero_border(target, n, where))

    def _if_exists(self, p: ir.Value, r: int, write: Callable[[], None]) -> None:
        """Block r of row p may lie behind the last output channel, where gM does not divide M."""
        per_row = self.filters // self.out.block
        if self.rows * per_row == self.out.blocks:
            write()
        else:
            k.if_else(k.less(k.at(f"a * {per_row} + {r}", p), k.index(self.out.blocks)), write)
