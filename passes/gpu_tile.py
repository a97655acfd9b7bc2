"""The tile of a GPU conv: how many threads share a row's taps and positions, and what each keeps in registers.

Chosen by a model of the machine: a round of taps takes what its products and its weights take on a processor, or where
too few threads are there to hide it, the latency of a round; and no less than the longest row takes by itself. The
numbers are a fit to 300 timed kernels of an NVIDIA data center GPU, met within 14 % (root mean square); the tile that
it chooses takes 4 % longer than the best one, on average over 12 layers, 15 % at most. Only their ratios matter.
"""

import itertools
from dataclasses import dataclass
from math import ceil

from rt3d_mlir.gpu_targets import GpuTarget
from rt3d_mlir.passes.gpu import LANES

#: Threads of a workgroup that most devices can run.
MOST_THREADS = 256
#: Taps of a part and round.
DEPTH = 4
#: Whole lines of a cache, which 8 neighbouring positions are.
LANE_COUNTS = (8, 16, 32, 64)
#: Cycles: of a round whose loads wait for each other, of its barrier, to fetch a vector of weights, to add up a vector
#: of the parts' sums, to begin and end.
LATENCY, BARRIER, FETCH, ADD_UP, BEGIN = 900, 18, 0.34, 13, 4800
#: What products and loads take, over what they would if nothing else was there.
PRODUCT, LOAD = 1.9, 0.0023


@dataclass(frozen=True)
class GpuTile:
    """`lanes` x `columns` positions and `splits` parts of the taps a workgroup."""

    lanes: int
    columns: int
    splits: int


@dataclass(frozen=True)
class ConvShape:
    """What the choice depends on: filters and live channels of a tap, a row's taps, on average and at most, output
    positions of a sheet, and how many rows x sheets x clips there are; `bytes` is the size of a stored number."""

    filters: int
    channels: int
    taps: int
    longest: int
    positions: int
    rows: int
    bytes: int


def choose_tile(shape: ConvShape, target: GpuTarget) -> GpuTile:
    """The tile of the least time by the model."""
    return min(_tiles(shape, target), key=lambda tile: model_cycles(shape, tile, target))


def _tiles(shape: ConvShape, target: GpuTarget) -> list[GpuTile]:
    """All tiles that fill a subgroup, whose sums fit the registers, and whose weights fit the shared memory."""
    found = []
    fitting = [columns for columns in (2, 4, 8) if columns * shape.filters <= target.accumulators]
    for lanes, columns, splits in itertools.product(LANE_COUNTS, fitting or [1], (1, 2, 4, 8, 16)):
        if splits > 1 and splits * DEPTH > 2 * shape.taps:
            continue
        tile = GpuTile(lanes, columns, splits)
        if target.subgroup <= lanes * splits <= MOST_THREADS and shared_bytes(shape, tile) <= target.shared_memory:
            found.append(tile)
    return found


def shared_bytes(shape: ConvShape, tile: GpuTile) -> int:
    """Shared memory of a workgroup: two rounds of weights, and the parts' sums of a column."""
    weights = 2 * tile.splits * DEPTH * shape.channels * shape.filters * shape.bytes
    sums = tile.splits * shape.filters * tile.lanes * 4 if tile.splits > 1 else 0
    return weights + sums


def model_cycles(shape: ConvShape, tile: GpuTile, target: GpuTarget) -> float:
    """Cycles of one processor: the time of a layer, if they were all that counts."""
    subgroups = ceil(tile.lanes * tile.splits / target.subgroup)
    workgroups = ceil(shape.positions / (tile.lanes * tile.columns)) * shape.rows
    rounds = ceil(shape.taps / (tile.splits * DEPTH))
    vectors = shape.channels * shape.filters / LANES
    products = tile.columns * shape.filters * shape.channels * target.subgroup / target.multiplies
    loads = (tile.columns + vectors) * LANES * 4 * target.subgroup / target.load_bytes
    tap = (PRODUCT * products + LOAD * loads) * shape.bytes / 4
    registers = min(255, tile.columns * (shape.filters + LANES * DEPTH) + 48)
    most = target.registers // (registers * target.subgroup * subgroups)
    resident = max(1, min(most, ceil(workgroups / target.processors)))
    waves = workgroups / target.processors / resident
    waves = (waves + ceil(waves)) / 2
    fetch = FETCH * tile.splits * DEPTH * vectors * shape.bytes / 4
    alone = 2 * tap * DEPTH + fetch + LATENCY
    a_round = max(resident * (subgroups * tap * DEPTH + fetch + BARRIER), alone)
    finish = tile.columns * shape.filters / LANES * ADD_UP * (1 if tile.splits > 1 else 0.3)
    longest = ceil(shape.longest / (tile.splits * DEPTH))
    return max(waves * (rounds * a_round + BEGIN + finish), longest * alone)
