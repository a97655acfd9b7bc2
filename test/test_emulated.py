"""What is compiled for a phone's core answers right there: under qemu, by the aarch64 iree-run-module."""

import subprocess
from pathlib import Path

import aarch64
import nets
import numpy as np
import pytest
import torch

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.sparsity import load_config, masks_for
from rt3d_mlir.targets import get_target
from rt3d_mlir.tools.compile import main


def test_c3d_for_cortex_a76(tmp_path: Path):
    start = aarch64.command()
    model = models.build("c3d", num_classes=5, width=8, clip=(16, 16, 16))
    path = nets.save_pt2(tmp_path / "c3d.pt2", model, (1, 3, 16, 16, 16))
    folder = tmp_path / "artifact"
    assert main([str(path), "-o", str(folder), "--target=cortex-a76", "--prune=c3d-3.57x"]) == 0
    run = [*start, f"--module={folder}/module.vmfb", "--function=main", f"--input=@{folder}/golden/input_0.npy"]
    good = subprocess.run([*run, f"--expected_output=@{folder}/golden/output_0.npy"], capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "[SUCCESS]" in good.stdout
    np.save(tmp_path / "wrong.npy", np.load(folder / "golden" / "output_0.npy") + 1)
    wrong = subprocess.run([*run, f"--expected_output=@{tmp_path}/wrong.npy"], capture_output=True, text=True)
    assert wrong.returncode != 0


@pytest.mark.parametrize(
    ("name", "width", "clip", "config", "dtype"),
    [
        ("r2plus1d_18", 8, (8, 24, 24), "r2plus1d-3.23x", "f32"),
        pytest.param("s3d", 16, (8, 32, 32), "s3d-2.10x", "f32", marks=pytest.mark.slow),
        pytest.param("s3d", 16, (8, 32, 32), "s3d-2.10x", "f16", marks=pytest.mark.slow),
    ],
)
def test_the_papers_other_nets_for_cortex_a76(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    width: int,
    clip: tuple[int, int, int],
    config: str,
    dtype: str,
):
    """Pruned by the paper's configuration. S3D is without its last two blocks, which that leaves dense, for speed."""
    aarch64.command()
    monkeypatch.setattr("rt3d_mlir.models.s3d.STAGE5", [])
    model = models.build(name, num_classes=5, width=width)
    weights = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
    masks = masks_for(load_config(config), weights, get_target("cortex-a76").group)
    exported = rt3d_mlir.export(model, (torch.zeros(1, 3, *clip),), masks, dtype=dtype)
    manifest = exported.compile(tmp_path / "artifact", target="cortex-a76")
    assert all(layer.packed for layer in manifest.layers)
    inputs, (expected,) = exported.golden
    (ours,) = aarch64.load(tmp_path / "artifact" / "module.vmfb")(inputs)
    error = np.abs(ours - expected).max()
    assert error < {"f32": 1e-5, "f16": 1e-2}[dtype] * np.ptp(expected)
    assert dtype == "f32" or error > 1e-5 * np.ptp(expected)
