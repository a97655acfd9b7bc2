"""Which tile a Winograd conv gets, how its tiles are grouped, and whether it is faster than the direct conv.

Time is counted in cycles: FMAs, and the core's sustained bytes a cycle for what passes through memory (`Core` in
rt3d_mlir/targets/cpu.py), fitted to C3D's layers on the machine of docs/results.md. Only ratios are used, and
fit/winograd.py compares them with what was timed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from rt3d_mlir.passes.ops.winograd_matrices import KERNEL
from rt3d_mlir.passes.ops.winograd_tiling import Tiling
from rt3d_mlir.targets import CpuTarget

#: Share of the FMA peak that the direct conv reaches: 86 to 110 % of C3D's layers (docs/results.md, "C3D by layer").
DIRECT_PEAK = 0.92
#: Cycles of the product besides its FMAs, for a channel of a tile: the loop.
CHANNEL_OVERHEAD = 0.5
#: What a tile takes longer whose lines of V compete for one place of the first cache; it only breaks ties.
ALIASED = 1.05
#: Winograd has to take at most this share of the direct conv's time, for V, M and the larger weights take memory.
WORTH = 2 / 3
#: The larger tile has to take at most this share of the smaller one's: its weights are 2.25 times as large.
LARGER_WORTH = 0.75


@dataclass(frozen=True)
class Shape:
    """A conv's.

    `channels` fill the blocks, `live` have weights; `planes` are the input's without padding; `inside` is the share of
    taps that do not fall on padding, by (d, h); `kept` is the share of a dense conv's time that the direct one takes,
    for the taps that it leaves out; `apart` is the dilation of (h, w).
    """

    filters: int
    channels: int
    live: int
    block: int
    kernel_depth: int
    size: tuple[int, int, int]
    batch: int
    planes: int
    inside: tuple[float, float]
    kept: float = 1.0
    apart: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Plan:
    """A tiling, `filters` of a register tile, and the cycles it takes."""

    tiling: Tiling
    filters: int
    block: int
    cycles: float

    def arranged(self, transformed: np.ndarray) -> np.ndarray:
        """[P, M, N, Kd] -> [P, M / filters, Kd, N / block, block, filters], zeros behind the last filter."""
        points, filters, channels, depth = transformed.shape
        rows = ceil(filters / self.filters)
        padded = np.zeros((points, rows * self.filters, channels, depth), transformed.dtype)
        padded[:, :filters] = transformed
        split = padded.reshape(points, rows, self.filters, channels // self.block, self.block, depth)
        return np.ascontiguousarray(split.transpose(0, 1, 5, 3, 4, 2))


def choose(shape: Shape, target: CpuTarget, tiles: Sequence[int], always: bool = False) -> Plan | None:
    """The fastest plan of the tile sizes; None where none fits or, unless `always`, the direct conv is fast enough."""
    best: Plan | None = None
    for tile in sorted(tiles):
        plan = plan_tile(shape, target, tile)
        if plan is not None and (best is None or plan.cycles < LARGER_WORTH * best.cycles):
            best = plan
    if best is None or always or best.cycles < WORTH * direct_cycles(shape, target):
        return best
    return None


def direct_cycles(shape: Shape, target: CpuTarget) -> float:
    """Of the direct conv."""
    core = target.core
    depth, height, width = shape.size
    taps = shape.kernel_depth * KERNEL**2
    weights = shape.filters * shape.live * taps * shape.kept
    share = shape.inside[0] * shape.inside[1]
    macs = weights * shape.batch * depth * height * width * share
    return macs / (core.fmas * target.lanes) / DIRECT_PEAK + 4 * weights / core.weights


def plan_tile(shape: Shape, target: CpuTarget, tile: int) -> Plan | None:
    """The fastest grouping for a tile size; None where the plane is smaller than a tile, or filters do not group."""
    parts = [extent // apart for extent, apart in zip(shape.size[1:], shape.apart, strict=True)]
    uneven = any(extent % apart for extent, apart in zip(shape.size[1:], shape.apart, strict=True))
    if min(parts) < tile or uneven or target.widest % shape.block:
        return None
    widths = {max(shape.block, target.widest >> i) for i in range(target.widest.bit_length())}
    plans = [plan_width(shape, target, tile, filters) for filters in sorted(widths, reverse=True)]
    return min(plans, key=lambda plan: plan.cycles)


def plan_width(shape: Shape, target: CpuTarget, tile: int, filters: int) -> Plan:
    """The fastest number of columns for register tiles of so many filters; those behind the last one count, too."""
    core = target.core
    depth, height, width = shape.size
    registers = ceil(filters / target.lanes)
    most = max(1, target.sums // registers)
    plans = []
    for columns in range(1, most + 1):
        tiling = Tiling(tile, height, width, columns, *shape.apart)
        rows = ceil(shape.filters / filters)
        each = columns * tiling.groups * tiling.points * shape.batch  # columns of V in a plane, and of M in a row of it
        reduced = shape.channels * shape.kernel_depth * shape.inside[0]
        runs = tiling.groups * tiling.points * shape.batch * depth * rows * reduced
        loads = (columns + registers) / core.loads
        channel = max(columns * registers / core.fmas, loads, core.chain) + CHANNEL_OVERHEAD
        moved = 4 * each * (shape.planes * shape.channels + 2 * depth * rows * filters)
        weights = 4 * tiling.points * rows * filters * shape.channels * shape.kernel_depth
        cycles = runs * channel + moved / core.activations + weights / core.weights
        aliased = 4 * shape.channels * columns % target.cache_way == 0
        plans.append((cycles * (ALIASED if aliased else 1), -columns, Plan(tiling, filters, shape.block, cycles)))
    return min(plans, key=lambda entry: entry[:2])[2]
