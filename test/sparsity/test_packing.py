import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt3d_mlir.errors import InputError, MaskError
from rt3d_mlir.sparsity import GroupSize, apply, from_zeros, magnitude_mask, offsets, pack, unpack

sizes, kernels = st.integers(1, 9), st.integers(1, 3)
shapes = st.tuples(sizes, sizes, kernels, kernels, kernels) | st.tuples(sizes, sizes)
groups = st.builds(GroupSize, st.integers(1, 5), st.integers(1, 5))


def random_layer(shape, group, kept, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape, np.float32), rng.random(group.mask_shape(shape)) < kept


@given(shapes, groups, st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 99))
@settings(deadline=None)
def test_unpack_undoes_pack(shape, group, kept, seed):
    weight, mask = random_layer(shape, group, kept, seed)
    masked = apply(weight, mask, group)
    for packed in (pack(weight, group, mask), pack(masked, group), pack(masked, group, dense=True)):
        assert np.array_equal(unpack(packed), masked)
        assert packed.weights.dtype == np.float32


@given(shapes, groups, st.floats(0, 1), st.integers(0, 99))
@settings(deadline=None)
def test_each_tap_is_its_transposed_block_in_memory_order(shape, group, kept, seed):
    weight, mask = random_layer(shape, group, kept, seed)
    packed = pack(weight, group, mask)
    rows, cols, *_ = mask.shape
    full = np.zeros((rows * group.m, cols * group.n, *mask.shape[2:]), np.float32)
    full[: shape[0], : shape[1]] = weight.reshape(*shape[:2], *mask.shape[2:])
    expected = [index for index in np.ndindex(*mask.shape) if mask[index]]
    seen = [(p, *packed.taps[t]) for p in range(rows) for t in range(packed.ptr[p], packed.ptr[p + 1])]
    assert seen == expected
    for block, (p, q, d, h, w) in zip(packed.weights, expected, strict=True):
        m, n = p * group.m, q * group.n
        assert np.array_equal(block, full[m : m + group.m, n : n + group.n, d, h, w].T)


@given(
    st.tuples(sizes, sizes, kernels, kernels, kernels),
    groups,
    st.sampled_from([0.2, 0.6, 1.0]),
    st.tuples(*[st.integers(1, 2)] * 3),
    st.tuples(*[st.integers(1, 2)] * 3),
    st.integers(0, 99),
)
@settings(deadline=None)
def test_the_packed_form_computes_the_convolution(shape, group, kept, stride, dilation, seed):
    rng = np.random.default_rng(seed)
    weight = rng.integers(-8, 9, shape).astype(np.float64)
    mask = rng.random(group.mask_shape(shape)) < kept
    spans = [(k - 1) * d + 1 for k, d in zip(shape[2:], dilation, strict=True)]
    image = rng.integers(-8, 9, (shape[1], *(s + e for s, e in zip(spans, (0, 3, 2), strict=True))))
    expected = naive_conv(image.astype(np.float64), apply(weight, mask, group), stride, dilation)
    assert np.array_equal(packed_conv(image, pack(weight, group, mask), stride, dilation), expected)


def naive_conv(image, weight, stride, dilation):
    kernel = weight.shape[2:]
    out_shape = [
        (i - (k - 1) * d - 1) // s + 1 for i, k, s, d in zip(image.shape[1:], kernel, stride, dilation, strict=True)
    ]
    out = np.zeros((weight.shape[0], *out_shape))
    for at in np.ndindex(*out_shape):
        begin = [a * s for a, s in zip(at, stride, strict=True)]
        window = image[
            (
                slice(None),
                *(slice(b, b + (k - 1) * d + 1, d) for b, k, d in zip(begin, kernel, dilation, strict=True)),
            )
        ]
        out[(slice(None), *at)] = (weight * window).sum(axis=(1, 2, 3, 4))
    return out


def packed_conv(image, packed, stride, dilation):
    group, (filters, channels, *kernel) = packed.group, packed.weight_shape
    padded, cols = image.shape[1:], group.cols(channels)
    blocked = np.zeros((cols * group.n, *padded))
    blocked[:channels] = image
    columns = blocked.reshape(cols, group.n, -1).transpose(0, 2, 1).reshape(-1, group.n)
    starts = offsets(packed.taps, padded, dilation)
    out_shape = [(i - (k - 1) * d - 1) // s + 1 for i, k, s, d in zip(padded, kernel, stride, dilation, strict=True)]
    out = np.zeros((group.rows(filters), *out_shape, group.m))
    for p, d, h, w in np.ndindex(*out.shape[:-1]):
        at = ((d * stride[0] * padded[1]) + h * stride[1]) * padded[2] + w * stride[2]
        for t in range(packed.ptr[p], packed.ptr[p + 1]):
            out[p, d, h, w] += columns[starts[t] + at] @ packed.weights[t]
    return np.moveaxis(out, -1, 1).reshape(-1, *out_shape)[:filters]


def test_the_example_of_the_module():
    mask = np.array([[1, 0, 0, 1], [0, 0, 1, 1]], bool).reshape(2, 2, 1, 1, 2)
    packed = pack(np.ones((4, 4, 1, 1, 2)), GroupSize(2, 2), mask)
    assert packed.taps.tolist() == [[0, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 1]]
    assert packed.ptr.tolist() == [0, 2, 4]
    assert (packed.taps.dtype, packed.ptr.dtype) == (np.int32, np.int32)


def test_a_layer_without_taps():
    packed = pack(np.zeros((5, 3, 1, 3, 3), np.float32), GroupSize(2, 2))
    assert packed.weights.shape == (0, 2, 2)
    assert packed.taps.shape == (0, 4)
    assert packed.ptr.tolist() == [0, 0, 0, 0]
    assert offsets(packed.taps, (1, 5, 5)).shape == (0,)


def test_dense_keeps_taps_of_zeros():
    assert pack(np.zeros((4, 4, 3, 3, 3)), GroupSize(2, 2), dense=True).ptr.tolist() == [0, 54, 108]


def test_a_mask_and_dense_contradict():
    with pytest.raises(ValueError, match="pack takes a mask or dense=True, not both"):
        pack(np.ones((1, 1)), GroupSize(1, 1), np.ones((1, 1, 1, 1, 1), bool), dense=True)


def test_a_mask_that_does_not_fit_is_refused():
    with pytest.raises(MaskError, match=r"expected \(2, 4, 3, 3, 3\)"):
        pack(np.ones((16, 16, 3, 3, 3)), GroupSize(8, 4), np.ones((2, 2, 3, 3, 3), bool))


def test_offsets_count_columns_of_the_padded_input():
    taps = np.array([[0, 0, 0, 0], [2, 1, 2, 1]], np.int32)
    assert offsets(taps, (5, 7, 9)).tolist() == [0, ((2 * 5 + 1) * 7 + 2) * 9 + 1]
    assert offsets(taps, (5, 7, 9), (2, 1, 3)).tolist() == [0, ((2 * 5 + 2) * 7 + 2) * 9 + 3]


def test_offsets_beyond_32_bits_are_refused():
    taps = np.array([[0, 0, 0, 0], [2, 0, 0, 0]], np.int32)
    assert offsets(taps, (1, 1, 2**30 - 1)).tolist() == [0, 2**31 - 2]
    with pytest.raises(InputError, match="tap offset 2147483648 does not fit 32 bits"):
        offsets(taps, (2**30, 1, 1))
    with pytest.raises(InputError) as caught:
        offsets(taps, (2**20, 1, 2**10))
    assert str(caught.value) == (
        "padded input of (1048576, 1, 1024): tap offset 2147483648 does not fit 32 bits; use shorter or smaller clips"
    )


def test_a_kernel_larger_than_the_input_is_refused():
    taps = np.array([[0, 2, 2, 0]], np.int32)
    with pytest.raises(InputError) as caught:
        offsets(taps, (3, 4, 3), (1, 2, 1))
    assert str(caught.value) == "a kernel that spans (3, 5, 1) does not fit a padded input of (3, 4, 3)"


def test_large_layers_pack_in_no_time():
    weight = np.random.default_rng(0).standard_normal((512, 512, 3, 3, 3), np.float32)
    group = GroupSize(8, 4)
    mask = magnitude_mask(weight, group, 0.8)
    begin = time.process_time()
    packed = pack(weight, group, mask)
    assert time.process_time() - begin < 1
    assert np.array_equal(from_zeros(unpack(packed), group), mask)
