"""Norms in the forms that torch.export and its core ATen give them."""

from pathlib import Path

import pytest
import torch
from torch import nn

from rt3d_mlir.compile.exported import export_source
from rt3d_mlir.frontend.norms import (
    batch_norm_of_one,
    native_group_norm,
    native_layer_norm,
    std,
    var,
    var_mean,
)
from rt3d_mlir.frontend.pt2 import open_pt2


def test_native_group_norm_gives_its_statistics():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 12, 3, 4, 5), torch.randn(12), torch.randn(12)
    operands = (x, weight, bias, 2, 12, 60, 3, 1e-5)
    for ours, wanted in zip(native_group_norm(*operands), torch.native_group_norm(*operands), strict=True):
        torch.testing.assert_close(ours, wanted)


@pytest.mark.parametrize("size", [(5,), (4, 5), (3, 4, 5)])
def test_a_batch_norm_of_one_clip_gives_its_statistics(size: tuple[int, ...]):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(1, 6, *size), torch.randn(6), torch.randn(6)
    wanted = torch.ops.aten._native_batch_norm_legit.no_stats(x, weight, bias, True, 0.1, 1e-5)
    for ours, theirs in zip(batch_norm_of_one(x, weight, bias, True, 0.1, 1e-5), wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_one_of_several_clips_is_left_as_it_is():
    assert batch_norm_of_one(torch.zeros(2, 6, 3, 4, 5), None, None, True, 0.1, 1e-5) is NotImplemented


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's own, of its decompositions
@pytest.mark.parametrize("clips", [1, 2])
def test_core_aten(clips: int, tmp_path: Path):
    """A program that was decomposed already; with one clip its instance norm is on the packed path, too."""
    convs = nn.Conv3d(3, 8, 3, padding=1), nn.Conv3d(8, 4, 1)
    model = nn.Sequential(convs[0], nn.GroupNorm(2, 8), nn.ReLU(), nn.InstanceNorm3d(8, affine=True), convs[1]).eval()
    program = torch.export.export(model, (torch.randn(clips, 3, 4, 5, 6),)).run_decompositions()
    torch.export.save(program, tmp_path / "net.pt2")
    exported = export_source(open_pt2(tmp_path / "net.pt2"))
    exported.compile(tmp_path / "artifact", "host")  # compares with PyTorch
    numbers = exported.explain().numbers()
    assert (numbers["left"] == 0) == (clips == 1)


@pytest.mark.parametrize("shape", [(6,), (5, 6)])
def test_native_layer_norm_gives_its_statistics(shape: tuple[int, ...]):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 4, 5, 6), torch.randn(shape), torch.randn(shape)
    for operands in ((x, shape, weight, bias, 1e-5), (x, shape, None, None, 1e-3)):
        for ours, wanted in zip(native_layer_norm(*operands), torch.native_layer_norm(*operands), strict=True):
            torch.testing.assert_close(ours, wanted)


@pytest.mark.parametrize("correction", [None, 0, 1, 2, 7, 9])
@pytest.mark.parametrize("keepdim", [False, True])
def test_variances_along_one_axis(correction: float | None, keepdim: bool):
    """Of seven numbers; with as many or more taken off, PyTorch divides by zero."""
    torch.manual_seed(0)
    x = torch.randn(2, 7, 5) + 10
    said = {"correction": correction, "keepdim": keepdim}
    wanted = torch.ops.aten.var_mean.correction(x, [1], **said)
    for ours, theirs in zip(var_mean(x, [1], **said), wanted, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(std(x, [-2], **said), torch.ops.aten.std.correction(x, [1], **said))


def test_variances_along_several_axes_are_left_as_they_are():
    x = torch.zeros(2, 7, 5)
    assert [f(x, [1, 2]) for f in (var, std, var_mean)] == [NotImplemented] * 3
