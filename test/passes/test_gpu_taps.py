"""Rows and taps rearranged for GPUs: the weight of each filter, channel and place stays what it was."""

from dataclasses import replace

import numpy as np
import pytest

from rt3d_mlir.passes.gpu.taps import first_rows, narrow_rows, near_taps, whole_rounds
from rt3d_mlir.passes.ops.tap_layout import TapLayout


@pytest.fixture
def layout() -> TapLayout:
    """Three rows of 8 filters over 3 blocks and a 2x2x2 kernel, two thirds kept, in the order of tap_layout."""
    rng = np.random.default_rng(0)
    kept = [(p, d, h, q, w) for p, d, h, q, w in np.ndindex(3, 2, 2, 3, 2) if rng.random() < 0.67]
    p, d, h, q, w = np.array(kept).T
    counts = np.bincount((p * 2 + d) * 2 + h, minlength=12)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    weights = rng.integers(1, 99, (len(kept), 4, 8)).astype(np.float32)
    return TapLayout(weights, np.stack([q, d, h, w], 1), starts, (0, 1, 2, 3), (2, 2), 3, 4)


def dense(layout: TapLayout) -> np.ndarray:
    """[rows * filters, blocks * 4, 2, 2, 2]"""
    rows = np.repeat(np.arange(layout.rows), layout.lengths)
    q, d, h, w = layout.taps.T
    found = np.zeros((layout.rows, layout.filters, 3, 4, 2, 2, 2), np.float32)
    found[rows, :, q, :, d, h, w] = layout.weights.transpose(0, 2, 1)
    return found.reshape(layout.rows * layout.filters, 12, 2, 2, 2)


def test_narrow_rows_follow_each_other(layout: TapLayout):
    narrow = narrow_rows(layout, 4)
    assert (narrow.rows, narrow.filters) == (6, 4)
    assert np.array_equal(dense(narrow), dense(layout))
    rows = np.repeat(np.arange(6), narrow.lengths)
    segments = np.bincount((rows * 2 + narrow.taps[:, 1]) * 2 + narrow.taps[:, 2], minlength=24)
    assert np.array_equal(np.diff(narrow.starts), segments)


@pytest.mark.parametrize("filters", [8, 16, 3])
def test_rows_that_are_no_wider_or_do_not_divide_stay(layout: TapLayout, filters: int):
    assert narrow_rows(layout, filters) is layout


@pytest.mark.parametrize(("blocks", "rows"), [(6, 3), (5, 3), (4, 2), (1, 1)])
def test_rows_behind_the_last_channel_are_left_out(layout: TapLayout, blocks: int, rows: int):
    first = first_rows(layout, blocks)
    assert first.rows == rows
    assert np.array_equal(dense(first), dense(layout)[: rows * 8])


def test_taps_at_one_kd_are_by_channel_block_then_by_place(layout: TapLayout):
    near = near_taps(layout)
    assert np.array_equal(dense(near), dense(layout))
    q, d, h, w = near.taps.T
    order = list(zip(np.repeat(np.arange(3), near.lengths), d, q, h, w, strict=True))
    assert order == sorted(order)
    assert not np.array_equal(near.taps, layout.taps)


@pytest.mark.parametrize("by_place", [False, True])
def test_whole_rounds(layout: TapLayout, by_place: bool):
    """Taps of zeros fill up rounds of 8, of each row or of each kd of it; one round of them is behind all."""
    near = near_taps(layout)
    whole = whole_rounds(near, 8, by_place)
    assert whole.kernel == ((2, 1) if by_place else (1, 1))
    assert (whole.starts % 8 == 0).all()
    assert len(whole.taps) == whole.starts[-1] + 8
    assert not whole.weights[whole.starts[-1] :].any()
    inside = replace(whole, weights=whole.weights[:-8], taps=whole.taps[:-8])
    assert np.array_equal(summed(inside), dense(layout))
    if by_place:
        span = np.repeat(np.arange(6), np.diff(whole.starts))
        real = inside.weights.any(axis=(1, 2))
        assert (inside.taps[real, 1] == span[real] % 2).all()


def summed(layout: TapLayout) -> np.ndarray:
    """As dense, of taps of which some share a place: those of zeros."""
    real = layout.weights.any(axis=(1, 2))
    row = np.repeat(np.arange(layout.rows), layout.lengths)[real]
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=layout.rows))])
    return dense(replace(layout, weights=layout.weights[real], taps=layout.taps[real], starts=starts, kernel=(1, 1)))
