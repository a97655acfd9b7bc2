"""The f16 kernel of a packed conv for GPUs that multiply matrices (cooperative matrices, 16x16x16 with f32 sums).

    a workgroup:  one row p of filters; the output positions of `subgroups`; the row's taps dealt out to `splits` parts
    a subgroup:   64 positions, or 32 in a small layer, times the row's filters, over the taps of its part

    for each round of splits x 8 taps:
        the next round's weights and inputs on their way into the other half of the shared memory
        for each 4 taps:
            sums[16 positions, 16 filters] += x[16 positions, 4 taps x 4 channels] * weights[4 taps x 4 channels, 16]
    sums through shared memory, those of the parts added up; epilogue; store

A matrix's 16 inputs of a position are those of 4 taps, wherever they lie: gathering them is what shared memory is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, memref, vector
from iree.compiler.dialects import gpu as gpu_dialect

from rt3d_mlir.passes import gpu
from rt3d_mlir.passes import kernel as k
from rt3d_mlir.passes.cpu_taps import TapLayout
from rt3d_mlir.passes.gpu_conv import GpuConvKernel, Workgroup
from rt3d_mlir.passes.gpu_matrix_tile import DEPTH, SIDE, STRIDE, MatrixTile, choose_matrix_tile, matrix_cycles

#: Filters that rows of a dense layer are merged to, at most.
MATRIX_WIDTHS = (16, 32, 64)
#: Matrices of sums of a subgroup from which on offsets are loaded a round ahead; fewer leave registers for more
#: subgroups, which hide what a load waits for its offset.
AHEAD = 4
#: Taps that fill the 16 inputs of a matrix.
TAPS = SIDE // gpu.LANES


@dataclass(frozen=True)
class GpuMatrixKernel(GpuConvKernel):
    """For taps of 4 channels, and filters of a row that are a multiple of 16."""

    @property
    def workgroup(self) -> type[Workgroup]:
        return MatrixWorkgroup

    @cached_property
    def matrix_tile(self) -> MatrixTile:
        return choose_matrix_tile(self.shape, self.target)

    @property
    def weights(self) -> np.ndarray:
        """As the kernel reads them, those of a filter together: [taps, filters, 4]."""
        return np.ascontiguousarray(self.taps.weights.transpose(0, 2, 1))

    @property
    def cycles(self) -> float:
        """What the model of the machine expects."""
        return matrix_cycles(self.shape, self.matrix_tile, self.target)

    @property
    def filter_tiles(self) -> int:
        """Matrices that hold the filters of a row."""
        return self.taps.filters // SIDE

    @property
    def reach(self) -> int:
        return self.matrix_tile.positions

    @property
    def round_taps(self) -> int:
        return self.matrix_tile.splits * DEPTH

    @property
    def threads(self) -> int:
        return self.matrix_tile.subgroups * self.matrix_tile.splits * self.target.subgroup


class MatrixWorkgroup(Workgroup):
    """Builds the code of one thread of a workgroup. `table` holds 16 bytes an entry: inputs, and at last the sums."""

    kernel: GpuMatrixKernel

    def compute(self) -> None:
        kernel, tile = self.kernel, self.kernel.matrix_tile
        subgroup = kernel.target.subgroup
        self.number, self.lane = gpu.split(self.thread, (tile.subgroups * tile.splits, subgroup))
        group, self.part = gpu.split(self.number, (tile.subgroups, tile.splits))
        self.each = tile.reach // subgroup
        sheet, chunk = k.index(0), self.chunk
        if kernel.skips:
            sheet, chunk = gpu.split(self.chunk, (kernel.sheets, kernel.chunks))
        first = k.at(f"a * {tile.positions} + b * {tile.reach} + c", chunk, group, self.lane)
        numbers = [k.at(f"a + {i * subgroup}", first) for i in range(self.each)]
        self.exists = [gpu.below(number, kernel.positions) for number in numbers]
        self.positions = [
            self._position(arith.minui(number, k.index(kernel.positions - 1)), sheet) for number in numbers
        ]
        self.rows = tile.subgroups * tile.splits * tile.reach
        self.kept = tile.splits * DEPTH // TAPS * kernel.taps.filters * TAPS
        self.table = gpu.shared([2 * self.rows * STRIDE], gpu.vector_type(self.f32))
        self.finish(self.rounds(self._range(sheet)))

    def rounds(self, span: tuple[ir.Value, ir.Value]) -> list[ir.Value]:
        """The sums of this subgroup's part over the taps of a range: [tiles x filters / 16] matrices of f32."""
        kernel, taps = self.kernel, self.kernel.round_taps
        vectors = taps * kernel.taps.filters
        kept = gpu.shared([2, self.kept], gpu.vector_type(gpu.element(self.weights)))
        first, last = span
        rounds = k.at(f"(b - a + {taps - 1}) floordiv {taps}", first, last)
        bases = [gpu.place(kernel.source, self.n, k.index(0), *self._window(position)) for position in self.positions]
        shares = ceil(vectors / kernel.threads)

        def fetch(r: ir.Value, offsets: Sequence[ir.Value]) -> list[ir.Value]:
            """This thread's share of a round's weights, zeros behind the last tap; and the inputs of its positions."""
            at, filters = k.at(f"a + b * {taps}", first, r), kernel.taps.filters
            mine = [k.at(f"a * {filters} + b + {i * kernel.threads}", at, self.thread) for i in range(shares)]
            weights = [self._or_zero(self.weights, vector, k.at(f"a * {filters}", last)) for vector in mine]
            inputs = [memref.load(self.x, [arith.addi(base, offset)]) for offset in offsets for base in bases]
            return weights + inputs

        def put(fetched: Sequence[ir.Value], half: ir.Value) -> None:
            weights, inputs = fetched[:shares], fetched[shares:]
            for i, value in enumerate(weights):
                mine = k.at(f"a + {i * kernel.threads}", self.thread)

                def store(mine: ir.Value = mine, value: ir.Value = value) -> None:
                    step, tap, f = gpu.split(mine, (taps // TAPS, TAPS, kernel.taps.filters))
                    row = k.at(f"a * {self.kept} + (b * {kernel.taps.filters} + c) * {TAPS}", half, step, f)
                    memref.store(value, kept, [arith.addi(row, tap)])

                whole = (i + 1) * kernel.threads <= vectors
                store() if whole else k.if_else(gpu.below(mine, vectors), store)
            for i in range(self.each):
                row = self._row(half, i)
                for pair in range(DEPTH // 2):
                    one, two = (inputs[(2 * pair + j) * self.each + i] for j in (0, 1))
                    memref.store(_both(one, two), self.table, [k.at(f"a + {pair}", row)])

        def one(r: ir.Value, sums: list[ir.Value], offsets: list[ir.Value]) -> Sequence[ir.Value]:
            following, half = k.at("a + 1", r), k.at("a mod 2", r)
            fetched = fetch(following, offsets or self._offsets(following, span, DEPTH))
            later = self._offsets(k.at("a + 2", r), span, DEPTH) if ahead else []
            sums = self._products(kept, half, sums)
            put(fetched, k.at("1 - a", half))
            gpu.barrier()
            return [*sums, *later]

        count = kernel.matrix_tile.matrices * kernel.filter_tiles
        ahead = count >= AHEAD
        put(fetch(k.index(0), self._offsets(k.index(0), span, DEPTH)), k.index(0))
        later = self._offsets(k.index(1), span, DEPTH) if ahead else []
        gpu.barrier()
        zero = arith.constant(self.f32, 0.0)
        sums = ir.Type.parse(f'!gpu.mma_matrix<{SIDE}x{SIDE}xf32, "COp">')
        begin = [*[gpu_dialect.subgroup_mma_constant_matrix(sums, zero)] * count, *later]
        results = k.reduce_loop(
            k.index(0), rounds, begin, lambda r, carried: one(r, list(carried[:count]), list(carried[count:]))
        )
        return list(results)[:count]

    def _products(self, kept: ir.Value, half: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        """One round's products of this subgroup, from shared memory."""
        kernel = self.kernel
        a, b = (ir.Type.parse(f'!gpu.mma_matrix<{SIDE}x{SIDE}xf16, "{name}Op">') for name in "AB")
        for step in range(DEPTH // TAPS):
            row = k.at(f"a * {DEPTH // TAPS} + {step}", self.part)
            first = k.at(f"a * {self.kept} + b * {kernel.taps.filters * TAPS}", half, row)
            ws = [
                gpu_dialect.subgroup_mma_load_matrix(
                    b, kept, [k.at(f"a + {j * SIDE * TAPS}", first)], TAPS, transpose=True
                )
                for j in range(kernel.filter_tiles)
            ]
            for i in range(kernel.matrix_tile.matrices):
                at = k.at(f"a + {i * SIDE * STRIDE + 2 * step}", self._rows(half))
                xs = gpu_dialect.subgroup_mma_load_matrix(a, self.table, [at], STRIDE)
                for j, w in enumerate(ws):
                    place = i * kernel.filter_tiles + j
                    sums[place] = gpu_dialect.subgroup_mma_compute(xs, w, sums[place])
        return sums

    def finish(self, sums: list[ir.Value]) -> None:
        """16 filters at a time: matrices to shared memory, the parts' sums added up, epilogue and store."""
        kernel, tile = self.kernel, self.kernel.matrix_tile
        per_part = ceil(TAPS / tile.splits)
        for j in range(kernel.filter_tiles):
            if j:
                gpu.barrier()
            for i in range(tile.matrices):
                at = k.at(f"a + {i * SIDE * STRIDE}", self._rows(k.index(0)))
                gpu_dialect.subgroup_mma_store_matrix(sums[i * kernel.filter_tiles + j], self.table, [at], STRIDE)
            gpu.barrier()
            for i in range(self.each):
                for turn in range(per_part):
                    m = k.at(f"a + {turn * tile.splits}", self.part)

                    def add(m: ir.Value = m, i: int = i, j: int = j) -> None:
                        total = None
                        for other in range(tile.splits):
                            row = self._row(k.index(0), i, k.at(f"a - b + {other}", self.number, self.part))
                            value = memref.load(self.table, [k.at("a + b", row, m)])
                            total = value if total is None else arith.addf(total, value)
                        assert total is not None
                        self._store(total, i, k.at(f"a * {kernel.quads} + {j * TAPS} + b", self.p, m))

                    whole = (turn + 1) * tile.splits <= TAPS
                    add() if whole else k.if_else(gpu.below(m, TAPS), add)

    def _rows(self, half: ir.Value, number: ir.Value | None = None) -> ir.Value:
        """Where a subgroup's rows of the table begin."""
        rows = self.kernel.matrix_tile.reach
        return k.at(f"a * {self.rows * STRIDE} + b * {rows * STRIDE}", half, number or self.number)

    def _row(self, half: ir.Value, i: int, number: ir.Value | None = None) -> ir.Value:
        """Where the row of this thread's position i begins."""
        return k.at(
            f"a + b * {STRIDE} + {i * self.kernel.target.subgroup * STRIDE}", self._rows(half, number), self.lane
        )


def _both(one: ir.Value, two: ir.Value) -> ir.Value:
    """Two vectors of 4 f16 as one of 4 f32: 16 bytes, which go to shared memory at once."""
    pair = ir.VectorType.get([2], ir.F32Type.get())
    return vector.shuffle(vector.bitcast(pair, one), vector.bitcast(pair, two), [0, 1, 2, 3])


def matrix_kernel(layouts: Sequence[TapLayout], *rest: Any) -> GpuMatrixKernel | None:
    """The kernel of the layout that takes the least time, `rest` as of GpuConvKernel; None where no rows fill matrices.

    Layouts of a dense layer differ in how many rows are merged: wide ones gather less, narrow ones are more workgroups.
    """
    kernels = [GpuMatrixKernel(taps, *rest) for taps in layouts if taps.filters % SIDE == 0]
    return min(kernels, key=lambda kernel: kernel.cycles, default=None)
