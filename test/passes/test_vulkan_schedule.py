"""schedule-vulkan on Mesa's software device, compared with PyTorch in float64."""

import copy
import subprocess
from pathlib import Path

import compiler
import iree.compiler.ir as ir
import numpy as np
import pytest
import torch
import vulkan
from numerics import Several
from torch import nn

from rt3d_mlir import mlir_io
from rt3d_mlir.backend import compile_command
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.gpu_targets import get_gpu_target
from rt3d_mlir.passes.base import State
from rt3d_mlir.passes.pipeline import default_pipeline, run_pipeline
from rt3d_mlir.passes.schedule_vulkan import ScheduleVulkan
from rt3d_mlir.sparsity import GroupSize, expand
from rt3d_mlir.targets import get_target

TARGET = get_gpu_target("vulkan-lavapipe")


class Residual(nn.Module):
    """The activation goes to a padded conv and to the sum behind it; then two channel parts side by side."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv3d(8, 12, 3, padding=1), nn.Conv3d(12, 12, (1, 3, 3), padding=(0, 1, 1))
        self.c, self.d = nn.Conv3d(12, 8, 1), nn.Conv3d(20, 4, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.a(x))
        y = torch.relu(self.b(y) + y)
        return self.d(torch.cat([y, torch.relu(self.c(y))], 1))


class SqueezeExcite(nn.Module):
    """Depthwise conv, hard-swish, a gate from the mean of all positions."""

    def __init__(self):
        super().__init__()
        self.deep, self.wide = nn.Conv3d(16, 16, 3, padding=1, groups=16), nn.Conv3d(16, 6, 1)
        self.down, self.up = nn.Conv3d(16, 5, 1), nn.Conv3d(5, 16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.hardswish(self.deep(x))
        gate = self.up(torch.relu(self.down(y.mean((2, 3, 4), keepdim=True))))
        return self.wide(y * torch.sigmoid(gate))


NETS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "sheets": (
        nn.Sequential(nn.Conv3d(20, 24, 3, padding=1), nn.ReLU(), nn.Conv3d(24, 9, 3, padding=1)),
        (2, 20, 2, 7, 7),
    ),
    "splits": (nn.Conv3d(64, 16, 3), (1, 64, 3, 4, 5)),
    "strides": (
        nn.Sequential(nn.Conv3d(3, 8, (3, 7, 7), (1, 2, 2), (1, 3, 3)), nn.MaxPool3d(3, 2, 1)),
        (1, 3, 4, 15, 16),
    ),
    "dilation": (nn.Sequential(nn.Conv3d(8, 8, 3, padding=2, dilation=(2, 1, 2)), nn.AvgPool3d(2)), (1, 8, 6, 7, 8)),
    "linear": (
        nn.Sequential(nn.Conv3d(4, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(96, 37), nn.Linear(37, 5)),
        (2, 4, 2, 2, 3),
    ),
    "residual": (Residual(), (1, 8, 3, 6, 7)),
    "gate": (SqueezeExcite(), (1, 16, 3, 6, 7)),
}


def build(model: nn.Module, inputs: list[torch.Tensor], folder: Path, dtype: str) -> str:
    """Compiles a model for TARGET into `folder`; returns its IR."""
    passes = default_pipeline(TARGET.group, get_target("cortex-a76"), dtype=dtype, winograd=False)[:-1]
    with ir.Context(), ir.Location.unknown():
        module, weights = import_torch(model, tuple(inputs))
        run_pipeline(module, [*passes, ScheduleVulkan(target=TARGET)], State(weights))
        mlir_io.write_text(module, weights, folder / "module.mlir")
        text = str(module)
    command = compiler.quick(compile_command(folder / "module.mlir", folder / "module.vmfb", TARGET.iree_flags))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return text


def prune(model: nn.Module, keep: float) -> None:
    """Zeroes blocks of the large convs, in groups of 8x4."""
    rng = np.random.default_rng(0)
    for layer in model.modules():
        if isinstance(layer, nn.Conv3d) and layer.groups == 1 and layer.weight.shape[1] >= 8:
            m, n, *kernel = layer.weight.shape
            mask = rng.random((-(-m // 8), -(-n // 4), *kernel)) < keep
            layer.weight.data *= torch.from_numpy(expand(mask, (m, n, *kernel), GroupSize(8, 4)))


@pytest.mark.parametrize(("dtype", "keep", "bound"), [("f32", 0.3, 2e-6), ("f16", 0.3, 5e-3)])
def test_numbers(tmp_path: Path, dtype: str, keep: float, bound: float):
    torch.manual_seed(0)
    model = Several({name: copy.deepcopy(net) for name, (net, _) in NETS.items()}).eval()
    prune(model, keep)
    inputs = [torch.randn(shape) for _, shape in NETS.values()]
    text = build(model, inputs, tmp_path, dtype)
    assert "linalg." not in text.replace("linalg.fill", "").replace("#linalg", ""), "an op is left to IREE"
    answers = vulkan.load(tmp_path / "module.vmfb", len(NETS))([x.numpy() for x in inputs])
    expected = model.double()(*(x.double() for x in inputs))
    for name, answer, want in zip(NETS, answers, expected, strict=True):
        error = np.abs(answer - want.detach().numpy()).max() / np.abs(want.detach().numpy()).max()
        assert error < bound, f"{name}: {error:.1e}"


def test_integers_are_exact(tmp_path: Path):
    torch.manual_seed(0)
    exact = {name: NETS[name] for name in ("sheets", "splits", "strides", "linear", "residual")}
    model = Several({name: copy.deepcopy(net) for name, (net, _) in exact.items()}).eval()
    prune(model, 0.5)
    for parameter in model.parameters():
        parameter.data = torch.sign(parameter.data)
    inputs = [torch.randint(-2, 3, shape).float() for _, shape in exact.values()]
    build(model, inputs, tmp_path, "f32")
    answers = vulkan.load(tmp_path / "module.vmfb", len(exact))([x.numpy() for x in inputs])
    for name, answer, want in zip(exact, answers, model.double()(*(x.double() for x in inputs)), strict=True):
        assert np.array_equal(answer, want.detach().numpy()), name
