import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt3d_mlir.errors import ConfigError, WeightError
from rt3d_mlir.sparsity import GroupSize, Sparsity, kept_share, magnitude_mask

sizes, kernels = st.integers(1, 12), st.integers(1, 3)
shapes = st.tuples(sizes, sizes, kernels, kernels, kernels)
groups = st.builds(GroupSize, st.integers(1, 5), st.integers(1, 5))
patterns = st.sampled_from(list(Sparsity))


def random_weight(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def units(mask, sparsity):
    """The free bits of a mask of this pattern; fails if bits that must be equal are not."""
    rows = {"kgs": mask.size, "vanilla": mask.shape[0] * mask.shape[1], "filter": mask.shape[0]}[sparsity]
    shared = mask.reshape(rows, -1)
    assert (shared == shared[:, :1]).all()
    return shared[:, 0]


@given(shapes, groups, patterns, st.floats(0, 1, exclude_max=True), st.integers(0, 99))
@settings(deadline=None)
def test_the_ratio_is_reached_within_one_unit(shape, group, sparsity, ratio, seed):
    free = units(magnitude_mask(random_weight(shape, seed), group, ratio, sparsity), sparsity)
    assert abs(np.sum(~free) - ratio * free.size) <= 1
    assert free.any()


@given(shapes, groups, st.floats(0, 1, exclude_max=True))
@settings(deadline=None)
def test_filter_masks_are_vanilla_masks_are_kgs_masks(shape, group, ratio):
    mask = magnitude_mask(random_weight(shape), group, ratio, Sparsity.FILTER)
    for sparsity in Sparsity:
        units(mask, sparsity)
    mask = magnitude_mask(random_weight(shape), group, ratio, Sparsity.VANILLA)
    for sparsity in (Sparsity.VANILLA, Sparsity.KGS):
        units(mask, sparsity)


@given(shapes, groups, patterns, st.floats(0, 1, exclude_max=True))
@settings(deadline=None)
def test_what_is_removed_is_never_larger_than_what_is_kept(shape, group, sparsity, ratio):
    weight = random_weight(shape)
    free = units(magnitude_mask(weight, group, ratio, sparsity), sparsity)
    rms = []
    for p, q in np.ndindex(group.mask_shape(shape)[:2]):
        block = weight[p * group.m : (p + 1) * group.m, q * group.n : (q + 1) * group.n].astype(np.float64)
        rms += [(block[..., d, h, w] ** 2).mean() for d, h, w in np.ndindex(*shape[2:])]
    if sparsity == Sparsity.VANILLA:
        rms = np.reshape(rms, (free.size, -1)).mean(axis=1)
    if sparsity == Sparsity.FILTER:
        rms = [(weight[p * group.m : (p + 1) * group.m].astype(np.float64) ** 2).mean() for p in range(free.size)]
    rms = np.asarray(rms)
    assert rms[~free].max(initial=0) <= rms[free].min() * (1 + 1e-12)


def test_the_example_of_the_module():
    weight = np.array([[4, -1], [2, 0.5]]).reshape(2, 1, 1, 1, 2)
    kept = {s: magnitude_mask(weight, GroupSize(1, 1), 0.5, s).reshape(2, 2).tolist() for s in Sparsity}
    assert kept["kgs"] == [[1, 0], [1, 0]]
    assert kept["vanilla"] == kept["filter"] == [[1, 1], [0, 0]]


def test_small_border_groups_compare_fairly():
    weight = np.ones((9, 4, 1, 1, 1))
    weight[8] = 1.1  # one real filter in the last row: norm 2.2 against 5.7, but larger weights
    assert magnitude_mask(weight, GroupSize(8, 4), 0.5).ravel().tolist() == [False, True]


def test_equal_scores_go_in_memory_order():
    weight = np.ones((64, 64, 1, 2, 2))
    weight[::4] = 2  # every other row of groups is larger
    mask = magnitude_mask(weight, GroupSize(2, 2), 0.25).reshape(32, -1)
    assert not mask[1:16:2].any()
    assert mask.sum() == 0.75 * mask.size


def test_ratio_zero_keeps_all_and_the_largest_ratio_keeps_one():
    weight = random_weight((8, 8, 3, 3, 3))
    assert magnitude_mask(weight, GroupSize(8, 4), 0.0).all()
    assert magnitude_mask(weight, GroupSize(8, 4), 0.9999).sum() == 1


@pytest.mark.parametrize("dtype", [np.float16, np.int8])
def test_squares_do_not_overflow_small_types(dtype):
    weight = np.array([[16, 100], [15, 120]], dtype) * dtype(1 if dtype is np.int8 else 100)
    assert magnitude_mask(weight, GroupSize(1, 1), 0.5).ravel().tolist() == [False, True, False, True]


def test_weights_that_do_not_fill_memory_in_order_and_float16():
    weight = random_weight((3, 3, 3, 16, 16)).T.astype(np.float16)
    mask = magnitude_mask(weight, GroupSize(8, 4), 0.75)
    assert kept_share(mask, weight.shape, GroupSize(8, 4)) == 0.25


@pytest.mark.parametrize("ratio", [1.0, -0.1, 1.5, float("nan")])
def test_a_ratio_outside_its_range_is_refused(ratio):
    with pytest.raises(ConfigError) as caught:
        magnitude_mask(np.ones((2, 2)), GroupSize(1, 1), ratio)
    assert str(caught.value) == f"ratio {ratio}: expected the fraction of weights to remove, 0 <= ratio < 1"


def test_an_unknown_sparsity_is_refused():
    with pytest.raises(ConfigError) as caught:
        magnitude_mask(np.ones((2, 2)), GroupSize(1, 1), 0.5, "vanila")
    assert str(caught.value) == "sparsity 'vanila': expected kgs, vanilla, filter; did you mean 'vanilla'?"


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_weights_without_a_magnitude_are_refused(bad):
    weight = np.ones((4, 4))
    weight[1, 2] = bad
    with pytest.raises(WeightError) as caught:
        magnitude_mask(weight, GroupSize(2, 2), 0.5)
    assert str(caught.value) == ("weights hold NaN, infinite or overflowing values: magnitudes cannot be compared")
