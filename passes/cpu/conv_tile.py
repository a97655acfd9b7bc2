"""The sums of a tile of output columns of a packed conv, over the taps of a row of filters."""

from collections.abc import Callable, Sequence
from math import prod

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.cpu.conv_kernel import ConvKernel
from rt3d_mlir.passes.cpu.epilogue import Finisher
from rt3d_mlir.passes.cpu.interleaved_store import InterleavedStore
from rt3d_mlir.passes.cpu.tap_loop import TapLoop
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.epilogue import Epilogue

Sums = Sequence[ir.Value]


class ConvTile:
    """Builds what a workgroup does with a tile: where it reads, its sums over the taps, where it writes."""

    def __init__(
        self,
        kernel: ConvKernel,
        bindings: list[ir.Value],
        ids: list[ir.Value],
        epilogue: Epilogue | None,
        behind: Epilogue | None = None,
    ):
        """`behind` is what follows where channels are interleaved."""
        self.kernel = kernel
        self.x, self.weights, self.offsets, self.starts, *operands, self.target = bindings
        self.p, self.chunk, self.n = (ids[0], ids[1], ids[2]) if kernel.shared else (ids[1], ids[0], ids[2])
        self.per_row = kernel.filters // kernel.out.block
        own = len(epilogue.operands) if epilogue else 0
        self.finisher = Finisher(epilogue, operands[:own], kernel.taps.rows * self.per_row)
        self.interleaved = None
        if kernel.places is not None:
            last = Finisher(behind, operands[own:], kernel.out.blocks)
            self.interleaved = InterleavedStore(kernel.places, self.target, last)

    def border(self) -> None:
        """The zeros around the interior."""
        for r in range(self.per_row):
            self._if_exists(r, self._border)

    def _border(self, where: ir.Value) -> None:
        if self.interleaved is None:
            self.kernel.out.zero_border(self.target, self.n, where)
        else:
            self.interleaved.border(self.n, where)

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

    def segment(self, kd: ir.Value, kh: ir.Value, count: int) -> tuple[ir.Value, ir.Value]:
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
            first, _ = self.segment(first_kd, zero, 0)
            last, _ = self.segment(last_kd, zero, 0)
            return self.add_taps((first, last), bases, sums)

        # Where no kernel row falls on padding, the planes' taps are one range.
        whole = arith.cmpi(arith.CmpIPredicate.eq, arith.subi(kh_range[1], kh_range[0]), k.index(kh_count))
        stop = arith.select(whole, arith.minsi(k.at("a + 1", first_kd), last_kd), last_kd)
        end, _ = self.segment(last_kd, zero, 0)

        def plane(kd: ir.Value, carried: Sums) -> Sums:
            first, _ = self.segment(kd, kh_range[0], 0)
            last, _ = self.segment(kd, kh_range[1], 0)
            return self.add_taps((first, arith.select(whole, end, last)), bases, carried)

        return k.reduce_loop(first_kd, stop, sums, plane)

    def add_taps(self, span: tuple[ir.Value, ir.Value], bases: Sequence[ir.Value], sums: Sums) -> Sums:
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
                if self.interleaved is not None:
                    parts = [k.slice_vector(value, r * block, block) for value in values]
                    lines = [parts[i * columns : (i + 1) * columns] for i in range(len(rows))]
                    self.interleaved.write(self.n, where, rows, column, lines)
                    return
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
        if kernel.taps.rows * self.per_row == kernel.blocks:
            write(where)
        else:
            k.if_else(k.less(where, k.index(kernel.blocks)), lambda: write(where))
