import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt3d_mlir.errors import MaskError
from rt3d_mlir.sparsity import GroupSize, apply, expand, from_zeros, kept_share

sizes, kernels = st.integers(1, 9), st.integers(1, 3)
shapes = st.tuples(sizes, sizes, kernels, kernels, kernels) | st.tuples(sizes, sizes)
groups = st.builds(GroupSize, st.integers(1, 5), st.integers(1, 5))


def random_mask(shape, group, kept, seed):
    return np.random.default_rng(seed).random(group.mask_shape(shape)) < kept


@given(shapes, groups, st.floats(0, 1), st.integers(0, 99))
@settings(deadline=None)
def test_expanding_and_reading_zeros_are_inverse(shape, group, kept, seed):
    mask = random_mask(shape, group, kept, seed)
    bits = expand(mask, shape, group)
    assert bits.shape == shape
    assert np.array_equal(from_zeros(bits.astype(np.float32), group), mask)


@given(shapes, groups, st.floats(0, 1), st.integers(0, 99))
@settings(deadline=None)
def test_each_weight_follows_the_bit_of_its_group(shape, group, kept, seed):
    mask = random_mask(shape, group, kept, seed)
    bits = expand(mask, shape, group)
    for index in np.ndindex(*shape):
        m, n, *kernel = index
        location = tuple(kernel) if kernel else (0, 0, 0)
        assert bits[index] == mask[(m // group.m, n // group.n, *location)]


@given(shapes, groups, st.floats(0, 1), st.integers(0, 99))
@settings(deadline=None)
def test_kept_share_counts_real_weights(shape, group, kept, seed):
    mask = random_mask(shape, group, kept, seed)
    assert kept_share(mask, shape, group) == expand(mask, shape, group).mean()


def test_the_example_of_the_module():
    weight = np.arange(1.0, 17.0).reshape(2, 4, 1, 1, 2)
    mask = np.array([[1, 0], [0, 1]], bool).reshape(1, 2, 1, 1, 2)
    kept = apply(weight, mask, GroupSize(2, 2))
    assert kept.reshape(2, 8).tolist() == [[1, 0, 3, 0, 0, 6, 0, 8], [9, 0, 11, 0, 0, 14, 0, 16]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_apply_keeps_type_and_leaves_the_argument_alone(dtype):
    weight = np.ones((4, 4, 1, 1, 1), dtype)
    kept = apply(weight, np.zeros((2, 2, 1, 1, 1), bool), GroupSize(2, 2))
    assert kept.dtype == dtype
    assert not kept.any()
    assert weight.all()


def test_removed_nan_is_gone():
    weight = np.full((2, 2), np.nan, np.float32)
    assert (apply(weight, np.zeros((1, 1, 1, 1, 1), bool), GroupSize(2, 2)) == 0).all()


@pytest.mark.parametrize("use", [expand, kept_share, lambda m, s, g: apply(np.zeros(s), m, g)])
def test_a_mask_of_another_shape_is_refused(use):
    with pytest.raises(MaskError) as caught:
        use(np.ones((2, 2, 3, 3, 3), bool), (16, 16, 3, 3, 3), GroupSize(8, 4))
    assert str(caught.value) == (
        "mask of shape (2, 2, 3, 3, 3) does not fit weights of shape (16, 16, 3, 3, 3) "
        "in groups of 8x4: expected (2, 4, 3, 3, 3)"
    )


def test_a_mask_of_numbers_is_refused():
    with pytest.raises(MaskError) as caught:
        expand(np.ones((1, 1, 1, 1, 1)), (2, 2), GroupSize(2, 2))
    assert str(caught.value) == "mask of type float64: expected bool, True where weights are kept"
