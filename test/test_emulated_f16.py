"""An f16 module for a phone's core gives PyTorch's answers: the same class for each clip, under qemu."""

import subprocess
from pathlib import Path

import aarch64
import nets
import numpy as np
import torch

from rt3d_mlir import models
from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.runtime.golden import GOLDEN_LIMITS, golden_range
from rt3d_mlir.tools.compile import main

CLIPS = 8
#: Of the largest error, in shares of the outputs' range without their common part; what is seen is 3.7e-3.
LIMIT = 5e-3


def test_c3d_in_f16(tmp_path: Path):
    run_module = aarch64.command()
    model = models.build("c3d", num_classes=20, width=8, clip=(16, 16, 16)).eval()
    rng = torch.Generator().manual_seed(0)
    clips = torch.randn(CLIPS, 3, 16, 16, 16, generator=rng) + 3 * torch.randn(CLIPS, 3, 1, 1, 1, generator=rng)
    with torch.no_grad():  # random weights give all clips one class; without their mean answer they differ
        model.fc8.bias -= model(clips).mean(0)
        expected = model(clips).numpy()
    path = nets.save_pt2(tmp_path / "c3d.pt2", model, (1, 3, 16, 16, 16))
    folder = tmp_path / "artifact"
    assert main([str(path), "-o", str(folder), "--target=cortex-a76", "--dtype=f16"]) == 0
    manifest = Manifest.read(folder)
    assert manifest.dtype == "f16"
    assert {each.dtype for each in (*manifest.inputs, *manifest.outputs)} == {"float32"}

    wanted = np.load(folder / "golden" / "output_0.npy")
    assert manifest.tolerance == GOLDEN_LIMITS["f16"] * golden_range(wanted)
    start = [*run_module, f"--module={folder}/module.vmfb", "--function=main"]
    golden = [f"--input=@{folder}/golden/input_0.npy", f"--expected_output=@{folder}/golden/output_0.npy"]
    checked = subprocess.run(
        [*start, *golden, f"--expected_f32_threshold={manifest.tolerance}"], capture_output=True, text=True
    )
    assert "[SUCCESS]" in checked.stdout, checked.stdout + checked.stderr

    run = aarch64.load(folder / "module.vmfb")
    ours = np.concatenate([run([clip[None].numpy()])[0] for clip in clips])
    assert ours.dtype == np.float32
    assert len(set(expected.argmax(1))) > 2
    np.testing.assert_array_equal(ours.argmax(1), expected.argmax(1))
    assert 0 < np.abs(ours - expected).max() < LIMIT * np.ptp(expected)
