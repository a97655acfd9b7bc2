import numpy as np
import pytest
import torch
from pruning.motion import gradient
from torch import nn

from rt3d_mlir.pruning import PruneConfig
from rt3d_mlir.pruning.layers import TrainedLayer
from rt3d_mlir.pruning.penalty import Penalty
from rt3d_mlir.pruning.units import Units
from rt3d_mlir.sparsity import GroupSize, Sparsity, as_5d

GROUP, STRENGTH, EPSILON = GroupSize(4, 2), 0.3, 0.04
SHAPES, MACS = [(6, 5, 1, 2, 3), (8, 4, 3, 1)], [300, 100]  # the groups do not divide the first


def layers(sparsity="kgs", dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [
        TrainedLayer(
            str(i),
            nn.Parameter(scale * torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)),
            macs,
            Units(shape, GROUP, Sparsity(sparsity)),
            "",
        )
        for i, (shape, macs, scale) in enumerate(zip(SHAPES, MACS, (1.0, 0.1), strict=True))
    ]


def config(**values):
    return PruneConfig(rate=2, group=GROUP, strength=STRENGTH, epsilon=EPSILON, **values)


def units_of(weight, sparsity):
    """Slices of a 5-D weight, one for each unit."""
    rows, cols, *kernel = GROUP.mask_shape(weight.shape)
    for p in range(rows):
        m = slice(4 * p, 4 * p + 4)
        if sparsity == "filter":
            yield (m,)
            continue
        for q in range(cols):
            n = slice(2 * q, 2 * q + 2)
            if sparsity == "vanilla":
                yield (m, n)
            else:
                yield from ((m, n, *at) for at in np.ndindex(*kernel))


def analytic_gradient(weight, cost, algorithm, norm, sparsity):
    """strength c P w / x, and sign(w) for l1: written from the formula in the docstring, unit by unit."""
    w = as_5d(weight)
    gradient, scale, d = np.zeros_like(w), np.sqrt((w**2).mean()), EPSILON**0.5
    for unit in units_of(w, sparsity):
        u = w[unit]
        rms = np.sqrt((u**2).mean())
        x = {"l2": rms, "l1": np.abs(u).mean(), "mixed": (rms + np.abs(u).mean()) / 2}[norm] / scale
        slope = {"l2": u / rms, "l1": np.sign(u), "mixed": (u / rms + np.sign(u)) / 2}[norm]
        factor = 1 / (x**2 + EPSILON) if algorithm == "reweighted" else 1
        gradient[unit] = STRENGTH * cost * factor * scale * min(1, x / d) * slope
    return gradient.reshape(weight.shape)


@pytest.mark.parametrize("sparsity", list(Sparsity))
@pytest.mark.parametrize("norm", ["l1", "l2", "mixed"])
@pytest.mark.parametrize("algorithm", ["fixed", "reweighted"])
def test_the_gradient_is_the_analytic_one(algorithm, norm, sparsity):
    stack = layers(sparsity)
    with torch.no_grad():
        stack[0].weight[:4, :2] *= 0.05  # some units below the rounding
    Penalty(stack, config(algorithm=algorithm, norm=norm, sparsity=sparsity))().backward()
    for layer, cost in zip(stack, (1.5, 0.5), strict=True):
        expected = analytic_gradient(layer.weight.detach().numpy(), cost, algorithm, norm, sparsity)
        assert np.abs(expected).min() > 0
        np.testing.assert_allclose(gradient(layer.weight), expected, rtol=1e-10)


@pytest.mark.parametrize("sparsity", list(Sparsity))
@pytest.mark.parametrize("norm", ["l1", "l2", "mixed"])
def test_the_gradient_is_that_of_the_value(norm, sparsity):
    stack = layers(sparsity)
    penalty = Penalty(stack, config(norm=norm, sparsity=sparsity))
    assert torch.autograd.gradcheck(lambda *_: penalty(), [layer.weight for layer in stack])


@pytest.mark.parametrize("norm", ["l1", "l2", "mixed"])
def test_at_zero_the_gradient_is_zero(norm):
    stack = layers()
    penalty = Penalty(stack, config(norm=norm))
    with torch.no_grad():
        stack[0].weight[:4, :2] = 0
        stack[1].weight[:] = 0
    penalty.refresh()
    penalty().backward()
    assert not gradient(stack[0].weight)[:4, :2].any()
    assert gradient(stack[0].weight)[4:].all()
    assert not gradient(stack[1].weight).any()


def test_the_factors_are_those_of_the_last_refresh_and_get_no_gradient():
    stack = layers()
    penalty = Penalty(stack, config())
    before = penalty.state_dict()["factors"]
    with torch.no_grad():
        stack[0].weight[:4, :2, 0, 0, 0] *= 10
    assert torch.equal(penalty.state_dict()["factors"], before)
    penalty.refresh()
    after = penalty.state_dict()
    assert after["factors"][0] < before[0] / 10
    assert not after["factors"].requires_grad
    relative = stack[0].units.norms(stack[0].weight, 2)[0].item() / np.sqrt(8) / after["scales"][0].item()
    assert after["factors"][0].item() == pytest.approx(1 / (relative**2 + EPSILON))


def test_fixed_has_no_factors_to_refresh():
    stack = layers()
    penalty = Penalty(stack, config(algorithm="fixed"))
    before = penalty.state_dict()
    with torch.no_grad():
        stack[0].weight.mul_(3)
    penalty.refresh()
    assert all(torch.equal(before[name], value) for name, value in penalty.state_dict().items())
    assert (before["factors"] == 1).all()


@pytest.mark.parametrize("algorithm", ["fixed", "reweighted"])
def test_the_decay_does_not_depend_on_the_scale_of_the_weights(algorithm):
    decays = []
    for scale in (1, 1000):
        stack = layers()
        with torch.no_grad():
            stack[0].weight.mul_(scale)
        Penalty(stack, config(algorithm=algorithm))().backward()
        decays.append(gradient(stack[0].weight) / stack[0].weight.detach())
    torch.testing.assert_close(*decays)


def test_without_flops_weights_all_layers_are_pulled_alike():
    with_costs, without = layers(), layers()
    Penalty(with_costs, config())().backward()
    Penalty(without, config(flops_weighted=False))().backward()
    torch.testing.assert_close(
        gradient(with_costs[0].weight), gradient(without[0].weight) * 1.5
    )  # 300 of a mean of 200
    torch.testing.assert_close(gradient(with_costs[1].weight), gradient(without[1].weight) * 0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_is_computed_in_float32_under_autocast(dtype):
    stack = layers(dtype=dtype)
    penalty = Penalty(stack, config(norm="mixed"))
    with torch.autocast("cpu", torch.bfloat16):
        value = penalty()
    assert value.dtype == torch.float32
    assert torch.equal(value, penalty())
    value.backward()
    assert gradient(stack[0].weight).dtype == dtype
