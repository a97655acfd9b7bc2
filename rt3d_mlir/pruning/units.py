"""Units: the sets of weights of one layer that are kept or removed together, on torch tensors.

What a unit is depends on the sparsity, as in :mod:`rt3d_mlir.sparsity.patterns`: the weights of a group of
kernels at one location (kgs), a whole group (vanilla), a row of groups, which is m whole filters (filter).
A weight [M, N, Kd, Kh, Kw] seen as [P, m, Q, n, Kd, Kh, Kw] has a unit's weights along

    kgs      axes 1, 3              so there are  P x Q x Kd x Kh x Kw  units of m n weights
    vanilla  axes 1, 3, 4, 5, 6                   P x Q                          m n Kd Kh Kw
    filter   axes 1 to 6                          P                              m N Kd Kh Kw

and fewer weights at the border, where m or n does not divide. The weights of a transposed conv, [N, M, Kd, Kh, Kw], are
turned first. Sizes differ, so units are compared by the root
mean square of their weights, never by plain norms.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from rt3d_mlir.sparsity import GroupSize, Mask, Sparsity
from rt3d_mlir.sparsity.groups import filters_first, shape_5d
from rt3d_mlir.sparsity.masks import real_sizes

_AXES = {Sparsity.KGS: (1, 3), Sparsity.VANILLA: (1, 3, 4, 5, 6), Sparsity.FILTER: (1, 2, 3, 4, 5, 6)}
_SPANNED = {Sparsity.KGS: (), Sparsity.VANILLA: (2, 3, 4), Sparsity.FILTER: (1, 2, 3, 4)}  # axes of a mask


@dataclass(frozen=True)
class Units:
    """The units of weights of `shape`: [M, N, Kd, Kh, Kw], [M, N, Kh, Kw] or [M, N]; N and M change places where the
    layer is `transposed`."""

    shape: tuple[int, ...]
    group: GroupSize
    sparsity: Sparsity
    transposed: bool = False

    @property
    def mask_shape(self) -> tuple[int, int, int, int, int]:
        """(P, Q, Kd, Kh, Kw)."""
        return self.group.mask_shape(self._filters_first)

    @property
    def _filters_first(self) -> tuple[int, ...]:
        return filters_first(self.shape, self.transposed)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many real weights each unit has: [P, Q, Kd, Kh, Kw], with 1 for the axes that units span."""
        real = real_sizes(self._filters_first, self.group)
        sizes = np.broadcast_to(real[:, :, None, None, None], self.mask_shape)
        return sizes.sum(axis=_SPANNED[self.sparsity], keepdims=True)

    def norms(self, weight: torch.Tensor, order: int) -> torch.Tensor:
        """[units]: the l1 or l2 norm of each unit, in memory order. The gradient at norm 0 is 0."""
        return torch.linalg.vector_norm(self._grouped(weight), order, dim=_AXES[self.sparsity]).flatten()

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """[units]: the sum of `values`, which are laid out like the weights, over each unit."""
        return self._grouped(values).sum(_AXES[self.sparsity]).flatten()

    def mask(self, keep: NDArray[np.bool_]) -> Mask:
        """keep[units] as the mask keep[P, Q, Kd, Kh, Kw] of :mod:`rt3d_mlir.sparsity.masks`."""
        return np.broadcast_to(keep.reshape(self.sizes.shape), self.mask_shape).copy()

    def _grouped(self, values: torch.Tensor) -> torch.Tensor:
        """[P, m, Q, n, Kd, Kh, Kw]: a view, or padded with zeros where m or n does not divide."""
        filters, channels, *kernel = shape_5d(self._filters_first)
        rows, cols = self.group.rows(filters), self.group.cols(channels)
        missing = (rows * self.group.m - filters, cols * self.group.n - channels)
        values = (values.transpose(0, 1) if self.transposed else values).reshape(filters, channels, *kernel)
        if any(missing):
            values = F.pad(values, (0, 0, 0, 0, 0, 0, 0, missing[1], 0, missing[0]))
        return values.reshape(rows, self.group.m, cols, self.group.n, *kernel)
