"""The tile of a GPU conv that multiplies matrices, by a model of the machine as in gpu_tile.

A round's taps take their latency, or what the processor's loads and matrix units take for all that reside on it,
whichever is more; and all is no less than the longest row takes by itself. A fit to 667 timed kernels, met within 27 %;
of the tiles that were timed for 25 layers since, it chooses those that take 2 % longer than the best ones, on average.
"""

import itertools
from dataclasses import dataclass
from math import ceil

from rt3d_mlir.gpu_targets import GpuTarget
from rt3d_mlir.passes.gpu_tile import BARRIER, MOST_THREADS, ConvShape

#: Rows and columns of a matrix, and taps of a round: as many inputs on their way as registers have room for.
SIDE, DEPTH = 16, 8
#: 16-byte entries that a position has in shared memory: those of 8 taps or 16 sums, and one that spreads the banks.
STRIDE = DEPTH // 2 + 1
#: Cycles: of a round that waits for its loads, and of a subgroup's products of 64 positions and 16 filters in it, which
#: wait for each other; of a processor to gather a round's inputs of 64 positions, for their products with 16 filters,
#: and to fetch the weights of 8 taps and 16 filters; to begin, and to finish a matrix of sums.
LATENCY, SERIAL, GATHER, PRODUCTS, FETCH, BEGIN, FINISH = 1000, 380, 120, 120, 44, 670, 12
#: Matrices of sums, of 16 positions x 16 filters, that a processor's registers have room for.
RESIDENT = 41


@dataclass(frozen=True)
class MatrixTile:
    """`subgroups` x `matrices` x 16 positions and `splits` parts of the taps a workgroup."""

    subgroups: int
    splits: int
    matrices: int

    @property
    def reach(self) -> int:
        """Positions of a subgroup."""
        return self.matrices * SIDE

    @property
    def positions(self) -> int:
        """Of a workgroup."""
        return self.subgroups * self.reach


def choose_matrix_tile(shape: ConvShape, target: GpuTarget) -> MatrixTile:
    """The tile of the least time by the model."""
    tiles = [MatrixTile(*parts) for parts in itertools.product((1, 2, 4), (1, 2, 4, 8), (2, 4))]
    threads = [tile.subgroups * tile.splits * target.subgroup for tile in tiles]
    fitting = [
        tile
        for tile, count in zip(tiles, threads, strict=True)
        if count <= MOST_THREADS and shared_bytes(shape, tile) <= target.shared_memory
    ]
    return min(fitting, key=lambda tile: matrix_cycles(shape, tile, target))


def shared_bytes(shape: ConvShape, tile: MatrixTile) -> int:
    """Shared memory of a workgroup: two rounds of inputs and weights."""
    inputs = tile.positions * tile.splits * STRIDE * 16
    weights = tile.splits * DEPTH * shape.channels * shape.filters * shape.bytes
    return 2 * (inputs + weights)


def matrix_cycles(shape: ConvShape, tile: MatrixTile, target: GpuTarget) -> float:
    """Cycles of one processor: the time of a layer, if they were all that counts."""
    workgroups = ceil(shape.positions / tile.positions) * shape.rows
    subgroups, sides = tile.subgroups * tile.splits, shape.filters / SIDE
    share = workgroups / target.processors
    resident = max(1, min(int(RESIDENT / (sides * subgroups * tile.matrices)), ceil(share)))
    waves = (share / resident + ceil(share / resident)) / 2
    rounds, longest = (ceil(count / (tile.splits * DEPTH)) for count in (shape.taps, shape.longest))
    part = tile.reach / 64
    work = resident * (subgroups * part * (GATHER + PRODUCTS * sides) + FETCH * tile.splits * sides)
    alone = LATENCY + SERIAL * sides * part
    ends = BEGIN + FINISH * sides * tile.matrices
    return max(waves * (rounds * (max(alone, work) + BARRIER) + ends), longest * alone)
