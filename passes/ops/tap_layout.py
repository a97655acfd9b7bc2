"""A packed conv's taps and weights, laid out for the CPU kernel.

Three things that change no result. Rows of filter groups with equal tap lists (a dense layer's) are merged while their
filters fit the target's tile, so that one read of the input serves more filters. Taps are ordered by (kd, kh) first, so
that those which fall on zero padding for a whole output row are a range that the kernel skips. Input channels whose
weights are all zero (the fourth of an RGB clip in blocks of 4) are left out.

A product takes a *step* of channels: one, or a pair of bf16, whose weights lie side by side.
"""

from dataclasses import dataclass

import numpy as np

from rt3d_mlir.ir_io.weights import BFLOAT16
from rt3d_mlir.sparsity import Packed


@dataclass(frozen=True, eq=False)
class TapLayout:
    """P rows of `filters`; row p's taps at position (kd, kh) begin at starts[(p*Kd + kd)*Kh + kh], up to the next."""

    weights: np.ndarray
    """[T, live channels, filters]; of steps of two, [T, live pairs, filters, 2]"""
    taps: np.ndarray
    """[T, 4]: (q, kd, kh, kw)"""
    starts: np.ndarray
    """[P * Kd * Kh + 1] int32"""
    channels: tuple[int, ...]
    """The live channels of a tap; of steps of two, the first of each."""
    kernel: tuple[int, int]
    """(Kd, Kh)"""
    rows: int

    width: int
    """Channels of a tap, live or not: those of a block, or a part of it."""

    @property
    def step(self) -> int:
        """Channels of a product: 1 or 2."""
        return self.weights.shape[3] if self.weights.ndim == 4 else 1

    @property
    def filters(self) -> int:
        return self.weights.shape[2]

    @property
    def lengths(self) -> np.ndarray:
        """[P] taps of each row."""
        return np.diff(self.starts[:: self.kernel[0] * self.kernel[1]])

    @property
    def row_bytes(self) -> int:
        """Weights of the longest row."""
        return int(self.lengths.max()) * self.weights[0].nbytes


def arrange(packed: Packed, widest: int) -> TapLayout:
    """The layout of a conv's weights [T, gN, gM] and taps; rows of up to `widest` filters are merged."""
    weights, taps, counts, width = packed.weights, packed.taps, np.diff(packed.ptr), packed.group.n
    if paired := weights.dtype == BFLOAT16:
        weights, taps, width = _even(weights, taps, width)
    if counts.sum() == 0:  # the one tap that keeps tensors from being empty belongs to no row
        weights = _pairs(weights) if paired else weights
        return TapLayout(weights, taps, np.zeros(len(counts) + 1, np.int32), (0,), (1, 1), len(counts), width)
    while 2 * weights.shape[2] <= widest and _pairs_are_equal(taps, counts):
        weights, taps, counts = _merge_pairs(weights, taps, counts)
    kd, kh = int(taps[:, 1].max()) + 1, int(taps[:, 2].max()) + 1
    row = np.repeat(np.arange(len(counts)), counts)
    segment = (row * kd + taps[:, 1]) * kh + taps[:, 2]
    order = np.lexsort((taps[:, 3], taps[:, 0], segment))
    starts = np.zeros(len(counts) * kd * kh + 1, np.int32)
    np.cumsum(np.bincount(segment, minlength=len(starts) - 1), out=starts[1:])
    live = tuple(np.flatnonzero((weights != 0).any(axis=(0, 2))).tolist()) or (0,)
    if paired:
        live = tuple(dict.fromkeys(channel // 2 * 2 for channel in live))
        arranged = np.ascontiguousarray(_pairs(weights[order])[:, [channel // 2 for channel in live]])
    else:
        arranged = np.ascontiguousarray(weights[order][:, list(live)])
    return TapLayout(arranged, np.ascontiguousarray(taps[order]), starts, live, (kd, kh), len(counts), width)


def _even(weights: np.ndarray, taps: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Weights [T, width, filters] and taps of one channel each as taps of the pair that it is of."""
    if width > 1:
        return weights, taps, width
    wide = np.zeros((len(weights), 2, weights.shape[2]), weights.dtype)
    wide[np.arange(len(weights)), taps[:, 0] % 2] = weights[:, 0]
    return wide, np.column_stack([taps[:, 0] // 2, taps[:, 1:]]).astype(taps.dtype), 2


def _pairs(weights: np.ndarray) -> np.ndarray:
    """[T, channels, filters] -> [T, channels / 2, filters, 2]."""
    count, channels, filters = weights.shape
    return np.ascontiguousarray(weights.reshape(count, channels // 2, 2, filters).transpose(0, 1, 3, 2))


def _pairs_are_equal(taps: np.ndarray, counts: np.ndarray) -> bool:
    """Whether rows 0 and 1, 2 and 3, ... have the same taps."""
    if len(counts) < 2 or len(counts) % 2 or len(set(counts.tolist())) != 1:
        return False
    pairs = taps.reshape(len(counts) // 2, 2, counts[0], 4)
    return bool((pairs[:, 0] == pairs[:, 1]).all())


def _merge_pairs(weights: np.ndarray, taps: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rows 2i and 2i + 1 side by side, as one row of twice the filters."""
    rows, taps_each = len(counts) // 2, counts[0]
    channels, filters = weights.shape[1:]
    paired = weights.reshape(rows, 2, taps_each, channels, filters).transpose(0, 2, 3, 1, 4)
    merged = paired.reshape(rows * taps_each, channels, 2 * filters)
    kept = taps.reshape(rows, 2, taps_each, 4)[:, 0].reshape(-1, 4)
    return np.ascontiguousarray(merged), kept, counts[::2]
