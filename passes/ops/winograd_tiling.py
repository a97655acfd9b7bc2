"""How Winograd's tiles cover a plane of outputs.

A conv that is dilated by (dh, dw) is dh * dw convs, each of every dh-th row and dw-th column. So a tile's outputs, and
what it reads, are that far apart, and the tiles of the first rows come first, then those of the second ones, and so on.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from rt3d_mlir.passes.ops.winograd_matrices import KERNEL


@dataclass(frozen=True)
class Tiling:
    """The tiles of a plane of `height` x `width` outputs, in `groups` of `columns`.

    `down` and `right` are (dh, dw), which divide the plane.
    """

    tile: int
    height: int
    width: int
    columns: int
    down: int = 1
    right: int = 1

    @property
    def points(self) -> int:
        return (self.tile + KERNEL - 1) ** 2

    @property
    def across(self) -> int:
        """Tiles in a row of them."""
        return self.right * ceil(self.width // self.right / self.tile)

    @property
    def count(self) -> int:
        return self.down * ceil(self.height // self.down / self.tile) * self.across

    @property
    def groups(self) -> int:
        return ceil(self.count / self.columns)

    def starts(self) -> np.ndarray:
        """[groups * columns, 2]: (h, w) of each tile's first output; the last group repeats the last tile."""
        at = np.minimum(np.arange(self.groups * self.columns), self.count - 1)
        rows, columns = self._line(self.height, self.down), self._line(self.width, self.right)
        return np.stack([rows[at // self.across], columns[at % self.across]], 1).astype(np.int32)

    def _line(self, extent: int, apart: int) -> np.ndarray:
        """Where the tiles along an axis begin; the last one of each part moves back."""
        part = extent // apart
        inside = np.minimum(np.arange(ceil(part / self.tile)) * self.tile, part - self.tile)
        return (np.arange(apart)[:, None] + inside * apart).reshape(-1)
