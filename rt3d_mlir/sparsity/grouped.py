"""Packing of grouped convolutions: KGS-sparse ones whose zero blocks are known.

A conv of G groups has weights [M, M/G filters' own C/G channels, Kd, Kh, Kw]. Written as a plain conv over all C
channels it is zero outside of its groups, so row p of filters has taps in the channel blocks of its own groups only:

    G = 2, M = 4, C = 8, rows of 2 filters, blocks of 4 channels:     row 0: q = 0      row 1: q = 1
    G = 2, M = 4, C = 6 (3 a group), the same:                        row 0: q = 0      row 1: q = 0, 1

In the second, block 0 holds channels 0 to 3 and each row has zeros in it. Rows that span groups have them too.
"""

# pyright: strict

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.sparsity.groups import GroupSize, as_5d
from rt3d_mlir.sparsity.masks import from_zeros
from rt3d_mlir.sparsity.packing import Packed, pack


def pack_grouped(weight: NDArray[Any], groups: int, size: GroupSize, dense: bool = False) -> Packed:
    """Packs `weight` [M, C/G, Kd, Kh, Kw] of a conv of `groups` as `pack` does a plain conv's.

    Rows have `size.m` filters or fewer: the most, among those that the blocks of `size.n` divide, with which no more
    is multiplied than with the fewest. Without `dense`, blocks of zeros are dropped.
    """
    rows = [m for m in range(size.n, size.m + 1, size.n) if size.m % m == 0] or [size.m]
    candidates = [_pack_rows(as_5d(weight), groups, GroupSize(m, size.n), dense) for m in rows]
    return min(candidates, key=lambda packed: (packed.weights.size, -packed.group.m))


def _pack_rows(weight: NDArray[Any], groups: int, size: GroupSize, dense: bool) -> Packed:
    parts, firsts = zip(
        *(_pack_row(weight, groups, size, p, dense) for p in range(size.rows(len(weight)))), strict=True
    )
    counts = [len(part.taps) for part in parts]
    return Packed(
        weights=np.concatenate([part.weights for part in parts]),
        taps=np.concatenate(
            [part.taps + np.asarray([q, 0, 0, 0], np.int32) for part, q in zip(parts, firsts, strict=True)]
        ),
        ptr=np.cumsum([0, *counts]).astype(np.int32),
        group=size,
        weight_shape=weight.shape,
    )


def _pack_row(weight: NDArray[Any], groups: int, size: GroupSize, p: int, dense: bool) -> tuple[Packed, int]:
    """Row p as a plain conv over the channel blocks of its groups, packed, and the first of these blocks."""
    filters, channels = weight.shape[0] // groups, weight.shape[1]
    row = np.arange(p * size.m, min((p + 1) * size.m, len(weight)))
    starts = row // filters * channels
    first = int(starts[0]) // size.n
    wide = np.zeros((len(row), int(starts[-1]) + channels - first * size.n, *weight.shape[2:]), weight.dtype)
    inside = np.zeros(wide.shape, np.bool_)
    for i, start in enumerate(starts - first * size.n):
        wide[i, start : start + channels] = weight[row[i]]
        inside[i, start : start + channels] = True
    return pack(wide, size, from_zeros(inside if dense else wide, size)), first
