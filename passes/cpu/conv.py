"""The CPU kernel of a packed conv: sums of a tile of output columns stay in registers over the taps of a row.

    for each row p of filters, each tile of output rows x columns:
        sums = 0                                      columns x filters numbers, in vector registers
        for tap in the taps of p that do not fall on padding:
            for each live channel i:
                w = weights[tap, i, :]                one or two vector loads
                for each column: sums[column] += x[offset[tap] + column, i] * w
        store epilogue(sums)

A workgroup takes one row p and a chunk of output rows. Where all weights of a layer fit a shared cache, p runs fastest
and the input is read once; else the chunks do. Where the weights of one row p are too large for the cache of a core and
several tiles use them, the loops are turned (`streamed`): for each kernel position (kd, kh), all tiles of the chunk,
their sums kept on the stack in between. A max pool behind it may be inside (cpu_conv_pool). One extra chunk writes the
zero border.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.cost.cpu_tile import tile_key, timed_tiles
from rt3d_mlir.passes.cpu import conv_pool as cpu_conv_pool
from rt3d_mlir.passes.cpu.conv_pool import NO_POOL, Window
from rt3d_mlir.passes.cpu.epilogue import Finisher
from rt3d_mlir.passes.cpu.tap_loop import TapLoop
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.passes.ops.tap_layout import TapLayout
from rt3d_mlir.sparsity import offsets
from rt3d_mlir.targets import Target

#: Packed weights up to this size stay in a cache that all cores share, and can be read again for each tile.
SHARED_CACHE = 2 * 2**20
#: A row's weights up to this size stay in a core's own cache while its tiles use them.
CORE_CACHE = 256 * 2**10
#: Sums of a streamed chunk, or maxima of a pooled row, on the stack; IREE allows a dispatch 32 KiB.
STACK = 16 * 2**10
#: Workgroups a layer should have at least, so that 8 cores stay busy with rows of unequal tap count.
MIN_WORKGROUPS = 64

Sums = Sequence[ir.Value]


@dataclass(frozen=True)
class ConvKernel:
    """All a kernel depends on.

    `source` is the padded input, `halo` where its zeros are; `size` is the (D, H, W) that the conv computes, `out` what
    is written: the same, or its maximum over the places of `window`.
    """

    target: Target
    taps: TapLayout
    source: Blocked
    halo: Halo
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    size: tuple[int, ...]
    out: Blocked
    window: Window = NO_POOL

    @property
    def rows(self) -> int:
        """Rows that are written: D * H of the output."""
        return self.out.rows

    @property
    def filters(self) -> int:
        return self.taps.filters

    @property
    def offsets(self) -> np.ndarray:
        """[T]: where each tap reads in the padded input, in its own channels."""
        return offsets(self.taps.taps, self.source.full[1:], self.dilations, parts=self.out.block // self.taps.width)

    @property
    def bytes(self) -> int:
        """Of an input number, a weight and an output number: 4 (f32) or 2 (f16)."""
        return self.taps.weights.dtype.itemsize

    @property
    def half(self) -> bool:
        return self.bytes == 2

    @property
    def lanes(self) -> int:
        """Numbers that a vector register holds."""
        return self.target.vector_bits // (8 * self.bytes)

    @property
    def columns_a_load(self) -> int:
        """Neighbouring columns that one load of a register reads; 0 where each number is loaded on its own."""
        if self.taps.width == 1:
            return 0
        packed = self.half and self.strides[2] == 1 and len(self.taps.channels) == self.out.block
        return max(1, self.lanes // self.out.block) if packed else 1

    @property
    def tile_key(self) -> str:
        dtype = "f16" if self.half else "f32"
        return tile_key(self.filters, len(self.taps.channels), self.size, self.taps.kernel, self.window.kernel, dtype)

    @cached_property
    def tiles_by_model(self) -> list[tuple[int, int]]:
        """Tiles whose sums fit the registers, the fastest by the model of the core first."""
        ranked = timed_tiles(
            self.target,
            self.filters,
            len(self.taps.channels),
            self.size,
            self.halo,
            self.taps.kernel,
            self.window.kernel,
            self.lanes,
            self.columns_a_load,
        )
        return [tile for _, tile in ranked]

    @cached_property
    def tile(self) -> tuple[int, int]:
        """Output rows and columns of a tile: what was measured for the target, else what the model says."""
        tuned = self.target.tiles.get(self.tile_key)
        return tuned if tuned in self.tiles_by_model else self.tiles_by_model[0]

    @cached_property
    def tiles(self) -> int:
        """Tiles that cover the width of an output row."""
        return ceil(self.size[2] / self.tile[1])

    @cached_property
    def streamed(self) -> bool:
        """Whether weights pass through the cache once a chunk, not once a tile."""
        reused = self.rows * self.tiles > 1 and not self.window.pools
        return self.taps.row_bytes > CORE_CACHE and self.tile[0] == 1 and reused and self.row_sums <= STACK

    @property
    def row_sums(self) -> int:
        """Bytes of the sums of one of the conv's rows."""
        return self.tiles * self.tile[1] * self.filters * 4

    @cached_property
    def shared(self) -> bool:
        return self.taps.weights.nbytes <= SHARED_CACHE

    @cached_property
    def chunk(self) -> int:
        """Output rows a workgroup computes: a multiple of the tile's."""
        th, rows, windows = self.tile[0], self.rows, self.window.kernel[0] * self.window.kernel[1]
        if self.streamed:
            most = STACK // self.row_sums
            return ceil(rows / ceil(rows / most))
        few = self.shared and not self.window.overlaps  # where windows overlap each chunk computes a row twice
        wanted = 4 // windows if few else rows * self.taps.rows * self.out.batch // MIN_WORKGROUPS
        return min(rows, max(th, wanted // th * th))

    @property
    def far(self) -> bool:
        """Whether the input of one clip is larger than the cache of a core."""
        return self.source.numbers * self.bytes > CORE_CACHE

    @property
    def chunks(self) -> int:
        return ceil(self.rows / self.chunk)

    @property
    def grid(self) -> tuple[int, int, int]:
        chunks = self.chunks + self.out.padded
        return (self.taps.rows, chunks, self.out.batch) if self.shared else (chunks, self.taps.rows, self.out.batch)

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, weights, offsets, starts, then the epilogue's inputs, then the output."""
        work = Workgroup(self, bindings, ids, epilogue)
        compute = work.stream if self.streamed else work.pool if self.window.pools else work.compute
        if not self.out.padded:
            compute()
            return
        k.if_else(k.less(work.chunk, k.index(self.chunks)), compute, work.border)


class Workgroup:
    """Builds the code of one workgroup."""

    def __init__(self, kernel: ConvKernel, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None):
        self.kernel = kernel
        self.x, self.weights, self.offsets, self.starts, *operands, self.target = bindings
        self.p, self.chunk, self.n = (ids[0], ids[1], ids[2]) if kernel.shared else (ids[1], ids[0], ids[2])
        self.per_row = kernel.filters // kernel.out.block
        self.finisher = Finisher(epilogue, operands, kernel.taps.rows * self.per_row)

    def compute(self) -> None:
        """Tile by tile, each over all its taps."""
        th = self.kernel.tile[0]
        start, stop = self.rows()
        with k.loop(start, stop, th) as r, k.loop(k.index(0), k.index(self.kernel.tiles)) as tile:
            column = self.column(tile)
            rows = [k.at(f"a + {i}", r) for i in range(th)]
            bases = [self.base(row, column) for row in rows]
            sums = self.over_taps(r, bases, self.zeros())
            self.store(self.finished(sums, rows, column), rows, column)

    def pool(self) -> None:
        """Row by row of the pool's output."""
        (cpu_conv_pool.overlapping if self.kernel.window.overlaps else cpu_conv_pool.tiling)(self)

    def stream(self) -> None:
        """Kernel position by kernel position, each over all tiles, with the sums on the stack."""
        kernel = self.kernel
        columns, tiles = kernel.tile[1], kernel.tiles
        slots = kernel.chunk * tiles * columns
        stack, zero = self.stack(kernel.chunk * kernel.row_sums, ir.F32Type.get()), k.splat(0.0, kernel.filters)
        start, stop = self.rows()
        with k.loop(k.index(0), k.index(slots)) as slot:
            k.store_vector(zero, stack, k.at(f"a * {kernel.filters}", slot))

        def places(r: ir.Value, tile: ir.Value) -> list[ir.Value]:
            return self.places(k.at(f"((a - b) * {tiles} + c) * {columns}", r, start, tile), columns)

        kd_count, kh_count = kernel.taps.kernel
        with k.loop(k.index(0), k.index(kd_count)) as kd, k.loop(k.index(0), k.index(kh_count)) as kh:
            span = self._segment(kd, kh, 1)
            with k.loop(start, stop) as r:

                def tiles_of_row(r: ir.Value = r) -> None:
                    with k.loop(k.index(0), k.index(tiles)) as tile:
                        where = places(r, tile)
                        sums = [k.load_vector(stack, place, kernel.filters) for place in where]
                        sums = self._taps(span, [self.base(r, self.column(tile))], sums)
                        for total, place in zip(sums, where, strict=True):
                            k.store_vector(total, stack, place)

                self._if_inside(r, kd, kh, tiles_of_row)
        with k.loop(start, stop) as r, k.loop(k.index(0), k.index(tiles)) as tile:
            sums = [k.load_vector(stack, place, kernel.filters) for place in places(r, tile)]
            column = self.column(tile)
            self.store(self.finished(sums, [r], column), [r], column)

    def border(self) -> None:
        """The zeros around the interior."""
        for r in range(self.per_row):
            self._if_exists(r, lambda where: self.kernel.out.zero_border(self.target, self.n, where))

    def stack(self, size: int, element: ir.Type) -> ir.Value:
        """Room for as many numbers as `size` bytes of sums are."""
        return memref.alloca(ir.MemRefType.get([size // 4], element), [], [])

    def places(self, column: ir.Value, count: int) -> list[ir.Value]:
        """Where `count` columns lie on the stack."""
        filters = self.kernel.filters
        return [k.at(f"a * {filters} + {c * filters}", column) for c in range(count)]

    def zeros(self) -> Sums:
        """A tile's sums before the first tap."""
        return [k.splat(0.0, self.kernel.filters)] * prod(self.kernel.tile)

    def rows(self) -> tuple[ir.Value, ir.Value]:
        """The output rows of this chunk."""
        size = self.kernel.chunk
        start = k.at(f"a * {size}", self.chunk)
        return start, arith.minsi(k.at(f"a + {size}", start), k.index(self.kernel.rows))

    def column(self, tile: ir.Value) -> ir.Value:
        """A tile's first column. The last tile moves left and computes some columns twice, rather than be narrower."""
        width, tw = self.kernel.size[2], self.kernel.tile[1]
        column = k.at(f"a * {tw}", tile)
        return column if width % tw == 0 else arith.minsi(column, k.index(width - tw))

    def base(self, row: ir.Value, column: ir.Value) -> ir.Value:
        """Where the window of an output position starts in the flat input."""
        kernel, source = self.kernel, self.kernel.source
        _, _, height, width = source.full
        (sd, sh, sw), rows, block = kernel.strides, kernel.size[1], kernel.out.block
        d, h = f"(b floordiv {rows}) * {sd}", f"(b mod {rows}) * {sh}"
        place = f"(({d}) * {height} + {h}) * {width} + c * {sw} + {source.start}"
        return k.at(f"(a * {prod(source.full)} + {place}) * {block}", self.n, row, column)

    def _segment(self, kd: ir.Value, kh: ir.Value, count: int) -> tuple[ir.Value, ir.Value]:
        """First and last tap of `count` kernel positions from (kd, kh) on, in row p."""
        kd_count, kh_count = self.kernel.taps.kernel
        at = k.at(f"(a * {kd_count} + b) * {kh_count} + c", self.p, kd, kh)
        return k.load_index(self.starts, at), k.load_index(self.starts, k.at(f"a + {count}", at))

    def over_taps(self, r: ir.Value, bases: Sequence[ir.Value], sums: Sums) -> Sums:
        """All taps of row p that meet the input of output row r (of the tile's rows: they share a depth)."""
        kernel = self.kernel
        (kd_count, kh_count), (th, _) = kernel.taps.kernel, kernel.tile
        rows = kernel.size[1]
        d, h = k.at(f"a floordiv {rows}", r), k.at(f"a mod {rows}", r)
        one_plane = rows % th == 0
        kd_range = kernel.halo.inside(0, d, kd_count, kernel.strides, kernel.dilations) if one_plane else None
        kh_range = kernel.halo.inside(1, h, kh_count, kernel.strides, kernel.dilations) if th == 1 else None
        zero = k.index(0)
        first_kd, last_kd = kd_range or (zero, k.index(kd_count))
        if kh_range is None:
            first, _ = self._segment(first_kd, zero, 0)
            last, _ = self._segment(last_kd, zero, 0)
            return self._taps((first, last), bases, sums)

        # Where no kernel row falls on padding, the planes' taps are one range.
        whole = arith.cmpi(arith.CmpIPredicate.eq, arith.subi(kh_range[1], kh_range[0]), k.index(kh_count))
        stop = arith.select(whole, arith.minsi(k.at("a + 1", first_kd), last_kd), last_kd)
        end, _ = self._segment(last_kd, zero, 0)

        def plane(kd: ir.Value, carried: Sums) -> Sums:
            first, _ = self._segment(kd, kh_range[0], 0)
            last, _ = self._segment(kd, kh_range[1], 0)
            return self._taps((first, arith.select(whole, end, last)), bases, carried)

        return k.reduce_loop(first_kd, stop, sums, plane)

    def _if_inside(self, r: ir.Value, kd: ir.Value, kh: ir.Value, then: Callable[[], None]) -> None:
        """Runs `then` unless kernel position (kd, kh) falls on padding for output row r."""
        kernel, rows = self.kernel, self.kernel.size[1]
        for axis, at, kernel_at, count in (
            (0, k.at(f"a floordiv {rows}", r), kd, kernel.taps.kernel[0]),
            (1, k.at(f"a mod {rows}", r), kh, kernel.taps.kernel[1]),
        ):
            span = kernel.halo.inside(axis, at, count, kernel.strides, kernel.dilations)
            if span is not None:
                then = _guarded(kernel_at, span, then)
        then()

    def _taps(self, span: tuple[ir.Value, ir.Value], bases: Sequence[ir.Value], sums: Sums) -> Sums:
        """Adds the taps of a range to the f32 sums of a tile, one vector a column, row by row."""
        return TapLoop(self.kernel, self.x, self.weights, self.offsets).add(span, bases, sums)

    def finished(self, sums: Sums, rows: Sequence[ir.Value], column: ir.Value) -> Sums:
        """The epilogue on the sums of a tile, row by row from `column` on."""
        finish = self.finisher.of(self.n, k.at(f"a * {self.per_row}", self.p), self.per_row)
        columns = len(sums) // len(rows)
        parts = [finish(sums[i * columns : (i + 1) * columns], row, column) for i, row in enumerate(rows)]
        return [value for part in parts for value in part]

    def store(self, values: Sums, rows: Sequence[ir.Value], column: ir.Value) -> None:
        """The blocks of a tile, row by row from `column` on, to where the consumer reads them."""
        kernel = self.kernel
        block, columns = kernel.out.block, len(values) // len(rows)
        for r in range(self.per_row):

            def write(where: ir.Value, r: int = r) -> None:
                for i, row in enumerate(rows):
                    line = k.at(f"a + b * {block}", kernel.out.row_offset(self.n, where, row), column)
                    for c in range(columns):
                        part = k.slice_vector(values[i * columns + c], r * block, block)
                        k.store_vector(part, self.target, k.at(f"a + {c * block}", line))

            self._if_exists(r, write)

    def _if_exists(self, r: int, write: Callable[[ir.Value], None]) -> None:
        """Calls `write` with block r of row p, which may lie behind the last output channel."""
        kernel = self.kernel
        where = k.at(f"a * {self.per_row} + {r}", self.p)
        if kernel.taps.rows * self.per_row == kernel.out.blocks:
            write(where)
        else:
            k.if_else(k.less(where, k.index(kernel.out.blocks)), lambda: write(where))


def _guarded(at: ir.Value, span: tuple[ir.Value, ir.Value], then: Callable[[], None]) -> Callable[[], None]:
    """`then` under first <= at < last."""
    condition = arith.andi(k.less(at, span[1]), arith.xori(k.less(at, span[0]), k.true()))
    return lambda: k.if_else(condition, then)
