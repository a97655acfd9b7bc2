"""What is compiled for a phone's core answers right there: under qemu, by the aarch64 iree-run-module."""

import subprocess
from pathlib import Path

import aarch64
import nets
import numpy as np

from rt3d_mlir import models
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
