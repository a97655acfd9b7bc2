"""Which register tile a conv gets, and which kernel positions fall on padding.

fit/cpu_tile.py times tiles, and says how good the choice is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.targets import CpuTarget

Pair = tuple[int, int]

#: Cycles of a tap besides its FMAs and loads: its offset, and the loop. Not timed by itself.
OVERHEAD = 3


@dataclass(frozen=True)
class DirectConv:
    """What the choice depends on.

    `channels` of a tap have weights; `size` is the output's (D, H, W), `kernel` (Kd, Kh), `pool` the window where the
    kernel pools. `lanes` are those of a register (0: of f32), `columns_a_load` the columns of a block that one holds,
    0 where each number is loaded into all lanes on its own.
    """

    filters: int
    channels: int
    size: tuple[int, ...]
    halo: Halo
    kernel: Pair
    pool: tuple[int, ...] = (1, 1, 1)
    lanes: int = 0
    columns_a_load: int = 1


def tile_key(
    filters: int, channels: int, size: Sequence[int], kernel: Pair, pool: Sequence[int], dtype: str = "f32"
) -> str:
    """What a tuned table knows a layer by: filters x channels of a tap, (Kd, Kh), the output's size, pool and f16."""
    pooled = f" pool{'x'.join(map(str, pool))}" if max(pool) > 1 else ""
    half = "" if dtype == "f32" else f" {dtype}"
    return f"{filters}x{channels} k{kernel[0]}x{kernel[1]} {'x'.join(map(str, size))}{pooled}{half}"


def timed_tiles(conv: DirectConv, target: CpuTarget) -> list[tuple[float, Pair]]:
    """All (rows, columns) whose sums fit the registers, each behind its cycles by the model; the fastest first."""
    lanes = conv.lanes or target.lanes
    most = max(1, target.sums // ceil(conv.filters / lanes))
    depth, height, width = conv.size
    candidates = [
        (th, tw)
        for th in (range(1, most + 1) if max(conv.pool) == 1 else [1])
        for tw in range(1, min(width, most // th) + 1)
        if depth * height % th == 0
        and (
            lanes == target.lanes
            or not conv.columns_a_load
            or th * ceil(tw / conv.columns_a_load) <= target.half_inputs
        )
    ]
    return sorted(
        ((tile_cycles(conv, tile, target), tile) for tile in candidates), key=lambda timed: (timed[0], timed[1][0])
    )


def tile_cycles(conv: DirectConv, tile: Pair, target: CpuTarget) -> float:
    """Cycles of one tap at all positions.

    By a model of the core, a tap of a tile takes as long as its FMAs, its loads, or the latency of one sum's chain of
    FMAs, whichever is longest, and `OVERHEAD`; and the tiles cover the output. A tile of one row skips taps on padding
    rows, one whose rows share a plane those on padding planes. Where the kernel pools, a tile is one row.
    """
    core, channels = target.core, conv.channels
    registers = ceil(conv.filters / (conv.lanes or target.lanes))
    (th, tw), (depth, height, width) = tile, conv.size
    fma = th * tw * registers * channels / core.fmas
    single = target.broadcast == "memory" or not conv.columns_a_load
    inputs = tw * channels if single else ceil(tw / conv.columns_a_load)
    if single and target.broadcast == "lane":
        fma += th * inputs / core.fmas  # NEON's load into all lanes takes a vector unit too
    loads = (th * inputs + registers * channels) / core.loads
    skipped = conv.halo.share(0, depth, conv.kernel[0]) if height % th == 0 else 1.0
    skipped *= conv.halo.share(1, height, conv.kernel[1]) if th == 1 else 1.0
    tiles = (depth * height // th) * ceil(width / tw)
    return tiles * (max(fma, loads, core.chain * channels) + OVERHEAD) * skipped
