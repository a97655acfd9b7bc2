"""The tile of a GPU conv: how many threads share a row's taps and positions, and what each keeps in registers.

Chosen by a model of the machine: a round of taps takes what its products and loads take on a processor, or where too
few threads are there to hide it, the latency of a round; and no less than the longest row takes by itself. The
numbers are a fit to 66 timed kernels of an NVIDIA data center GPU, met within 11 % (root mean square); only their
ratios matter for the choice.
"""

import itertools
from dataclasses import dataclass
from math import ceil

from rt3d_mlir.gpu_targets import GpuTarget
from rt3d_mlir.passes.gpu import LANES

#: Threads of a workgroup that most devices can run.
MOST_THREADS = 256
#: Cycles: of a round whose loads wait for each other, of its barrier, to add up a vector of the parts' sums, to begin
#: and end.
LATENCY, BARRIER, ADD_UP, BEGIN = 2500, 400, 115, 2700
#: What products and loads take, over what they would if nothing else was there.
PRODUCT, LOAD = 1.1, 0.85


@dataclass(frozen=True)
class GpuTile:
    """`lanes` x `columns` positions and `splits` parts of the taps a workgroup; `depth` taps a part and round."""

    lanes: int
    columns: int
    splits: int
    depth: int


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
    """All tiles whose sums fit the registers, and whose weights fit the shared memory."""
    found = []
    for columns, splits, depth in itertools.product((1, 2, 4, 8), (1, 2, 4, 8, 16), (4, 8)):
        if columns > 1 and columns * shape.filters > target.accumulators:
            continue
        if splits > 1 and splits * depth > 2 * shape.taps:
            continue
        most = MOST_THREADS // splits
        chunks = ceil(shape.positions / (columns * most))
        for count in range(chunks, 4 * chunks + 1):
            lanes = max(1, ceil(shape.positions / (columns * count)))
            if lanes * splits < target.subgroup and count > chunks:
                break
            tile = GpuTile(lanes, columns, splits, depth)
            if shared_bytes(shape, tile) <= target.shared_memory:
                found.append(tile)
    return found


def shared_bytes(shape: ConvShape, tile: GpuTile) -> int:
    """Shared memory of a workgroup: two rounds of weights and offsets, and the parts' sums of a column."""
    taps = tile.splits * tile.depth
    weights = 2 * taps * (shape.channels * shape.filters * shape.bytes + 4)
    sums = tile.splits * shape.filters * tile.lanes * 4 if tile.splits > 1 else 0
    return weights + sums


def model_cycles(shape: ConvShape, tile: GpuTile, target: GpuTarget) -> float:
    """Cycles of one processor: the time of a layer, if they were all that counts."""
    threads = tile.lanes * tile.splits
    subgroups = ceil(threads / target.subgroup)
    workgroups = ceil(shape.positions / (tile.lanes * tile.columns)) * shape.rows
    rounds = ceil(shape.taps / (tile.splits * tile.depth))
    products = tile.columns * shape.filters * shape.channels * target.subgroup / target.multiplies
    loads = (tile.columns + shape.channels * shape.filters / LANES) * LANES * 4 * target.subgroup / target.load_bytes
    tap = (PRODUCT * products + LOAD * loads) * shape.bytes / 4
    registers = min(255, tile.columns * (shape.filters + LANES * min(tile.depth, 4)) + 48)
    most = target.registers // (registers * target.subgroup * subgroups)
    resident = max(1, min(most, ceil(workgroups / target.processors)))
    waves = workgroups / target.processors / resident
    waves = ceil(waves) if waves < 4 else waves + 0.5
    alone = 2 * tap * tile.depth + LATENCY + BARRIER
    a_round = max(resident * subgroups * tap * tile.depth + BARRIER, alone)
    finish = tile.columns * shape.filters / LANES * ADD_UP * (1 if tile.splits > 1 else 0.3)
    longest = ceil(shape.longest / (tile.splits * tile.depth))
    return max(waves * (rounds * a_round + BEGIN + finish), longest * alone)
