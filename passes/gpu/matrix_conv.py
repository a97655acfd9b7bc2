"""The f16 kernel of a packed conv for GPUs that multiply matrices (cooperative matrices, 16x16x16 with f32 sums).

    a workgroup:  one row p of filters, 64 output positions, or 32, the row's taps dealt out to `splits` parts
    a subgroup:   a part: each `splits`th round of 8 taps

    for each of its rounds:
        the next round's weights and inputs on their way into registers
        for each 4 taps:
            sums[16 positions, 16 filters] += x[16 positions, 4 taps x 4 channels] * weights[4 taps x 4 channels, 16]
        what has arrived to shared memory
    sums through shared memory, those of the parts added up; epilogue; store

A matrix's 16 inputs of a position are those of 4 taps, wherever they lie: gathering them is what shared memory is for.
Each subgroup has its own, so that none waits for another before the end; it holds 16 bytes an entry, without which
drivers load matrices a number at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import Any

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, memref, vector
from iree.compiler.dialects import gpu as gpu_dialect

from rt3d_mlir.passes.cost.gpu_matrix_tile import DEPTH, SIDE, STRIDE, MatrixTile, choose_matrix_tile, matrix_cycles
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.conv import GpuConvKernel, Workgroup
from rt3d_mlir.passes.gpu.taps import whole_rounds
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.tap_layout import TapLayout

#: Taps that fill the 16 inputs of a matrix; vectors that hold the offsets of a round.
TAPS, OFFSETS = SIDE // LANES, DEPTH // LANES


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
        """As the kernel reads them, a round's of a filter together: [rounds, filters, 8, 2], two f16 as an f32."""
        taps, channels, filters = self.taps.weights.shape
        parts = self.taps.weights.reshape(taps // DEPTH, DEPTH, channels, filters)
        return np.ascontiguousarray(parts.transpose(0, 3, 1, 2)).view(np.float32)

    @property
    def starts(self) -> np.ndarray:
        """In rounds of a part."""
        count = len(self.taps.starts)
        return np.concatenate([self.taps.starts // DEPTH, super().starts[count:]])

    @property
    def empty_round(self) -> int:
        """The one whose weights are zeros."""
        return int(self.taps.starts[-1]) // DEPTH

    @property
    def cycles(self) -> float:
        """What the model of the machine expects."""
        return matrix_cycles(self.shape, self.matrix_tile, self.target)

    @property
    def filter_tiles(self) -> int:
        """Matrices that hold the filters of a row."""
        return self.taps.filters // SIDE

    @property
    def round_vectors(self) -> int:
        """16-byte vectors of weights of a part's round."""
        return self.taps.filters * DEPTH // 2

    @property
    def reach(self) -> int:
        return self.matrix_tile.positions

    @property
    def round_taps(self) -> int:
        return self.matrix_tile.splits * DEPTH

    @property
    def threads(self) -> int:
        return self.matrix_tile.splits * self.target.subgroup


class MatrixWorkgroup(Workgroup):
    """Builds the code of one thread; in shared memory `kept` has weights, `table` inputs, and at last the sums."""

    kernel: GpuMatrixKernel

    def compute(self) -> None:
        kernel, tile = self.kernel, self.kernel.matrix_tile
        subgroup = kernel.target.subgroup
        self.part, self.lane = gpu.split(self.thread, (tile.splits, subgroup))
        sheet = self.take_positions(self.lane, subgroup)
        self.each = len(self.positions)
        self.table = gpu.shared([tile.splits, tile.positions, STRIDE], gpu.vector_type(self.f32))
        self.kept = gpu.shared([tile.splits, kernel.taps.filters, STRIDE], gpu.vector_type(self.f32))
        self.finish(self.rounds(self._range(sheet)))

    def rounds(self, span: tuple[ir.Value, ir.Value]) -> list[ir.Value]:
        """The sums of this subgroup's part over a range of rounds: [matrices x filters / 16] matrices of f32."""
        kernel, splits = self.kernel, self.kernel.matrix_tile.splits
        first, last = span
        count = kernel.matrix_tile.matrices * kernel.filter_tiles
        bases = [gpu.place(kernel.source, self.n, k.index(0), *self._window(position)) for position in self.positions]

        def turn(r: ir.Value) -> ir.Value:
            """This part's round in a turn; behind the last one, that of zeros."""
            mine = k.at(f"a + b * {splits} + c", first, r, self.part)
            return arith.select(gpu.below(mine, last), mine, k.index(kernel.empty_round))

        def offsets(mine: ir.Value) -> list[ir.Value]:
            return [memref.load(self.offsets, [k.at(f"a * {OFFSETS} + {i}", mine)]) for i in range(OFFSETS)]

        def fetch(mine: ir.Value, places: Sequence[ir.Value]) -> list[ir.Value]:
            """This thread's share of a round's weights, and the inputs of its positions."""
            weights = [
                memref.load(self.weights, [k.at(f"a * {kernel.round_vectors} + b", mine, at)]) for at in self._shares()
            ]
            offsets = [vector.extract(four, [], [i]) for four in places for i in range(LANES)]
            return weights + [gpu.load_at(self.x, base, offset) for offset in offsets for base in bases]

        def one(r: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
            sums, places = carried[:count], carried[count:]
            fetched = fetch(turn(k.at("a + 1", r)), places)
            later = offsets(turn(k.at("a + 2", r)))
            gpu.subgroup_barrier()
            sums = self._products(sums)
            gpu.subgroup_barrier()
            self._put(fetched)
            return [*sums, *later]

        zero = arith.constant(self.f32, 0.0)
        kind = ir.Type.parse(f'!gpu.mma_matrix<{SIDE}x{SIDE}xf32, "COp">')
        sums = [gpu_dialect.subgroup_mma_constant_matrix(kind, zero)] * count
        begin = turn(k.index(0))
        self._put(fetch(begin, offsets(begin)))
        carried = [*sums, *offsets(turn(k.index(1)))]
        turns = k.at(f"(b - a + {splits - 1}) floordiv {splits}", first, last)
        results = k.reduce_loop(k.index(0), turns, carried, lambda r, carried: one(r, list(carried)))
        return list(results)[:count]

    def _shares(self) -> list[ir.Value]:
        """Which of a round's vectors of weights are this thread's."""
        subgroup = self.kernel.target.subgroup
        return [k.at(f"a + {i}", self.lane) for i in range(0, self.kernel.round_vectors, subgroup)]

    def _put(self, fetched: list[ir.Value]) -> None:
        """A round's weights and inputs to shared memory, those of a filter or position together."""
        shares = self._shares()
        for at, value in zip(shares, fetched[: len(shares)], strict=True):
            f, part = gpu.split(at, (self.kernel.taps.filters, DEPTH // 2))
            memref.store(value, self.kept, [k.at(f"a + b * {STRIDE} + c", self._filters(), f, part)])
        inputs = fetched[len(shares) :]
        for i in range(self.each):
            row = self._row(i)
            for pair in range(DEPTH // 2):
                one, two = (inputs[(2 * pair + j) * self.each + i] for j in (0, 1))
                memref.store(_both(one, two), self.table, [k.at(f"a + {pair}", row)])

    def _products(self, sums: list[ir.Value]) -> list[ir.Value]:
        """One round's products of this subgroup, from shared memory."""
        tiles = self.kernel.filter_tiles
        a, b = (ir.Type.parse(f'!gpu.mma_matrix<{SIDE}x{SIDE}xf16, "{name}Op">') for name in "AB")
        for step in range(DEPTH // TAPS):
            ws = [
                gpu_dialect.subgroup_mma_load_matrix(
                    b, self.kept, [k.at(f"a + {j * SIDE * STRIDE + 2 * step}", self._filters())], STRIDE, transpose=True
                )
                for j in range(tiles)
            ]
            for i in range(self.kernel.matrix_tile.matrices):
                at = k.at(f"a + {i * SIDE * STRIDE + 2 * step}", self._rows())
                xs = gpu_dialect.subgroup_mma_load_matrix(a, self.table, [at], STRIDE)
                for j, w in enumerate(ws):
                    sums[i * tiles + j] = gpu_dialect.subgroup_mma_compute(xs, w, sums[i * tiles + j])
        return sums

    def finish(self, sums: list[ir.Value]) -> None:
        """16 filters at a time: matrices to shared memory, the parts' sums added up, epilogue and store."""
        kernel, tile = self.kernel, self.kernel.matrix_tile
        per_part = ceil(TAPS / tile.splits)
        barrier = gpu.barrier if tile.splits > 1 else gpu.subgroup_barrier
        for j in range(kernel.filter_tiles):
            barrier()
            for i in range(tile.matrices):
                at = k.at(f"a + {i * SIDE * STRIDE}", self._rows())
                gpu_dialect.subgroup_mma_store_matrix(sums[i * kernel.filter_tiles + j], self.table, [at], STRIDE)
            barrier()
            for i in range(self.each):
                for turn in range(per_part):
                    m = k.at(f"a + {turn * tile.splits}", self.part)

                    def add(m: ir.Value = m, i: int = i, j: int = j) -> None:
                        total = None
                        for other in range(tile.splits):
                            row = self._row(i, k.index(other))
                            value = memref.load(self.table, [k.at("a + b", row, m)])
                            total = value if total is None else arith.addf(total, value)
                        assert total is not None
                        self._store(total, i, k.at(f"a * {kernel.quads} + {j * TAPS} + b", self.p, m))

                    whole = (turn + 1) * tile.splits <= TAPS
                    add() if whole else k.if_else(gpu.below(m, TAPS), add)

    def _filters(self) -> ir.Value:
        """Where a subgroup's weights begin."""
        return k.at(f"a * {self.kernel.taps.filters * STRIDE}", self.part)

    def _rows(self, part: ir.Value | None = None) -> ir.Value:
        """Where a part's rows of the table begin."""
        return k.at(f"a * {self.kernel.matrix_tile.positions * STRIDE}", part or self.part)

    def _row(self, i: int, part: ir.Value | None = None) -> ir.Value:
        """Where the row of this thread's position i begins."""
        return k.at(f"a + b * {STRIDE} + {i * self.kernel.target.subgroup * STRIDE}", self._rows(part), self.lane)


def _both(one: ir.Value, two: ir.Value) -> ir.Value:
    """Two vectors of 4 f16 as one of 4 f32: 16 bytes, which go to shared memory at once."""
    pair = ir.VectorType.get([2], ir.F32Type.get())
    return vector.shuffle(vector.bitcast(pair, one), vector.bitcast(pair, two), [0, 1, 2, 3])


def matrix_kernel(layouts: Sequence[TapLayout], *rest: Any) -> GpuMatrixKernel | None:
    """The kernel of the layout that takes the least time, `rest` as of GpuConvKernel; None where no rows fill matrices.

    Layouts of a dense layer differ in how many rows are merged: wide ones gather less, narrow ones are more workgroups.
    """
    kernels = [GpuMatrixKernel(taps, *rest) for taps in layouts if taps.filters % SIDE == 0]
    whole = [replace(kernel, taps=whole_rounds(kernel.taps, DEPTH, kernel.skips)) for kernel in kernels]
    return min(whole, key=lambda kernel: kernel.cycles, default=None)
