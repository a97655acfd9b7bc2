"""How Winograd's tiles cover a plane of outputs."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from rt3d_mlir.passes.ops.winograd_matrices import KERNEL


@dataclass(frozen=True)
class Tiling:
    """The tiles of a plane of `height` x `width` outputs, in `groups` of `columns`."""

    tile: int
    height: int
    width: int
    columns: int

    @property
    def points(self) -> int:
        return (self.tile + KERNEL - 1) ** 2

    @property
    def across(self) -> int:
        """Tiles in a row of them."""
        return ceil(self.width / self.tile)

    @property
    def count(self) -> int:
        return ceil(self.height / self.tile) * self.across

    @property
    def groups(self) -> int:
        return ceil(self.count / self.columns)

    def starts(self) -> np.ndarray:
        """[groups * columns, 2]: (h, w) of each tile's first output; the last group repeats the last tile."""
        at = np.minimum(np.arange(self.groups * self.columns), self.count - 1)
        rows = np.minimum(at // self.across * self.tile, self.height - self.tile)
        return np.stack([rows, np.minimum(at % self.across * self.tile, self.width - self.tile)], 1).astype(np.int32)
