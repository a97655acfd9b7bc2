"""Linear maps of a volume that act on each axis alone: what pads, crops, slices, flips and resizing have in common.

    y[d, h, w] = sum over i, j, k of D[d, i] * H[h, j] * W[w, k] * x[i, j, k]

A row of D, H or W has few numbers that are not zero, the *taps* of that output position: one where numbers only move,
two where they are interpolated. Rows of nothing but zeros are outside of the input: y is `fill` there. Nearest
resizing of 2 columns to 4, and a pad by one column:

    W = 1 0      taps 0, 0, 1, 1          W = 0 0      taps -, 0, 1
        1 0                                   1 0
        0 1                                   0 1
        0 1

Such maps are closed under what stands between tensors: one behind another, sums of two that differ along one axis,
products with numbers by position, parts side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np


@dataclass(frozen=True, eq=False)
class Axis:
    """One matrix, [outputs, size]: by output its taps' `positions` in the input, -1 behind the last, and `weights`.

    Both are [outputs, taps]; positions ascend, and no weight of a position is zero.
    """

    size: int
    positions: np.ndarray
    weights: np.ndarray

    @staticmethod
    def of(size: int, positions: np.ndarray, weights: np.ndarray) -> "Axis":
        """Of taps in any order, [outputs, taps]; a position below 0 counts nothing, equal ones add up."""
        count = len(positions)
        rows = np.broadcast_to(np.arange(count)[:, None], positions.shape)
        keys, inverse = np.unique((rows * size + positions)[positions >= 0], return_inverse=True)
        sums = np.bincount(inverse, weights[positions >= 0], len(keys))
        keys, sums = keys[sums != 0], sums[sums != 0]
        rows = keys // size
        place = np.arange(len(keys)) - np.searchsorted(rows, rows)
        taps = max(1, place.max(initial=-1) + 1)
        compact = Axis(size, np.full((count, taps), -1), np.zeros((count, taps)))
        compact.positions[rows, place] = keys % size
        compact.weights[rows, place] = sums
        return compact

    @staticmethod
    def moved(size: int, positions: Sequence[int] | np.ndarray) -> "Axis":
        """Each output is the number at a position, or outside, -1."""
        column = np.asarray(positions, np.int64).reshape(-1, 1)
        return Axis.of(size, column, np.ones(column.shape))

    @property
    def outputs(self) -> int:
        return len(self.positions)

    @property
    def taps(self) -> int:
        return self.positions.shape[1]

    @property
    def outside(self) -> np.ndarray:
        """Which outputs have no tap."""
        return self.positions[:, 0] < 0

    @property
    def full(self) -> np.ndarray:
        """The positions, where missing taps, whose weights are zero, read what the first one reads."""
        return np.where(self.positions < 0, self.positions[:, :1], self.positions)

    @property
    def moves(self) -> bool:
        """Whether numbers only move: one tap of weight 1, or none."""
        return self.taps == 1 and bool((self.weights[~self.outside] == 1).all())

    @property
    def unchanged(self) -> bool:
        return self.moves and np.array_equal(self.positions[:, 0], np.arange(self.size))

    def same(self, other: "Axis") -> bool:
        return np.array_equal(self.positions, other.positions) and np.array_equal(self.weights, other.weights)

    def times(self, other: "Axis") -> float | None:
        """The number that `other` is to be multiplied by to be this; None where there is none."""
        if not np.array_equal(self.positions, other.positions):
            return None
        first = np.flatnonzero(other.weights)[:1]
        ratio = float((self.weights.flat[first] / other.weights.flat[first]).sum()) if len(first) else 1.0
        return ratio if np.array_equal(self.weights, other.weights * ratio) else None

    def after(self, inner: "Axis") -> "Axis":
        """This matrix times `inner`."""
        positions, weights = inner.positions[self.positions], inner.weights[self.positions]
        positions = np.where(self.positions[..., None] < 0, -1, positions)
        weights = weights * self.weights[..., None]
        return Axis.of(inner.size, positions.reshape(self.outputs, -1), weights.reshape(self.outputs, -1))

    def plus(self, other: "Axis") -> "Axis":
        positions, weights = (np.hstack([getattr(each, what) for each in (self, other)]) for what in _TABLES)
        return Axis.of(self.size, positions, weights)

    def scaled(self, factors: np.ndarray) -> "Axis":
        """By one number, or one for each output."""
        return Axis.of(self.size, self.positions, self.weights * np.reshape(factors, (-1, 1)))


_TABLES = ("positions", "weights")


@dataclass(frozen=True, eq=False)
class Separable:
    """The matrices of D, H and W, and what stands outside."""

    axes: tuple[Axis, ...]
    fill: float = 0.0

    @staticmethod
    def identity(size: Sequence[int]) -> "Separable":
        return Separable(tuple(Axis.moved(extent, range(extent)) for extent in size))

    @property
    def size(self) -> list[int]:
        """(D, H, W) of the output."""
        return [axis.outputs for axis in self.axes]

    @property
    def taps(self) -> tuple[int, ...]:
        return tuple(axis.taps for axis in self.axes)

    @property
    def moves(self) -> bool:
        return all(axis.moves for axis in self.axes)

    @property
    def unchanged(self) -> bool:
        return all(axis.unchanged for axis in self.axes)

    @property
    def outside(self) -> bool:
        """Whether an output position has no taps."""
        return any(axis.outside.any() for axis in self.axes)

    @property
    def zero(self) -> bool:
        """Whether nothing is read at all."""
        return any(axis.outside.all() for axis in self.axes)

    def after(self, inner: "Separable") -> "Separable | None":
        """This map of the result of `inner`; None where several numbers would stand outside."""
        known = {each.fill for each in (self, inner) if each.outside} or {0.0}
        fill = known.pop()
        if known or (fill != 0 and inner.outside and not self.moves):
            return None
        return Separable(tuple(a.after(b) for a, b in zip(self.axes, inner.axes, strict=True)), fill)

    def plus(self, other: "Separable") -> "Separable | None":
        """The sum of two maps that differ along one axis at most."""
        if self.fill != 0 or other.fill != 0 or self.size != other.size:
            return None
        if self.zero or other.zero:
            return other if self.zero else self
        ratios = [b.times(a) for a, b in zip(self.axes, other.axes, strict=True)]
        differ = [i for i, ratio in enumerate(ratios) if ratio is None]
        if len(differ) > 1:
            return None
        at = differ[0] if differ else 2
        factor = prod(ratio for i, ratio in enumerate(ratios) if i != at and ratio is not None)
        return self._with(at, self.axes[at].plus(other.axes[at].scaled(np.asarray(factor))))

    def scaled(self, factors: np.ndarray) -> "Separable | None":
        """The product with numbers that broadcast to [N, C, D, H, W], where they are a product of one by axis."""
        vectors = None if self.fill != 0 else _by_axis(factors)
        if vectors is None:
            return None
        return Separable(tuple(axis.scaled(vector) for axis, vector in zip(self.axes, vectors, strict=True)))

    @staticmethod
    def joined(parts: Sequence["Separable"], at: int) -> "Separable | None":
        """Parts side by side along one axis; None where they differ along others, or in what stands outside."""
        first, *others = parts
        if any(not first.axes[i].same(part.axes[i]) for part in others for i in range(3) if i != at):
            return None
        fills = {part.fill for part in parts if part.outside} or {0.0}
        if len(fills) > 1:
            return None
        tables = ([getattr(part.axes[at], what) for part in parts] for what in _TABLES)
        positions, weights = (_stacked(each, empty) for each, empty in zip(tables, (-1, 0), strict=True))
        return replace(first._with(at, Axis(first.axes[at].size, positions, weights)), fill=fills.pop())

    def _with(self, at: int, axis: Axis) -> "Separable":
        return replace(self, axes=(*self.axes[:at], axis, *self.axes[at + 1 :]))


def _stacked(tables: Sequence[np.ndarray], empty: int) -> np.ndarray:
    """One below the other; `empty` behind the last tap of those that have fewer."""
    most = max(table.shape[1] for table in tables)
    return np.vstack([np.pad(table, ((0, 0), (0, most - table.shape[1])), constant_values=empty) for table in tables])


def _by_axis(factors: np.ndarray) -> list[np.ndarray] | None:
    """Vectors along D, H and W whose product an array is; None where it has none, or depends on N or C."""
    array = np.asarray(factors, np.float64)
    array = array.reshape((1,) * (5 - array.ndim) + array.shape)
    volume = array[0, 0]
    if not np.isfinite(array).all() or (array != volume).any():
        return None
    pivot = np.unravel_index(np.abs(volume).argmax(), volume.shape)
    lines = [volume[tuple(slice(None) if i == axis else at for i, at in enumerate(pivot))] for axis in range(3)]
    longest = int(np.argmax(volume.shape))
    top = volume[pivot] or 1.0
    vectors = [line if axis == longest else line / top for axis, line in enumerate(lines)]
    if not volume.any():
        vectors = [np.zeros(1)] * 3
    product = vectors[0][:, None, None] * vectors[1][:, None] * vectors[2]
    return vectors if np.allclose(product, volume, rtol=1e-6, atol=0) else None
