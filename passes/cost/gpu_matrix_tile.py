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


@dataclass(frozen=True)
class MatrixCosts:
    """What the model's numbers are; cycles, but for the last two. fit/gpu.py fits them again.

    latency    of a round that waits for its loads; `wait` more for each 32 positions, `serial` for each matrix of sums
    gather     of a processor, for a round's inputs of 32 positions
    products   of a processor, for a round's products of a matrix of sums
    fetch      of a processor, for a round's weights of 16 filters
    begin      to begin
    finish     to finish a matrix of sums
    one_part   the share of it where there is one part, whose sums are added to no other's
    registers  of a thread; `matrix_registers` more for each matrix of sums
    """

    latency: float
    wait: float
    serial: float
    gather: float
    products: float
    fetch: float
    begin: float
    finish: float
    one_part: float
    registers: int
    matrix_registers: int


#: A fit to 409 kernels of an NVIDIA data center GPU.
MATRIX = MatrixCosts(
    latency=323,
    wait=28,
    serial=41,
    gather=41,
    products=10,
    fetch=13,
    begin=1890,
    finish=166,
    one_part=0.7,
    registers=84,
    matrix_registers=13,
)


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
    return min(matrix_tiles(shape, target), key=lambda tile: matrix_cycles(shape, tile, target))


def matrix_tiles(shape: ConvShape, target: GpuTarget) -> list[MatrixTile]:
    """All tiles that fit a workgroup."""
    tiles = [MatrixTile(*parts) for parts in itertools.product((1, 2, 4, 8), (2, 4))]
    threads = [tile.splits * target.subgroup for tile in tiles]
    return [
        tile
        for tile, count in zip(tiles, threads, strict=True)
        if count <= target.threads and shared_bytes(shape, tile) <= target.shared_memory
    ]


def shared_bytes(shape: ConvShape, tile: MatrixTile) -> int:
    """Shared memory of a workgroup: each subgroup's inputs and weights of a round; at last the sums."""
    return tile.splits * (tile.positions + shape.filters) * STRIDE * 16


def matrix_cycles(shape: ConvShape, tile: MatrixTile, target: GpuTarget, costs: MatrixCosts = MATRIX) -> float:
    """Cycles of one processor: the time of a layer, if they were all that counts."""
    share = ceil(shape.positions / tile.positions) * shape.rows / target.processors
    sides, halves = shape.filters / SIDE, tile.positions / 32
    matrices = sides * tile.matrices
    registers = min(target.most_registers, costs.registers + costs.matrix_registers * matrices)
    most = int(target.registers / (registers * target.subgroup * tile.splits))
    resident = max(1, min(most, ceil(share)))
    waves = (share / resident + ceil(share / resident)) / 2
    rounds, longest = (ceil(ceil(count / DEPTH) / tile.splits) for count in (shape.taps, shape.longest))
    subgroups = resident * tile.splits
    alone = costs.latency + costs.wait * halves + costs.serial * matrices
    work = subgroups * (costs.gather * halves + costs.products * matrices + costs.fetch * sides)
    ends = costs.begin + costs.finish * matrices * (1 if tile.splits > 1 else costs.one_part) * max(1, subgroups / 8)
    return max(waves * (rounds * max(alone, work) + ends), longest * alone)
