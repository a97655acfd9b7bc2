"""The sample package, installed beside us as a user would: found, listed, run by name, and run in a compile."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nets
import numpy as np
import pytest
import torch
from torch import nn

import rt3d_mlir

SOURCE = Path(__file__).parents[2] / "samples" / "plugin_pass"
CLIP = torch.rand(nets.CLIP, generator=torch.Generator().manual_seed(1)) * 255

Tool = Callable[..., subprocess.CompletedProcess[str]]


class Normalized(nn.Module):
    """`(x - mean) / std` before a conv without padding, whose output another one pads after `/ 4`."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 8, 3)
        self.conv2 = nn.Conv3d(8, 8, 3, padding=1)
        for name, values in (("mean", (100.0, 110.0, 120.0)), ("std", (50.0, 60.0, 70.0))):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1((x - self.mean) / self.std).relu()
        return self.conv2(y / 4) + self.conv2(y - 1)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """Runs a console script of ours where the sample is installed too."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(SOURCE, folder / "source")  # a build writes next to what it builds
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", folder / "site"]
    subprocess.run([sys.executable, "-m", "pip", *install, folder / "source"], check=True)

    def run(name: str, *args: object) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name(name), *map(str, args)]
        environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "COLUMNS": "1000"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        return done

    return run


def test_it_is_listed(tool: Tool):
    assert "other packages\n    fold-input-affine" in tool("rt3d-mlir-opt", "--help").stdout


def test_it_runs_by_name(tool: Tool, tmp_path: Path):
    rt3d_mlir.export(nets.seeded(Normalized), (CLIP,)).save_mlir(tmp_path / "net.mlir")
    done = tool("rt3d-mlir-opt", tmp_path / "net.mlir", "--passes=fold-mask,fold-input-affine")
    assert "arith.divf" not in done.stdout
    assert done.stdout.count("arith.subf") == 1  # before the conv that pads
    assert "remark: fold-input-affine: conv2: it pads what is shifted, and with zeros" in done.stderr


def test_it_runs_in_a_compile(tool: Tool, tmp_path: Path):
    model = nets.seeded(Normalized)
    path = nets.save_pt2(tmp_path / "net.pt2", model)
    done = tool("rt3d-mlir-compile", path, "-o", tmp_path / "artifact", "--target", "host")
    assert "note: runs fold-input-affine of rt3d-fold-input 0.1.0, after fold-mask" in done.stderr
    artifact = rt3d_mlir.load(tmp_path / "artifact")
    assert artifact.manifest.tools["rt3d-fold-input"] == "0.1.0"
    expected = model.double()(CLIP.double()).detach().numpy()
    assert np.abs(artifact(CLIP.numpy()) - expected).max() < 1e-5 * np.abs(expected).max()
