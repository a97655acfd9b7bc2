"""What group sizes would find in the zeros that a layer's weights already have.

A block of m x n weights at one kernel location is kept unless all of it is zero, so larger groups keep more. Four
filters, two channels, one location, 1 for a weight that is not zero:

    1 0        4x2: 1 block of 1 kept        2x2: 2 of 2        4x1: 1 of 2, for channel 1 is all zero
    1 0
    1 0
    1 0
"""

# pyright: strict

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.sparsity.groups import GroupSize, as_5d
from rt3d_mlir.sparsity.masks import Mask


def live_weights(weight: NDArray[Any]) -> Mask:
    """[M, N, K]: whether each weight is not zero; K are the kernel locations."""
    weight = as_5d(weight)
    return (weight != 0).reshape(*weight.shape[:2], -1)


def kept_blocks(live: Mask, filters: Sequence[int], channels: Sequence[int]) -> dict[GroupSize, int]:
    """How many blocks `live`, of `live_weights`, keeps in groups of each of `filters` by each of `channels`.

    Both lists rise, and each number divides the next: every group size is counted on the blocks of the one before.
    """
    counts: dict[GroupSize, int] = {}
    rows, m_before = live, 1
    for m in filters:
        rows = _fold(rows, m // m_before, axis=0)
        blocks, n_before = rows, 1
        for n in channels:
            blocks = _fold(blocks, n // n_before, axis=1)
            counts[GroupSize(m, n)] = int(np.count_nonzero(blocks))
            n_before = n
        m_before = m
    return counts


def by_pattern(live: Mask) -> NDArray[np.intp]:
    """An order of the M filters that puts those with the same zeros side by side, those without any weight last.

    Otherwise filters stay where they are: a pattern comes where its first filter was.
    """
    packed = np.packbits(live.reshape(len(live), -1), axis=1)
    rows = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
    _, first, pattern = np.unique(rows, return_index=True, return_inverse=True)
    return np.lexsort((first[pattern], ~packed.any(axis=1)))


def _fold(live: Mask, by: int, axis: int) -> Mask:
    """`by` neighbours on an axis as one, that is live where any is; the last may have fewer."""
    if by == 1:
        return live
    folded = live[(slice(None),) * axis + (slice(0, None, by),)].copy()
    for i in range(1, by):
        part = live[(slice(None),) * axis + (slice(i, None, by),)]
        folded[(slice(None),) * axis + (slice(0, part.shape[axis]),)] |= part
    return folded
