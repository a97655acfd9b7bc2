import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "samples" / "demo.py"


def test_demo(tmp_path: Path):
    """The real thing, full C3D on the real clip, one round on one thread. Times are not checked."""
    command = [sys.executable, str(DEMO), "--repeat=1", "--threads=1", "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for text in (
        "compiled dense C3D for this machine",
        "compiled pruned C3D for this machine",
        "speedup  largest error",
        "pruned over dense, both ours: ",
        "x faster, 3.57x fewer MACs",
        "clip: bikes.mp4, 16 frames of 112x112",
    ):
        assert text in done.stdout
    rows = {line[:23].strip(): line.split() for line in done.stdout.splitlines()}
    for name in ("PyTorch, dense", "PyTorch, masked", "rt3d_mlir, dense", "rt3d_mlir, c3d-3.57x"):
        assert name in rows
    for name in ("rt3d_mlir, dense", "rt3d_mlir, c3d-3.57x"):
        assert float(rows[name][-1]) <= 1e-4
        assert (tmp_path / name.split(", ")[1].replace("c3d-3.57x", "pruned") / "module.vmfb").is_file()
