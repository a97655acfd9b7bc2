import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rt3d_mlir.pruning.units import Units
from rt3d_mlir.sparsity import GroupSize, Sparsity, as_5d, expand

sizes, kernels = st.integers(1, 12), st.integers(1, 3)
shapes = st.one_of(
    st.tuples(sizes, sizes, kernels, kernels, kernels),
    st.tuples(sizes, sizes, kernels, kernels),
    st.tuples(sizes, sizes),
)
units = st.builds(
    Units, shapes, st.builds(GroupSize, st.integers(1, 14), st.integers(1, 14)), st.sampled_from(list(Sparsity))
)


def test_those_of_a_transposed_conv_are_those_of_its_turned_weights():
    group = GroupSize(4, 2)
    for sparsity in Sparsity:
        plain, turned = Units((6, 5, 1, 2, 3), group, sparsity), Units((5, 6, 1, 2, 3), group, sparsity, True)
        weight = random(plain.shape)
        assert np.array_equal(turned.sizes, plain.sizes)
        assert turned.mask_shape == plain.mask_shape
        for order in (1, 2):
            assert torch.equal(turned.norms(weight.transpose(0, 1), order), plain.norms(weight, order))
        keep = np.arange(plain.sizes.size) % 2 == 0
        assert np.array_equal(turned.mask(keep), plain.mask(keep))


def random(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights_of(unit, layer):
    """The bool array, like the weights, of one unit; written with loops over indices."""
    rows = layer.group.rows(layer.shape[0])
    where = np.unravel_index(
        unit,
        {
            Sparsity.KGS: layer.group.mask_shape(layer.shape),
            Sparsity.VANILLA: layer.group.mask_shape(layer.shape)[:2],
            Sparsity.FILTER: (rows,),
        }[layer.sparsity],
    )
    chosen = np.zeros(as_5d(np.empty(layer.shape)).shape, bool)
    for m, n, *at in np.ndindex(*chosen.shape):
        seen = (m // layer.group.m, n // layer.group.n, *at)
        chosen[(m, n, *at)] = seen[: len(where)] == tuple(int(i) for i in where)
    return chosen.reshape(layer.shape)


@given(units, st.data())
@settings(deadline=None, max_examples=150)
def test_norms_and_sums_are_those_of_the_weights_of_each_unit(layer, data):
    weight = random(layer.shape)
    unit = data.draw(st.integers(0, layer.sizes.size - 1))
    mine = weight.numpy()[weights_of(unit, layer)]
    assert layer.sizes.ravel()[unit] == mine.size
    np.testing.assert_allclose(layer.norms(weight, 2)[unit], np.sqrt((mine**2).sum()), rtol=1e-12)
    np.testing.assert_allclose(layer.norms(weight, 1)[unit], np.abs(mine).sum(), rtol=1e-12)
    np.testing.assert_allclose(layer.sums(weight)[unit], mine.sum(), rtol=1e-12, atol=1e-12)


@given(units, st.data())
@settings(deadline=None, max_examples=150)
def test_a_mask_removes_the_weights_of_its_units(layer, data):
    keep = np.ones(layer.sizes.size, bool)
    unit = data.draw(st.integers(0, keep.size - 1))
    keep[unit] = False
    assert np.array_equal(~expand(layer.mask(keep), layer.shape, layer.group), weights_of(unit, layer))


@given(units)
@settings(deadline=None)
def test_every_weight_is_in_one_unit(layer):
    weight = random(layer.shape)
    assert layer.sizes.sum() == weight.numel()
    torch.testing.assert_close(layer.sums(weight.square()).sum(), weight.square().sum())


def test_weights_that_lie_channels_last():
    layer = Units((6, 5, 3, 3, 3), GroupSize(4, 2), Sparsity.KGS)
    weight = random(layer.shape)
    assert torch.equal(layer.sums(weight.to(memory_format=torch.channels_last_3d)), layer.sums(weight))
