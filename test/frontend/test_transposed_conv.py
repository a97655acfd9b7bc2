"""Transposed convs as plain ones, against PyTorch's own."""

import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import rt3d_mlir
from rt3d_mlir.frontend.transposed_conv import transposed_conv
from rt3d_mlir.sparsity import GroupSize, MaskSet


def _drawn(rank: int, seed: int) -> tuple:
    """x, weight, bias and the options of a transposed conv that PyTorch takes."""
    rng = random.Random(f"{rank}/{seed}")
    while True:
        groups = rng.choice([1, 1, 2, 3])
        channels, filters = groups * rng.choice([1, 2]), groups * rng.choice([1, 2, 3])
        kernel, stride = ([rng.choice([1, 2, 3, 4, 5]) for _ in range(rank)] for _ in range(2))
        dilation = [rng.choice([1, 1, 2, 3]) for _ in range(rank)]
        padding = [rng.randint(0, d * (k - 1) + 1) for k, d in zip(kernel, dilation, strict=True)]
        extra = [rng.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True)]
        sizes = [rng.randint(1, 5) for _ in range(rank)]
        axes = zip(sizes, kernel, stride, padding, dilation, extra, strict=True)
        if all((n - 1) * s - 2 * p + d * (k - 1) + o + 1 > 0 for n, k, s, p, d, o in axes):
            break
    generator = torch.Generator().manual_seed(seed)
    x, weight, bias = (
        torch.randn(shape, dtype=torch.float64, generator=generator)
        for shape in ((2, channels, *sizes), (channels, filters // groups, *kernel), (filters,))
    )
    return x, weight, bias if rng.random() < 0.5 else None, stride, padding, dilation, extra, groups


@pytest.mark.parametrize(("rank", "seed"), [*itertools.product([1, 2, 3], range(40))])
def test_any_of_them(rank: int, seed: int):
    x, weight, bias, stride, padding, dilation, extra, groups = _drawn(rank, seed)
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    wanted = function(x, weight, bias, stride, padding, extra, groups, dilation)
    seen = transposed_conv(x, weight, bias, stride, padding, dilation, True, extra, groups)
    torch.testing.assert_close(seen, wanted, rtol=1e-12, atol=1e-12)


def test_others_are_left_as_they_are():
    x, weight = torch.zeros(1, 2, 3, 3, 3), torch.zeros(4, 2, 3, 3, 3)
    options = ([1] * 3, [0] * 3, [1] * 3)
    assert transposed_conv(x, weight, None, *options, False, [0] * 3, 1) is NotImplemented
    assert transposed_conv(x[..., None], weight, None, *options, True, [0] * 3, 1) is NotImplemented


@pytest.mark.parametrize(
    ("kernel", "options"), [(2, {}), (3, {"padding": 1, "output_padding": 1}), (4, {"padding": 1})]
)
def test_no_zero_is_multiplied(kernel: int, options: dict):
    """Each of 64 x 32 x kernel^3 weights once an input position: packed, with as many MACs as PyTorch has."""
    net = nn.Sequential(nn.Conv3d(3, 64, 1), nn.ConvTranspose3d(64, 32, kernel, 2, **options)).eval()
    _, layer = rt3d_mlir.export(net, (torch.zeros(1, 3, 2, 4, 4),)).report("cortex-a76").layers
    macs = 2 * 4 * 4 * 64 * 32 * kernel**3
    assert (layer.weight_shape, layer.packed, layer.kept_share) == ((64, 32, kernel, kernel, kernel), True, 1.0)
    assert (layer.macs_before, layer.macs_after) == (macs, macs)


@pytest.mark.parametrize(("filters", "kernel"), [(32, 2), (32, 4), (24, 3), (12, 2)])  # the border of 4 and 3 too
def test_masks_in_groups_of_filters_by_channels_leave_as_much_as_they_keep(filters: int, kernel: int):
    """A kernel location is one tap of one phase; the group's filters lie side by side there."""
    net = nn.Sequential(nn.Conv3d(3, 64, 1), nn.ConvTranspose3d(64, filters, kernel, 2)).eval()
    size, shape = GroupSize(4, 4), (64, filters, kernel, kernel, kernel)
    keep = np.random.default_rng(0).random((filters // 4, 16, *shape[2:])) < 0.3
    masks = MaskSet(size, "kgs", {"1.weight": keep}, {"1.weight": shape}, frozenset({"1.weight"}))
    _, layer = rt3d_mlir.export(net, (torch.zeros(1, 3, 2, 4, 4),), masks, size).report("cortex-a76").layers
    assert layer.packed
    assert layer.kept_share == pytest.approx(keep.mean(), abs=1e-6)
    assert layer.macs_after == round(2 * 4 * 4 * keep.mean() * np.prod(shape))
