"""The tile of a GPU conv: how many threads share a row's taps and positions, and what each keeps in registers.

Chosen by a model of the machine: a round of taps takes what its products and its loads take on a processor, or where
too few threads are there to hide it, the latency of a round; and no less than the longest row takes by itself. The
numbers are a fit to 725 timed kernels of an NVIDIA data center GPU: of the tiles that were timed for a layer, those
that it chooses take 3 % longer than the best ones in three pruned nets, 6 % in single layers. Only their ratios matter.
"""

import itertools
from dataclasses import dataclass
from math import ceil

from rt3d_mlir.gpu_targets import GpuTarget
from rt3d_mlir.passes.gpu import LANES

#: Threads of a workgroup that most devices can run.
MOST_THREADS = 256
#: Taps of a part and round; whole lines of a cache, which 8 neighbouring positions are.
DEPTHS, LANE_COUNTS = (2, 4), (8, 16, 32, 64)
#: Cycles: of a round whose loads wait for each other, and more for each input of a thread; of its barrier, to fetch a
#: vector of weights, to store a vector of sums, those of several parts or of one, to begin and end.
LATENCY, INPUT, BARRIER, FETCH, ADD_UP, STORE, BEGIN = 252, 1.2, 44, 0.41, 178, 204, 187
#: What products and loads of inputs and weights take, over what they would if nothing else was there; and a tap whose
#: subgroup has the processor to itself, over its share of a busy one.
PRODUCT, LOAD, LOAD_WEIGHTS, ALONE = 1.5, 0.13, 0.023, 8.2
#: Inputs that a thread has on their way.
MOST_INPUTS = 16
#: Registers of a thread besides sums and inputs, and at most.
OTHERS, MOST_REGISTERS = 90, 255


@dataclass(frozen=True)
class GpuTile:
    """`lanes` x `columns` positions and `splits` parts of the taps a workgroup, `depth` taps a part and round.

    `halves` threads share a row's filters at a position.
    """

    lanes: int
    columns: int
    splits: int
    depth: int = 4
    halves: int = 1


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
    depths = DEPTHS if shape.bytes == 4 else DEPTHS[-1:]  # f16 is summed up over a part's round, which has its price
    for halves in (1, 2) if shape.filters % (2 * LANES) == 0 else (1,):
        most = target.accumulators * halves // shape.filters
        columns = [count for count in (2, 4, 8) if count <= most] or [1]
        for lanes, count, splits, depth in itertools.product(LANE_COUNTS, columns, (1, 2, 4, 8, 16), depths):
            tile = GpuTile(lanes, count, splits, depth, halves)
            if splits > 1 and splits * depth > 2 * shape.taps:
                continue
            if not target.subgroup <= lanes * splits * halves <= MOST_THREADS:
                continue
            if 2 * count * shape.filters // halves < target.accumulators and lanes > LANE_COUNTS[0]:
                continue  # so few sums for each load are for layers of few positions
            if count * depth <= MOST_INPUTS and shared_bytes(shape, tile) <= target.shared_memory:
                found.append(tile)
    return found


def shared_bytes(shape: ConvShape, tile: GpuTile) -> int:
    """Shared memory of a workgroup: two rounds of weights, and the parts' sums of a column."""
    weights = 2 * tile.splits * tile.depth * shape.channels * shape.filters * shape.bytes
    sums = tile.splits * shape.filters * tile.lanes * 4 if tile.splits > 1 else 0
    return weights + sums


def model_cycles(shape: ConvShape, tile: GpuTile, target: GpuTarget) -> float:
    """Cycles of one processor: the time of a layer, if they were all that counts."""
    subgroups = ceil(tile.lanes * tile.splits * tile.halves / target.subgroup)
    workgroups = ceil(shape.positions / (tile.lanes * tile.columns)) * shape.rows
    taps = tile.splits * tile.depth
    rounds, longest = (ceil(count / taps) for count in (shape.taps, shape.longest))
    own = shape.filters / tile.halves
    vectors = shape.channels * shape.filters / LANES
    products = tile.columns * own * shape.channels * target.subgroup / target.multiplies
    loads = LOAD * tile.columns + LOAD_WEIGHTS * vectors / tile.halves
    tap = (PRODUCT * products + loads * LANES * 4 * target.subgroup / target.load_bytes) * shape.bytes / 4
    registers = min(MOST_REGISTERS, tile.columns * (own + LANES * tile.depth) + OTHERS)
    most = target.registers // int(registers * target.subgroup * subgroups)
    resident = max(1, min(most, ceil(workgroups / target.processors)))
    waves = workgroups / target.processors / resident
    waves = (waves + ceil(waves)) / 2
    fetch = FETCH * taps * vectors * shape.bytes / 4
    alone = ALONE * tap * tile.depth + fetch + LATENCY + INPUT * tile.columns * tile.depth
    a_round = max(resident * (subgroups * tap * tile.depth + fetch + BARRIER), alone)
    finish = tile.columns * own / LANES * (ADD_UP if tile.splits > 1 else STORE)
    return max(waves * (rounds * a_round + BEGIN + finish), longest * alone)
