"""Packing of grouped convs, against the plain conv that they are a sparse form of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt3d_mlir.sparsity import GroupSize, Packed, from_zeros, pack, pack_grouped


def drawn(groups: int, filters: int, channels: int, kernel: tuple[int, ...] = (1, 1, 2)) -> np.ndarray:
    """Weights of a conv with that many filters and channels a group, none of them zero."""
    shape = (groups * filters, channels, *kernel)
    return np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)


def plain(weight: np.ndarray, groups: int) -> np.ndarray:
    """The weights over all channels, [M, C, Kd, Kh, Kw]."""
    filters, channels = weight.shape[0] // groups, weight.shape[1]
    wide = np.zeros((weight.shape[0], groups * channels, *weight.shape[2:]), weight.dtype)
    for m, one in enumerate(weight):
        first = m // filters * channels
        wide[m, first : first + channels] = one
    return wide


def unpacked(packed: Packed, channels: int) -> np.ndarray:
    """The plain weights that the taps of each row stand for."""
    filters, _, *kernel = packed.weight_shape
    m, n = packed.group.m, packed.group.n
    wide = np.zeros((len(packed.ptr[1:]) * m, -(-channels // n) * n, *kernel), packed.weights.dtype)
    for p, (first, last) in enumerate(zip(packed.ptr, packed.ptr[1:], strict=False)):
        for (q, *at), block in zip(packed.taps[first:last], packed.weights[first:last], strict=True):
            wide[(slice(p * m, p * m + m), slice(q * n, q * n + n), *at)] += block.T
    assert not wide[filters:].any()
    assert not wide[:, channels:].any()
    return wide[:filters, :channels]


@given(
    groups=st.integers(2, 5),
    filters=st.integers(1, 9),
    channels=st.integers(1, 9),
    size=st.sampled_from(["8x4", "16x4", "4x4", "6x2", "5x1", "8x8"]),
    dense=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_taps_stand_for_the_plain_weights(groups: int, filters: int, channels: int, size: str, dense: bool, seed: int):
    weight = drawn(groups, filters, channels)
    weight[np.random.default_rng(seed).random(weight.shape) < 0.5] = 0
    packed = pack_grouped(weight, groups, GroupSize.parse(size), dense=dense)
    np.testing.assert_array_equal(unpacked(packed, groups * channels), plain(weight, groups))


@given(groups=st.integers(2, 4), filters=st.integers(1, 3), channels=st.integers(1, 3))
@settings(deadline=None)
def test_whole_blocks_are_packed_as_the_plain_weights_are(groups: int, filters: int, channels: int):
    size = GroupSize(8, 4)
    weight = drawn(groups, 8 * filters, 4 * channels)
    packed, expected = pack_grouped(weight, groups, size), pack(plain(weight, groups), size)
    assert packed.group == size
    np.testing.assert_array_equal(packed.weights, expected.weights)
    np.testing.assert_array_equal(packed.taps, expected.taps)
    np.testing.assert_array_equal(packed.ptr, expected.ptr)


@pytest.mark.parametrize(
    ("filters", "channels", "size", "rows"),
    [
        (8, 4, "16x4", 8),  # a row of 16 would read two groups' blocks
        (4, 4, "16x4", 4),
        (16, 4, "16x4", 16),
        (2, 2, "16x4", 4),  # two groups share a block: rows of 4, no fewer, for a row writes whole blocks
        (8, 2, "16x4", 16),  # nothing is gained by less
    ],
)
def test_rows_have_the_most_filters_that_cost_no_more(filters: int, channels: int, size: str, rows: int):
    assert pack_grouped(drawn(4, filters, channels), 4, GroupSize.parse(size)).group.m == rows


def test_zero_blocks_are_dropped_unless_all_are_kept():
    weight = drawn(2, 8, 4)
    weight[:8, :, :, :, 1] = 0
    size = GroupSize(8, 4)
    assert len(pack_grouped(weight, 2, size).taps) == from_zeros(weight, size).sum() == 3
    assert len(pack_grouped(weight, 2, size, dense=True).taps) == 4
