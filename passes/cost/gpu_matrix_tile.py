"""The tile of a GPU conv that multiplies matrices, by a model of the machine as in gpu_tile.

A round of taps takes its latency, or what the processor's loads and matrix units take for all that reside on it,
whichever is more; and all is no less than the longest row takes by itself. A fit to 409 timed kernels: of the tiles
that were timed for 25 layers, those that it chooses take 1.4 % longer than the best ones.
"""

import itertools
from dataclasses import dataclass
from math import ceil

from rt3d_mlir.passes.cost.gpu_tile import ConvShape
from rt3d_mlir.targets import GpuTarget

#: Rows and columns of a matrix, and taps of a round: as many inputs on their way as registers have room for.
SIDE, DEPTH = 16, 8
#: 16-byte entries that a position has in shared memory: those of 8 taps or 16 sums, and one that spreads the banks.
STRIDE = DEPTH // 2 + 1
#: Cycles: of a round that waits for its loads, and more for each 32 positions and for each matrix of sums; of a
#: processor to gather a round's inputs of 32 positions, for the products of a matrix of sums, and to fetch the weights
#: of 16 filters; to begin, and to finish a matrix of sums.
LATENCY, WAIT, SERIAL, GATHER, PRODUCTS, FETCH, BEGIN, FINISH = 323, 28, 41, 41, 10, 13, 1890, 166
#: Registers of a thread, and more for each matrix of sums.
REGISTERS, MATRIX_REGISTERS = 84, 13


@dataclass(frozen=True)
class MatrixTile:
    """`matrices` x 16 positions a workgroup, a subgroup for each of the `splits` parts of the taps."""

    splits: int
    matrices: int

    @property
    def positions(self) -> int:
        return self.matrices * SIDE


def choose_matrix_tile(shape: ConvShape, target: GpuTarget) -> MatrixTile:
    """The tile of the least time by the model."""
    tiles = [MatrixTile(*parts) for parts in itertools.product((1, 2, 4, 8), (2, 4))]
    threads = [tile.splits * target.subgroup for tile in tiles]
    fitting = [
        tile
        for tile, count in zip(tiles, threads, strict=True)
        if count <= target.threads and shared_bytes(shape, tile) <= target.shared_memory
    ]
    return min(fitting, key=lambda tile: matrix_cycles(shape, tile, target))


def shared_bytes(shape: ConvShape, tile: MatrixTile) -> int:
    """Shared memory of a workgroup: each subgroup's inputs and weights of a round; at last the sums."""
    return tile.splits * (tile.positions + shape.filters) * STRIDE * 16


def matrix_cycles(shape: ConvShape, tile: MatrixTile, target: GpuTarget) -> float:
    """Cycles of one processor: the time of a layer, if they were all that counts."""
    share = ceil(shape.positions / tile.positions) * shape.rows / target.processors
    sides, halves = shape.filters / SIDE, tile.positions / 32
    matrices = sides * tile.matrices
    registers = min(target.most_registers, REGISTERS + MATRIX_REGISTERS * matrices)
    most = int(target.registers / (registers * target.subgroup * tile.splits))
    resident = max(1, min(most, ceil(share)))
    waves = (share / resident + ceil(share / resident)) / 2
    rounds, longest = (ceil(ceil(count / DEPTH) / tile.splits) for count in (shape.taps, shape.longest))
    subgroups = resident * tile.splits
    alone = LATENCY + WAIT * halves + SERIAL * matrices
    work = subgroups * (GATHER * halves + PRODUCTS * matrices + FETCH * sides)
    ends = BEGIN + FINISH * matrices * (1 if tile.splits > 1 else 0.7) * max(1, subgroups / 8)
    return max(waves * (rounds * max(alone, work) + ends), longest * alone)
