import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt3d_mlir.pruning.select import LEAST_SHARE, Candidates, by_rate, by_ratio, highest_rate
from rt3d_mlir.pruning.units import Units
from rt3d_mlir.sparsity import GroupSize, Sparsity, magnitude_mask


def candidates(energies, macs_per_weight=1, balanced=False, sizes=None):
    energies = np.asarray(energies, np.float64)
    return Candidates(
        energies, np.ones(energies.shape, np.int64) if sizes is None else sizes, macs_per_weight, balanced
    )


shapes = st.tuples(*[st.integers(1, 12)] * 2, *[st.integers(1, 3)] * 3)


@st.composite
def networks(draw):
    """Layers of random energies with border groups, some units at zero, and MACs that cannot be pruned."""
    balanced = draw(st.booleans())
    sparsity = Sparsity.KGS if balanced else draw(st.sampled_from(list(Sparsity)))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    layers = {}
    for i in range(draw(st.integers(1, 3))):
        units = Units(draw(shapes), GroupSize(draw(st.integers(1, 5)), draw(st.integers(1, 5))), sparsity)
        energies = generator.standard_normal(units.sizes.shape) ** 2 * generator.integers(0, 2, units.sizes.shape)
        layers[str(i)] = Candidates(energies, units.sizes, draw(st.integers(1, 50)), balanced)
    dense = draw(st.integers(1, 1000))
    return layers, dense + sum(int(layer.macs.sum()) for layer in layers.values())


def left(layers, total, keep):
    return total - sum(
        int(layer.sizes.ravel()[~keep[name]].sum()) * layer.macs_per_weight for name, layer in layers.items()
    )


@given(networks(), st.floats(1.01, 20))
@settings(deadline=None, max_examples=200)
def test_the_rate_is_reached_as_near_as_one_step_allows(network, rate):
    layers, total = network
    keep = by_rate(layers, total, rate)
    reached = left(layers, total, keep)
    if rate > highest_rate(layers, total):
        assert total / reached == pytest.approx(highest_rate(layers, total))
    else:
        assert abs(reached - total / rate) <= max(layer.macs.max() for layer in layers.values()) / 2 + 1e-6


@given(networks(), st.floats(1.01, 1e6))
@settings(deadline=None, max_examples=200)
def test_no_layer_is_emptied_and_balanced_rows_stay_equal(network, rate):
    layers, total = network
    keep = by_rate(layers, total, rate)
    for name, layer in layers.items():
        assert keep[name].sum() >= max(1, LEAST_SHARE * keep[name].size)
        if layer.balanced:
            assert len(set(keep[name].reshape(layer.energies.shape[0], -1).sum(axis=1))) == 1


@given(networks(), st.floats(1.01, 20))
@settings(deadline=None, max_examples=200)
def test_in_a_layer_the_weakest_units_go(network, rate):
    layers, total = network
    for name, keep in by_rate(layers, total, rate).items():
        density = (layers[name].energies / layers[name].sizes).ravel()
        rows = layers[name].energies.shape[0] if layers[name].balanced else 1
        for in_row, kept in zip(density.reshape(rows, -1), keep.reshape(rows, -1), strict=True):
            assert in_row[~kept].max(initial=0) <= in_row[kept].min()


@given(networks())
@settings(deadline=None)
def test_scores_never_fall_in_the_order_of_removal(network):
    for layer in network[0].values():
        assert (np.diff(layer.scores) >= 0).all()


def test_the_example_of_the_module():
    a, b = candidates(np.ones((1, 8))), candidates(np.ones((1, 2)))
    np.testing.assert_allclose(a.scores, 1 / np.arange(8, 0, -1))
    keep = by_rate({"a": a, "b": b}, 10, 2)
    assert (keep["a"].sum(), keep["b"].sum()) == (3, 2)


@pytest.mark.parametrize("scale", [1e-12, 1, 1e12])
def test_the_scale_of_a_layer_does_not_matter(scale):
    energies = np.random.default_rng(0).random((2, 50)) + 0.1
    keep = by_rate({"a": candidates([energies[0] * scale]), "b": candidates([energies[1]])}, 100, 2)
    same = by_rate({"a": candidates([energies[0]]), "b": candidates([energies[1]])}, 100, 2)
    assert all(np.array_equal(keep[name], same[name]) for name in keep)


def test_what_is_near_zero_goes_first_wherever_it_is():
    dead = np.where(np.arange(40) % 4 == 0, 1.0, 1e-10)  # three in four
    keep = by_rate({"small": candidates([dead]), "large": candidates([np.ones(40)], 10)}, 440, 440 / 410)
    assert np.array_equal(keep["small"], dead == 1)
    assert keep["large"].all()


def test_of_two_equal_layers_the_one_with_more_macs_gives_more():
    energies = np.random.default_rng(0).random((1, 100)) + 0.5
    keep = by_rate({"cheap": candidates(energies), "dear": candidates(energies, 4)}, 500, 2)
    assert keep["dear"].sum() * 4 == pytest.approx(keep["cheap"].sum() * 2, rel=0.3)
    assert keep["dear"].sum() < 50 < keep["cheap"].sum()


@given(shapes, st.integers(1, 5), st.integers(1, 5), st.sampled_from(list(Sparsity)), st.floats(0, 0.999))
@settings(deadline=None)
def test_a_ratio_gives_the_masks_of_magnitude_pruning(shape, m, n, sparsity, ratio):
    weight = np.random.default_rng(0).standard_normal(shape)
    units = Units(shape, GroupSize(m, n), sparsity)
    energies = np.array([(weight**2)[at].sum() for at in slices(weight, units)]).reshape(units.sizes.shape)
    keep = by_ratio(Candidates(energies, units.sizes, 1, False), ratio)
    assert np.array_equal(units.mask(keep), magnitude_mask(weight, units.group, ratio, sparsity))


def slices(weight, units):
    """An index array of the weights of each unit."""
    ids = np.arange(units.sizes.size).reshape(units.sizes.shape)
    ids = np.broadcast_to(ids, units.group.mask_shape(weight.shape))
    ids = ids.repeat(units.group.m, 0)[: weight.shape[0]].repeat(units.group.n, 1)[:, : weight.shape[1]]
    return (ids == unit for unit in range(units.sizes.size))


def test_a_balanced_ratio_takes_the_same_number_from_each_row():
    energies = np.array([[1, 2, 3, 4.0], [10, 40, 30, 20]])
    keep = by_ratio(candidates(energies, balanced=True), 0.5).reshape(2, 4)
    assert keep.tolist() == [[False, False, True, True], [False, True, True, False]]


def test_a_ratio_never_takes_the_last_unit():
    assert by_ratio(candidates([[1, 2, 3.0]]), 0.999).tolist() == [False, False, True]
