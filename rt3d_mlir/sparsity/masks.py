"""Masks of kernel groups and what they do to weights (RT3D, AAAI 2021, sec. 3).

A mask is a bool array keep[P, Q, Kd, Kh, Kw]; True keeps the m x n weights of group (p, q) at that location.

    weights [2, 4, 1, 1, 2], groups of 2x2, so P = 1 and Q = 2:

    mask[0, 0] = 1 0      filter 0, channels 0..3:   a 0  b 0  0 c  0 d
    mask[0, 1] = 0 1      filter 1, channels 0..3:   e 0  f 0  0 g  0 h
"""

# pyright: strict

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.errors import MaskError
from rt3d_mlir.sparsity.groups import GroupSize, as_groups, shape_5d

Mask = NDArray[np.bool_]


def check_mask(mask: NDArray[Any], weight_shape: Sequence[int], group: GroupSize) -> None:
    """Raise MaskError unless `mask` is a bool array of the shape that `group` gives `weight_shape`."""
    expected = group.mask_shape(weight_shape)
    if mask.shape != expected:
        raise MaskError(
            f"mask of shape {mask.shape} does not fit weights of shape {tuple(weight_shape)} "
            f"in groups of {group}: expected {expected}"
        )
    if mask.dtype != np.bool_:
        raise MaskError(f"mask of type {mask.dtype}: expected bool, True where weights are kept")


def expand(mask: Mask, weight_shape: Sequence[int], group: GroupSize) -> Mask:
    """One bit for each weight: a bool array of `weight_shape`. Border groups are cropped to their real size.

    Raises MaskError if the mask does not fit.
    """
    check_mask(mask, weight_shape, group)
    filters, channels, *_ = shape_5d(weight_shape)
    wide = mask.repeat(group.m, axis=0)[:filters].repeat(group.n, axis=1)[:, :channels]
    return wide.reshape(tuple(weight_shape))


def apply(weight: NDArray[Any], mask: Mask, group: GroupSize) -> NDArray[Any]:
    """A new array like `weight`, of the same type, with zeros where `mask` removes.

    Raises MaskError if the mask does not fit.
    """
    return np.where(expand(mask, weight.shape, group), weight, weight.dtype.type(0))


def from_zeros(weight: NDArray[Any], group: GroupSize) -> Mask:
    """The mask that `weight` itself shows: a location of a group is kept if any weight there is not zero."""
    return np.logical_or.reduce(as_groups(weight != 0, group), axis=(1, 3))


def real_sizes(weight_shape: Sequence[int], group: GroupSize) -> NDArray[np.int64]:
    """[P, Q]: how many real weights one bit of group (p, q) stands for; less than m * n at the border."""
    filters, channels, *_ = shape_5d(weight_shape)
    rows, cols, *_ = group.mask_shape(weight_shape)
    in_row = np.minimum(group.m, filters - group.m * np.arange(rows))
    in_col = np.minimum(group.n, channels - group.n * np.arange(cols))
    return np.outer(in_row, in_col)


def kept_share(mask: Mask, weight_shape: Sequence[int], group: GroupSize) -> float:
    """The share of real weights kept, in [0, 1]: the MACs left of the layer's dense MACs.

    Raises MaskError if the mask does not fit.
    """
    check_mask(mask, weight_shape, group)
    kept = (mask.sum(axis=(2, 3, 4)) * real_sizes(weight_shape, group)).sum()
    return float(kept / np.prod(weight_shape))
