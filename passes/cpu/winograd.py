"""The CPU kernels of a Winograd conv: a dispatch for each of its three steps.

    input     a workgroup transforms one group of tiles of one plane, for all channels
    product   for one plane, a row of filters and a point: a matmul of tiles x filters, summed over channels and depth
              taps in registers. Points run slowest, filters next, planes fastest: the weights of a row at a point, and
              the plane's tiles at a point, are read again while a core's cache holds them.
    output    for one output plane and a row of filters: transforms back, applies the epilogue, takes the maximum over
              windows of a pool, and writes the consumer's padded tensor; one more plane writes its zero border

The product is the kernel of the direct conv (cpu/conv.py) on data that lie in the order in which it reads them. V and M
pass through memory: at C3D's sizes that costs less than what reading all weights again for a few tiles would, which is
what keeping M in a core's cache means.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product as pairs

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, memref, vector

from rt3d_mlir.passes.cpu.epilogue import Finish, Finisher
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.passes.ops.winograd_matrices import KERNEL, matrices
from rt3d_mlir.passes.ops.winograd_steps import Facts
from rt3d_mlir.targets import CpuTarget


@dataclass(frozen=True)
class InputKernel:
    """`source` is x, `result` V's shape."""

    facts: Facts
    source: Blocked
    result: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, int, int]:
        batch, planes, groups = self.result[:3]
        return groups, planes, batch

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: x, the tiles' starts, V."""
        x, starts, v = bindings
        g, d, n = ids
        (whole, depth, height, width), blocks, block = self.source.full, self.source.blocks, self.source.block
        _, planes, groups, points, _, columns, _ = self.result
        tiling = self.facts.tiling
        b = matrices(tiling.tile).input
        across, down, right = range(len(b)), tiling.down * width, tiling.right
        panel = blocks * columns * block
        with k.loop(k.index(0), k.index(blocks)) as q, k.loop(k.index(0), k.index(columns)) as t:
            at = k.at(f"(a * {columns} + b) * 2", g, t)
            h, w = k.load_index(starts, at), k.load_index(starts, k.at("a + 1", at))
            plane = k.at(f"(a * {whole} + b) * {depth} + c + {self.facts.low}", n, q, d)
            corner = k.at(f"((a * {height} + b) * {width} + c + {self.source.start}) * {block}", plane, h, w)
            patch = [
                [k.load_vector(x, k.at(f"a + {(i * down + j * right) * block}", corner), block) for j in across]
                for i in across
            ]
            turned = [_times(b, [patch[i][j] for i in across]) for j in across]  # [column][row of B]
            group = k.at(f"((a * {planes} + b) * {groups} + c) * {points * panel}", n, d, g)
            place = k.at(f"a + (b * {columns} + c) * {block}", group, q, t)
            for i in across:
                for j, value in enumerate(_times(b, [turned[column][i] for column in across])):
                    k.store_vector(value, v, k.at(f"a + {(i * len(b) + j) * panel}", place))


@dataclass(frozen=True)
class ProductKernel:
    """`source` is V's shape, `weights` U's, `result` M's."""

    target: CpuTarget
    facts: Facts
    source: tuple[int, ...]
    weights: tuple[int, ...]
    result: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, int, int]:
        batch, depth, rows, _, points, _, _ = self.result
        return depth, rows, points * batch

    @property
    def halo(self) -> Halo:
        """Of the depth axis: planes that are padding are not in V."""
        planes, depth, taps = self.source[1], self.result[1], self.weights[2]
        full = (depth - 1) * self.facts.stride + (taps - 1) * self.facts.dilation + 1
        return Halo((self.facts.low, 0), (planes, 0), (max(full, self.facts.low + planes), 0))

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: V, U, M."""
        v, u, m = bindings
        d, f, z = ids
        batch, planes, groups, points, blocks, columns, block = self.source
        _, depth, rows, _, _, _, filters = self.result
        taps = self.weights[2]
        p, n = (z, k.index(0)) if batch == 1 else (k.at(f"a mod {points}", z), k.at(f"a floordiv {points}", z))
        strides, dilations = (self.facts.stride,), (self.facts.dilation,)
        first, last = self.halo.inside(0, d, taps, strides, dilations) or (k.index(0), k.index(taps))
        row = k.at(f"(a * {rows} + b) * {taps * blocks * block * filters}", p, f)
        with k.loop(k.index(0), k.index(groups)) as g:

            def plane(tap: ir.Value, sums: Sequence[ir.Value]) -> Sequence[ir.Value]:
                at = k.at(f"a * {self.facts.stride} + b * {self.facts.dilation} - {self.facts.low}", d, tap)
                panel = k.at(f"((a * {planes} + b) * {groups} + c) * {points} + d", n, at, g, p)
                tiles = k.at(f"a * {blocks * columns * block}", panel)
                weights = k.at(f"a + b * {blocks * block * filters}", row, tap)

                def channels(q: ir.Value, sums: Sequence[ir.Value]) -> Sequence[ir.Value]:
                    read = self._reader(v, k.at(f"a + b * {columns * block}", tiles, q))
                    for i in range(block):
                        where = k.at(f"a + (b * {block} + {i}) * {filters}", weights, q)
                        weight = k.load_vector(u, where, filters)
                        sums = [vector.fma(read(t, i), weight, total) for t, total in enumerate(sums)]
                    return sums

                return k.reduce_loop(k.index(0), k.index(blocks), sums, channels)

            sums = k.reduce_loop(first, last, [k.splat(0.0, filters)] * columns, plane)
            panel = k.at(f"((a * {depth} + b) * {rows} + c) * {groups} + d", n, d, f, g)
            place = k.at(f"(a * {points} + b) * {columns * filters}", panel, p)
            for t, total in enumerate(sums):
                k.store_vector(total, m, k.at(f"a + {t * filters}", place))

    def _reader(self, v: ir.Value, start: ir.Value) -> Callable[[int, int], ir.Value]:
        """(tile, channel) -> that number in all lanes, in the way the target's FMA likes it."""
        block, filters = self.source[6], self.result[6]
        if self.target.broadcast == "lane" and block > 1:
            loaded = [k.load_vector(v, k.at(f"a + {t * block}", start), block) for t in range(self.source[5])]
            return lambda t, i: k.broadcast(vector.extract(loaded[t], [], [i]), filters)
        return lambda t, i: k.broadcast(memref.load(v, [k.at(f"a + {t * block + i}", start)]), filters)


@dataclass(frozen=True)
class OutputKernel:
    """`source` is M's shape; `out` is what is written: the conv's output, or its maximum over windows of `pool`."""

    target: CpuTarget
    facts: Facts
    source: tuple[int, ...]
    out: Blocked
    pool: tuple[int, ...] = (1, 1, 1)

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.out.size[0] + self.out.padded, self.source[2], self.out.batch

    @property
    def width(self) -> int:
        """Filters that are transformed at once: whole blocks, a vector of them where they are smaller."""
        width, filters = self.out.block, self.source[6]
        while 2 * width <= self.target.lanes and filters % (2 * width) == 0:
            width *= 2
        return width

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: M, the tiles' starts, the epilogue's inputs, y."""
        m, starts, *operands, y = bindings
        d, f, n = ids
        filters, block = self.source[6], self.out.block
        finisher = Finisher(epilogue, operands, self.source[2] * filters // block)

        def compute() -> None:
            for part in range(0, filters, self.width):
                first = k.at(f"a * {filters // block} + {part // block}", f)
                self._part(m, starts, y, (d, f, n), part, finisher.of(n, first, self.width // block))

        def border() -> None:
            for r in range(filters // block):
                self._if_exists(f, r, lambda block: self.out.zero_border(y, n, block))

        if self.out.padded:
            k.if_else(k.less(d, k.index(self.out.size[0])), compute, border)
        else:
            compute()

    def _part(
        self,
        m: ir.Value,
        starts: ir.Value,
        y: ir.Value,
        ids: tuple[ir.Value, ir.Value, ir.Value],
        part: int,
        finish: Finish,
    ) -> None:
        """All tiles of a plane, for `width` filters from `part` on."""
        d, f, n = ids
        _, depth, rows, groups, points, columns, filters = self.source
        tile, down, right = self.facts.tiling.tile, self.facts.tiling.down, self.facts.tiling.right
        pd, ph, pw = self.pool
        windows = list(pairs(range(tile // ph), range(tile // pw)))
        with k.loop(k.index(0), k.index(groups)) as g, k.loop(k.index(0), k.index(columns)) as t:
            at = k.at(f"(a * {columns} + b) * 2", g, t)
            h, w = k.load_index(starts, at), k.load_index(starts, k.at("a + 1", at))

            def plane(i: ir.Value) -> list[ir.Value]:
                """The tile's windows in plane i of the pool's."""
                panel = k.at(f"((a * {depth} + b * {pd} + c) * {rows} + d) * {groups} + e", n, d, i, f, g)
                place = k.at(f"(a * {points * columns} + b) * {filters} + {part}", panel, t)
                line = k.at(f"(a * {pd} + b) * {self.facts.tiling.height} + c", d, i, h)
                sums = self._tile(m, place)
                values = [self._finished(finish, row, k.at(f"a + {r * down}", line), w) for r, row in enumerate(sums)]
                return [
                    k.largest([values[r * ph + i][c * pw + j] for i, j in pairs(range(ph), range(pw))])
                    for r, c in windows
                ]

            def deeper(i: ir.Value, before: Sequence[ir.Value]) -> Sequence[ir.Value]:
                return [k.maximum(value, old) for value, old in zip(plane(i), before, strict=True)]

            values = plane(k.index(0))
            if pd > 1:
                values = k.reduce_loop(k.index(1), k.index(pd), values, deeper)
            height = self.out.size[1]
            line = k.at(f"a * {height} + b floordiv {ph}", d, h)
            column = k.at(f"a floordiv {pw}", w)

            def write(block: ir.Value, r: int) -> None:
                for value, (row, c) in zip(values, windows, strict=True):
                    start = self.out.row_offset(n, block, k.at(f"a + {row * down}", line))
                    piece = k.slice_vector(value, r * self.out.block, self.out.block)
                    k.store_vector(piece, y, k.at(f"a + (b + {c * right}) * {self.out.block}", start, column))

            for r in range(self.width // self.out.block):
                self._if_exists(f, part // self.out.block + r, lambda block, r=r: write(block, r))

    def _finished(
        self, finish: Finish, sums: Sequence[ir.Value], row: ir.Value, column: ir.Value
    ) -> Sequence[ir.Value]:
        """The epilogue on a row of a tile, whose columns may lie apart."""
        right = self.facts.tiling.right
        if right == 1:
            return finish(sums, row, column)
        return [finish([total], row, k.at(f"a + {c * right}", column))[0] for c, total in enumerate(sums)]

    def _tile(self, m: ir.Value, place: ir.Value) -> list[list[ir.Value]]:
        """The tile's sums, row by row, from its points at `place`."""
        a = matrices(self.facts.tiling.tile).output
        across, step = range(self.facts.tiling.tile + KERNEL - 1), self.source[5] * self.source[6]
        loaded = [
            [k.load_vector(m, k.at(f"a + {(i * len(across) + j) * step}", place), self.width) for i in across]
            for j in across
        ]
        turned = [_times(a, column) for column in loaded]  # [column][row of A]
        return [_times(a, [turned[j][r] for j in across]) for r in range(len(a))]

    def _if_exists(self, f: ir.Value, r: int, write: Callable[[ir.Value], None]) -> None:
        """Calls `write` with block r of row f, which may lie behind the last output channel."""
        per_row = self.source[6] // self.out.block
        where = k.at(f"a * {per_row} + {r}", f)
        if self.source[2] * per_row == self.out.blocks:
            write(where)
        else:
            k.if_else(k.less(where, k.index(self.out.blocks)), lambda: write(where))


def _times(matrix: np.ndarray, values: Sequence[ir.Value]) -> list[ir.Value]:
    """A small constant matrix times a column of vectors."""
    return [_combined(row, values) for row in matrix]


def _combined(factors: np.ndarray, values: Sequence[ir.Value]) -> ir.Value:
    """The sum of factor * value, without multiplications by 0, 1 and -1; it starts with a factor 1 where one is."""
    terms = sorted(((float(f), v) for f, v in zip(factors, values, strict=True) if f), key=lambda term: term[0] != 1)
    total: ir.Value | None = None
    for factor, value in terms:
        lanes = ir.VectorType(value.type).shape[0]
        if total is None:
            total = value if factor == 1 else arith.mulf(value, k.splat(factor, lanes))
        elif abs(factor) == 1:
            total = (arith.addf if factor == 1 else arith.subf)(total, value)
        else:
            total = vector.fma(value, k.splat(factor, lanes), total)
    assert total is not None, "no row of the matrices is zero"
    return total
