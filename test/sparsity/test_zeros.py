"""Counting what group sizes keep, and the order that gathers filters with the same zeros."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rt3d_mlir.sparsity import GroupSize, by_pattern, from_zeros, kept_blocks, live_weights


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.integers(1, 19), st.integers(1, 9), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3)),
    st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    st.integers(0, 99),
)
def test_counts_are_those_of_each_group_alone(shape: tuple[int, ...], density: float, seed: int):
    rng = np.random.default_rng(seed)
    weight = np.where(rng.random(shape) < density, rng.standard_normal(shape), 0).astype(np.float32)
    counts = kept_blocks(live_weights(weight), [1, 4, 8, 16], [1, 2, 4])
    assert set(counts) == {GroupSize(m, n) for m in (1, 4, 8, 16) for n in (1, 2, 4)}
    for group, kept in counts.items():
        assert kept == from_zeros(weight, group).sum(), group


def test_equal_filters_come_together_and_dead_ones_last():
    a, b, dead = [1, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]
    live = np.array([dead, a, b, dead, a, b, a], bool).reshape(7, 2, 2)
    assert by_pattern(live).tolist() == [1, 4, 6, 2, 5, 0, 3]


def test_filters_without_their_like_stay():
    live = np.random.default_rng(0).random((64, 16, 9)) < 0.3
    assert by_pattern(live).tolist() == list(range(64))


def test_weights_of_a_linear_layer():
    weight = np.zeros((8, 6), np.float32)
    weight[:4, 2] = 1
    assert kept_blocks(live_weights(weight), [4, 8], [1, 2]) == {
        GroupSize(4, 1): 1,
        GroupSize(4, 2): 1,
        GroupSize(8, 1): 1,
        GroupSize(8, 2): 1,
    }
