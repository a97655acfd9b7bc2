"""Which register tile a conv gets, and which kernel positions fall on padding."""

from collections.abc import Sequence
from math import ceil

from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.targets import CpuTarget

Pair = tuple[int, int]


def tile_key(
    filters: int, channels: int, size: Sequence[int], kernel: Pair, pool: Sequence[int], dtype: str = "f32"
) -> str:
    """What a tuned table knows a layer by: filters x channels of a tap, (Kd, Kh), the output's size, pool and f16."""
    pooled = f" pool{'x'.join(map(str, pool))}" if max(pool) > 1 else ""
    half = " f16" if dtype == "f16" else ""
    return f"{filters}x{channels} k{kernel[0]}x{kernel[1]} {'x'.join(map(str, size))}{pooled}{half}"


def timed_tiles(
    target: CpuTarget,
    filters: int,
    channels: int,
    size: Sequence[int],
    halo: Halo,
    kernel: Pair,
    pool: Sequence[int],
    lanes: int = 0,
    columns_a_load: int = 1,
) -> list[tuple[float, Pair]]:
    """All (rows, columns) whose sums fit the registers, each behind the cycles of a tap; the fastest comes first.

    By a model of the core, a tap takes as long as its FMAs, its loads (two of each a cycle), or the latency of one
    sum's chain of FMAs (most cores' 4 cycles, and one to spare), whichever is longest, and three cycles of overhead, in
    each of the tiles that cover the output. A tile of one row skips taps on padding rows, one whose rows share a plane
    those on padding planes. Where the kernel pools, a tile is one row.
    `lanes` are those of a register (0: of f32), `columns_a_load` the columns of a block that one holds, 0 where each
    number is loaded into all lanes on its own.
    """
    lanes = lanes or target.lanes
    registers = ceil(filters / lanes)
    most = max(1, target.sums // registers)
    depth, height, width = size
    core = target.core

    def time(tile: tuple[int, int]) -> float:
        th, tw = tile
        fma = th * tw * registers * channels / core.fmas
        single = target.broadcast == "memory" or not columns_a_load
        inputs = tw * channels if single else ceil(tw / columns_a_load)
        if single and target.broadcast == "lane":
            fma += th * inputs / core.fmas  # NEON's load into all lanes takes a vector unit too
        loads = (th * inputs + registers * channels) / core.loads
        skipped = halo.share(0, depth, kernel[0]) if height % th == 0 else 1.0
        skipped *= halo.share(1, height, kernel[1]) if th == 1 else 1.0
        return (depth * height // th) * ceil(width / tw) * (max(fma, loads, core.chain * channels) + 3) * skipped

    candidates = [
        (th, tw)
        for th in (range(1, most + 1) if max(pool) == 1 else [1])
        for tw in range(1, min(width, most // th) + 1)
        if depth * height % th == 0
        and (lanes == target.lanes or not columns_a_load or th * ceil(tw / columns_a_load) <= target.half_inputs)
    ]
    return sorted(((time(tile), tile) for tile in candidates), key=lambda timed: (timed[0], timed[1][0]))
