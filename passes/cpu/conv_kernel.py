"""What the CPU kernel of a packed conv is to do: its register tile, its chunks of output rows, and its grid."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

import numpy as np

from rt3d_mlir.passes.cost.cpu_tile import DirectConv, tile_key, timed_tiles
from rt3d_mlir.passes.cpu.pool_window import NO_POOL, Window
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.passes.ops.places import Places
from rt3d_mlir.passes.ops.tap_layout import TapLayout
from rt3d_mlir.sparsity import offsets
from rt3d_mlir.targets import CpuTarget


@dataclass(frozen=True)
class ConvKernel:
    """All a kernel depends on.

    `source` is the padded input, `halo` where its zeros are; `size` is the (D, H, W) that the conv computes, `out` what
    is written: the same, its maximum over the places of `window`, or its channels interleaved to `places`.
    """

    target: CpuTarget
    taps: TapLayout
    source: Blocked
    halo: Halo
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    size: tuple[int, ...]
    out: Blocked
    window: Window = NO_POOL
    places: Places | None = None

    @property
    def rows(self) -> int:
        """Rows that chunks are made of: D * H of the output, or of the conv where it is interleaved."""
        return self.out.rows if self.places is None else prod(self.size[:2])

    @property
    def blocks(self) -> int:
        """Channel blocks that are computed."""
        return self.out.blocks if self.places is None else self.places.blocks

    @property
    def filters(self) -> int:
        return self.taps.filters

    @property
    def offsets(self) -> np.ndarray:
        """[T]: where each tap reads in the padded input, in its own channels."""
        return offsets(self.taps.taps, self.source.full[1:], self.dilations, parts=self.out.block // self.taps.width)

    @property
    def bytes(self) -> int:
        """Of an input number, a weight and an output number: 4 (f32) or 2 (f16, bf16)."""
        return self.taps.weights.dtype.itemsize

    @property
    def half(self) -> bool:
        """Whether products are of f16, and chunks of them summed in it."""
        return self.taps.weights.dtype == np.float16

    @property
    def lanes(self) -> int:
        """Filters whose sums a vector register holds while products are added."""
        return self.target.vector_bits // (16 if self.half else 32)

    @property
    def columns_a_load(self) -> int:
        """Neighbouring columns that one load of a register reads; 0 where each number is loaded on its own."""
        if self.taps.width == 1:
            return 0
        packed = self.half and self.strides[2] == 1 and len(self.taps.channels) == self.out.block
        return max(1, self.lanes // self.out.block) if packed else 1

    @property
    def tile_key(self) -> str:
        dtype = "f16" if self.half else "bf16" if self.taps.step == 2 else "f32"
        return tile_key(self.filters, len(self.taps.channels), self.size, self.taps.kernel, self.window.kernel, dtype)

    @property
    def direct(self) -> DirectConv:
        """What the choice of a tile depends on."""
        return DirectConv(
            filters=self.filters,
            channels=len(self.taps.channels),
            size=self.size,
            halo=self.halo,
            kernel=self.taps.kernel,
            pool=self.window.kernel,
            lanes=self.lanes,
            columns_a_load=self.columns_a_load,
        )

    @cached_property
    def tiles_by_model(self) -> list[tuple[int, int]]:
        """Tiles whose sums fit the registers, the fastest by the model of the core first."""
        return [tile for _, tile in timed_tiles(self.direct, self.target)]

    @cached_property
    def tile(self) -> tuple[int, int]:
        """Output rows and columns of a tile: what was measured for the target, else what the model says."""
        tuned = self.target.tiles.get(self.tile_key)
        return tuned if tuned in self.tiles_by_model else self.tiles_by_model[0]

    @cached_property
    def tiles(self) -> int:
        """Tiles that cover the width of an output row."""
        return ceil(self.size[2] / self.tile[1])

    @cached_property
    def streamed(self) -> bool:
        """Whether weights pass through the cache once a chunk, not once a tile."""
        reused = self.rows * self.tiles > 1 and not self.window.pools
        return (
            self.taps.row_bytes > self.target.core_cache
            and self.tile[0] == 1
            and reused
            and self.row_sums <= self.target.stack
        )

    @property
    def row_sums(self) -> int:
        """Bytes of the sums of one of the conv's rows."""
        return self.tiles * self.tile[1] * self.filters * 4

    @cached_property
    def shared(self) -> bool:
        return self.taps.weights.nbytes <= self.target.shared_cache

    @cached_property
    def chunk(self) -> int:
        """Output rows a workgroup computes: a multiple of the tile's."""
        th, rows, windows = self.tile[0], self.rows, self.window.kernel[0] * self.window.kernel[1]
        if self.streamed:
            most = self.target.stack // self.row_sums
            return ceil(rows / ceil(rows / most))
        few = self.shared and not self.window.overlaps  # where windows overlap each chunk computes a row twice
        wanted = 4 // windows if few else rows * self.taps.rows * self.out.batch // self.target.workgroups
        return min(rows, max(th, wanted // th * th))

    @property
    def far(self) -> bool:
        """Whether the input of one clip is larger than the cache of a core."""
        return self.source.numbers * self.bytes > self.target.core_cache

    @property
    def chunks(self) -> int:
        return ceil(self.rows / self.chunk)

    @property
    def grid(self) -> tuple[int, int, int]:
        chunks = self.chunks + self.out.padded
        return (self.taps.rows, chunks, self.out.batch) if self.shared else (chunks, self.taps.rows, self.out.batch)
