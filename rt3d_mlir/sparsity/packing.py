"""Packing: the kept m x n blocks of a layer one after the other, with a list of where each came from.

Removing the same location from all kernels of a group leaves a smaller full matrix ("whole column removal",
RT3D, AAAI 2021, sec. 3). So a sparse conv is, for each row p of groups, a chain of small dense matmuls over
the row's taps t = (q, kd, kh, kw):

    out[p, d, h, w, :] = sum over t in ptr[p]..ptr[p+1] of x[q, d*sd+kd, h*sh+kh, w*sw+kw, :] @ weights[t]

with x the padded input in channel blocks [Q, Dp, Hp, Wp, n]. Groups of 2x2, P = 2, Q = 2, 1x1x2 kernels:

    mask[0] = 1 0, 0 1     mask[1] = 0 0, 1 1
    taps    = (0,0,0,0), (1,0,0,1)  |  (1,0,0,0), (1,0,0,1)
    ptr     = 0, 2, 4
"""

# pyright: strict

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.errors import InputError
from rt3d_mlir.sparsity.groups import GroupSize, as_groups, shape_5d
from rt3d_mlir.sparsity.masks import Mask, check_mask, from_zeros


@dataclass(frozen=True, eq=False)
class Packed:
    """A layer's kept weights: T taps, ordered by row of groups, then in memory order of (q, kd, kh, kw)."""

    weights: NDArray[Any]
    """[T, n, m], of the weights' type; zeros stand for the filters and channels that border groups lack."""
    taps: NDArray[np.int32]
    """[T, 4]: (q, kd, kh, kw) of each block."""
    ptr: NDArray[np.int32]
    """[P + 1]: row p's taps are ptr[p]..ptr[p+1]; a row may have none."""
    group: GroupSize
    weight_shape: tuple[int, ...]


def pack(weight: NDArray[Any], group: GroupSize, mask: Mask | None = None, dense: bool = False) -> Packed:
    """Pack `weight` ([M, N, Kd, Kh, Kw], [M, N, Kh, Kw] or [M, N]); what the mask removes is dropped.

    Without a mask the weight's own zeros decide; `dense` keeps every tap instead. Raises MaskError if the
    mask does not fit, WeightError for other dimensions, ValueError for both a mask and `dense`.
    """
    if dense and mask is not None:
        raise ValueError("pack takes a mask or dense=True, not both")
    if dense:
        mask = np.ones(group.mask_shape(weight.shape), np.bool_)
    elif mask is None:
        mask = from_zeros(weight, group)
    check_mask(mask, weight.shape, group)
    at = np.nonzero(mask)
    ptr = np.zeros(mask.shape[0] + 1, np.int32)
    np.cumsum(mask.sum(axis=(1, 2, 3, 4)), out=ptr[1:])
    return Packed(
        weights=np.ascontiguousarray(_blocks(as_groups(weight, group))[at]),
        taps=np.stack(at[1:], axis=1).astype(np.int32),
        ptr=ptr,
        group=group,
        weight_shape=weight.shape,
    )


def unpack(packed: Packed) -> NDArray[Any]:
    """The weights that were packed, exactly, with zeros where taps are missing."""
    group = packed.group
    filters, channels, *kernel = shape_5d(packed.weight_shape)
    rows, cols = group.rows(filters), group.cols(channels)
    grouped = np.zeros((rows, group.m, cols, group.n, *kernel), packed.weights.dtype)
    row_of_tap = np.repeat(np.arange(rows), np.diff(packed.ptr))
    _blocks(grouped)[(row_of_tap, *packed.taps.T)] = packed.weights
    weight = grouped.reshape(rows * group.m, cols * group.n, *kernel)[:filters, :channels]
    return weight.reshape(packed.weight_shape)


def offsets(
    taps: NDArray[np.int32], padded: Sequence[int], dilation: Sequence[int] = (1, 1, 1), parts: int = 1
) -> NDArray[np.int32]:
    """[T]: where each tap first reads in the input [Q, Dp, Hp, Wp, n], flattened to columns of n channels.

    `padded` is (Dp, Hp, Wp), `dilation` (dd, dh, dw). offset = ((q*Dp + kd*dd)*Hp + kh*dh)*Wp + kw*dw, still
    to be multiplied by n. Where the input's blocks hold `parts` x n channels, tap q reads part q mod parts of block
    q floordiv parts, and offsets still count n channels. Raises InputError if the kernel is larger than the padded
    input, or if an offset does not fit 32 bits.
    """
    taps64 = taps.astype(np.int64)
    reach = taps64[:, 1:] * np.asarray(dilation)
    if (reach >= np.asarray(padded)).any():
        span = tuple((reach.max(axis=0) + 1).tolist())
        raise InputError(f"a kernel that spans {span} does not fit a padded input of {tuple(padded)}")
    depth, height, width = padded
    columns = ((taps64[:, 0] // parts * depth + reach[:, 0]) * height + reach[:, 1]) * width + reach[:, 2]
    columns = columns * parts + taps64[:, 0] % parts
    if columns.size and columns.max() > np.iinfo(np.int32).max:
        raise InputError(
            f"padded input of {tuple(padded)}: tap offset {columns.max()} does not fit 32 bits; "
            "use shorter or smaller clips"
        )
    return columns.astype(np.int32)


def _blocks(grouped: NDArray[Any]) -> NDArray[Any]:
    """[P, m, Q, n, Kd, Kh, Kw] viewed as [P, Q, Kd, Kh, Kw, n, m]."""
    return grouped.transpose(0, 2, 4, 5, 6, 3, 1)
