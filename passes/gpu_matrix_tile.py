"""The tile of a GPU conv that multiplies matrices, by a model of the machine as in gpu_tile.

A round's taps take their latency, or what the processor's loads and matrix units take for all that reside on it,
whichever is more; and all is no less than the longest row takes by itself.
"""

import itertools
from dataclasses import dataclass
from math import ceil

from rt3d_mlir.gpu_targets import GpuTarget
from rt3d_mlir.passes.gpu_tile import MOST_THREADS, ConvShape

#: Rows and columns of a matrix; matrices of positions, and taps of a round, that a subgroup has: all that its registers
#: hold of sums, and of inputs on their way.
SIDE, TILES, DEPTH = 16, 4, 8
#: 16-byte entries that a position has in shared memory: those of 8 taps or 16 sums, and one that spreads the banks.
STRIDE = DEPTH // 2 + 1
#: Cycles of a round that waits for its loads; of a processor to gather a round's inputs, and for its products with 16
#: filters; to begin and end.
LATENCY, GATHER, PRODUCTS, BEGIN = 1300, 80, 100, 2000
#: Subgroups that a processor's registers have room for.
RESIDENT = 16


@dataclass(frozen=True)
class MatrixTile:
    """`subgroups` x 64 positions and `splits` parts of the taps a workgroup."""

    subgroups: int
    splits: int

    @property
    def positions(self) -> int:
        return self.subgroups * TILES * SIDE


def choose_matrix_tile(shape: ConvShape, target: GpuTarget) -> MatrixTile:
    """The tile of the least time by the model."""
    tiles = [MatrixTile(*parts) for parts in itertools.product((1, 2, 4), (1, 2, 4, 8))]
    threads = [tile.subgroups * tile.splits * target.subgroup for tile in tiles]
    fitting = [
        tile
        for tile, count in zip(tiles, threads, strict=True)
        if count <= MOST_THREADS and shared_bytes(shape, tile) <= target.shared_memory
    ]
    return min(fitting, key=lambda tile: matrix_cycles(shape, tile, target))


def shared_bytes(shape: ConvShape, tile: MatrixTile) -> int:
    """Shared memory of a workgroup: two rounds of inputs and weights."""
    inputs = tile.subgroups * tile.splits * TILES * SIDE * STRIDE * 16
    weights = tile.splits * DEPTH * shape.channels * shape.filters * shape.bytes
    return 2 * (inputs + weights)


def matrix_cycles(shape: ConvShape, tile: MatrixTile, target: GpuTarget) -> float:
    """Cycles of one processor: the time of a layer, if they were all that counts."""
    workgroups = ceil(shape.positions / tile.positions) * shape.rows
    subgroups = tile.subgroups * tile.splits
    share = workgroups / target.processors
    resident = max(1, min(RESIDENT * SIDE // (shape.filters * subgroups), ceil(share)))
    waves = share / resident
    waves = ceil(waves) if waves < 4 else waves + 0.5
    rounds = ceil(shape.taps / (tile.splits * DEPTH))
    work = resident * subgroups * (GATHER + PRODUCTS * shape.filters / SIDE)
    longest = ceil(shape.longest / (tile.splits * DEPTH))
    return max(waves * (rounds * max(LATENCY, work) + BEGIN), longest * LATENCY)
