"""The tile of a GPU conv: how many threads share a row's taps and positions, and what each keeps in registers.

Chosen by a model of the machine: a round of taps takes what its products and its loads take on a processor, or where
too few threads are there to hide it, the latency of a round; and no less than the longest row takes by itself. Only the
ratios of its numbers matter.
"""

import itertools
from dataclasses import dataclass
from math import ceil

from rt3d_mlir.targets import GpuTarget

#: Taps of a part and round; whole lines of a cache, which 8 neighbouring positions are.
DEPTHS, LANE_COUNTS = (2, 4), (8, 16, 32, 64)
#: Inputs that a thread has on their way.
MOST_INPUTS = 16


@dataclass(frozen=True)
class Costs:
    """What the model's numbers are, a fit to timed kernels; cycles, but for the last five. fit/gpu.py fits them again.

    latency    of a round whose loads wait for each other; `an_input` more for each input of a thread
    barrier    of a round's end
    fetch      of a vector of weights, on its way to shared memory
    add_up     to add up and store a vector of several parts' sums; `store` of one
    begin      to begin and end
    product    what products take, over what they would if nothing else was there; so `load` of inputs and
    weights    loads of weights from shared memory
    alone      what a tap takes whose subgroup has the processor to itself, over its share of a busy one
    registers  of a thread besides sums and inputs
    """

    latency: float
    an_input: float
    barrier: float
    fetch: float
    add_up: float
    store: float
    begin: float
    product: float
    load: float
    weights: float
    alone: float
    registers: int


#: Of kernels whose threads wait for the workgroup: a fit to 1,180 kernels of an NVIDIA data center GPU.
TOGETHER = Costs(
    latency=750,
    an_input=4.3,
    barrier=35,
    fetch=0.3,
    add_up=290,
    store=120,
    begin=5400,
    product=0.96,
    load=0.98,
    weights=0.075,
    alone=6,
    registers=60,
)
#: Where subgroups are on their own, if they can be: a fit to 725 kernels. Of the tiles that were timed for a layer, the
#: ones that it chooses take 3 % longer than the best ones in three pruned nets, 6 % in single layers.
IN_STEP = Costs(
    latency=252,
    an_input=1.2,
    barrier=44,
    fetch=0.41,
    add_up=178,
    store=204,
    begin=187,
    product=1.5,
    load=0.13,
    weights=0.023,
    alone=8.2,
    registers=90,
)


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


def costs_of(target: GpuTarget) -> Costs:
    """The numbers of the model."""
    return IN_STEP if target.in_step else TOGETHER


def choose_tile(shape: ConvShape, target: GpuTarget) -> GpuTile:
    """The tile of the least time by the model."""
    return min(tiles(shape, target), key=lambda tile: model_cycles(shape, tile, target))


def tiles(shape: ConvShape, target: GpuTarget) -> list[GpuTile]:
    """All tiles that fill a subgroup, whose sums fit the registers, and whose weights fit the shared memory."""
    found = []
    depths = DEPTHS if shape.bytes == 4 else DEPTHS[-1:]  # f16 is summed up over a part's round, which has its price
    for halves in (1, 2) if shape.filters % (2 * target.lanes) == 0 else (1,):
        most = target.accumulators * halves // shape.filters
        columns = [count for count in (2, 4, 8) if count <= most] or [1]
        for lanes, count, splits, depth in itertools.product(LANE_COUNTS, columns, (1, 2, 4, 8, 16), depths):
            tile = GpuTile(lanes, count, splits, depth, halves)
            if splits > 1 and splits * depth > 2 * shape.taps:
                continue
            if not target.subgroup <= lanes * splits * halves <= target.threads:
                continue
            few = 2 * count * shape.filters // halves < target.accumulators and lanes > LANE_COUNTS[0]
            if target.in_step and few:  # so few sums for each load are for layers of few positions
                continue
            if count * depth <= MOST_INPUTS and shared_bytes(shape, tile) <= target.shared_memory:
                found.append(tile)
    return found


def shared_bytes(shape: ConvShape, tile: GpuTile) -> int:
    """Shared memory of a workgroup: two rounds of weights, and the parts' sums of a column."""
    weights = 2 * tile.splits * tile.depth * shape.channels * shape.filters * shape.bytes
    sums = tile.splits * shape.filters * tile.lanes * 4 if tile.splits > 1 else 0
    return weights + sums


def model_cycles(shape: ConvShape, tile: GpuTile, target: GpuTarget, costs: Costs | None = None) -> float:
    """Cycles of one processor: the time of a layer, if they were all that counts. `costs` are those of the target."""
    costs = costs or costs_of(target)
    subgroups = ceil(tile.lanes * tile.splits * tile.halves / target.subgroup)
    workgroups = ceil(shape.positions / (tile.lanes * tile.columns)) * shape.rows
    taps = tile.splits * tile.depth
    rounds, longest = (ceil(count / taps) for count in (shape.taps, shape.longest))
    own = shape.filters / tile.halves
    vectors = shape.channels * shape.filters / target.lanes
    products = tile.columns * own * shape.channels * target.subgroup / target.multiplies
    loads = costs.load * tile.columns + costs.weights * vectors / tile.halves
    tap = (costs.product * products + loads * target.lanes * 4 * target.subgroup / target.load_bytes) * shape.bytes / 4
    registers = min(target.most_registers, tile.columns * (own + target.lanes * tile.depth) + costs.registers)
    most = target.registers // int(registers * target.subgroup * subgroups)
    resident = max(1, min(most, ceil(workgroups / target.processors)))
    waves = workgroups / target.processors / resident
    waves = (waves + ceil(waves)) / 2
    fetch = costs.fetch * taps * vectors * shape.bytes / 4
    alone = costs.alone * tap * tile.depth + fetch + costs.latency + costs.an_input * tile.columns * tile.depth
    a_round = max(resident * (subgroups * tap * tile.depth + fetch + costs.barrier), alone)
    finish = tile.columns * own / target.lanes * (costs.add_up if tile.splits > 1 else costs.store)
    return max(waves * (rounds * a_round + costs.begin + finish), longest * alone)
