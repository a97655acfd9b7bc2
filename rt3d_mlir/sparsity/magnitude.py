"""Magnitude pruning of one layer: the units of least l2 norm go, by one threshold for the layer.

The score of a unit is its l2 norm / sqrt(number of real weights in it), the root mean square of its weights,
so that the smaller units at the border of a layer compare fairly with full ones. What a unit is depends on
the sparsity: one location of a group (kgs), a whole group (vanilla), a whole row of groups (filter). A small
example with groups of 1x1, so that a unit of kgs is one weight, and half of the units removed:

    two filters, one channel, 1x1x2 kernels     kgs             vanilla and filter
    filter 0:  4 -1                             keep  1 0       keep  1 1
    filter 1:  2  0.5                           keep  1 0       keep  0 0

This is the hard prune that ends each algorithm of the RT3D paper (AAAI 2021, sec. 4). One threshold for a
layer means that groups and rows of groups keep unequal numbers of locations.
"""

# pyright: strict

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.errors import ConfigError, WeightError
from rt3d_mlir.sparsity.groups import GroupSize, as_groups
from rt3d_mlir.sparsity.masks import Mask, real_sizes
from rt3d_mlir.sparsity.patterns import Sparsity

_SHARED_AXES: dict[Sparsity, tuple[int, ...]] = {
    Sparsity.KGS: (),
    Sparsity.VANILLA: (2, 3, 4),
    Sparsity.FILTER: (1, 2, 3, 4),
}


def magnitude_mask(weight: NDArray[Any], group: GroupSize, ratio: float, sparsity: str = Sparsity.KGS) -> Mask:
    """The mask keep[P, Q, Kd, Kh, Kw] that removes the fraction `ratio` of the units of `weight`.

    round(ratio * units) units go, but never all of them; of units with equal scores the first in memory order
    go first. Raises ConfigError for a ratio outside [0, 1) or an unknown sparsity, WeightError for weights
    that are not finite or not of 2 to 5 dimensions.
    """
    if not 0 <= ratio < 1:
        raise ConfigError(f"ratio {ratio}: expected the fraction of weights to remove, 0 <= ratio < 1")
    axes = _SHARED_AXES[Sparsity.parse(sparsity)]
    with np.errstate(over="ignore"):
        squares = np.square(as_groups(weight, group), dtype=np.float64).sum(axis=(1, 3))
    if not np.isfinite(squares).all():
        raise WeightError("weights hold NaN, infinite or overflowing values: magnitudes cannot be compared")
    sizes: NDArray[np.int64] = np.broadcast_to(real_sizes(weight.shape, group)[:, :, None, None, None], squares.shape)
    scores: NDArray[np.float64] = squares.sum(axis=axes, keepdims=True) / sizes.sum(axis=axes, keepdims=True)
    keep: Mask = np.ones(scores.size, np.bool_)
    removed = min(round(ratio * keep.size), keep.size - 1)
    keep[np.argsort(scores, axis=None, kind="stable")[:removed]] = False
    return keep.reshape(scores.shape) & np.ones(squares.shape, np.bool_)
