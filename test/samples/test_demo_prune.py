import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "samples" / "demo_prune.py"


def test_demo_prune(tmp_path: Path):
    """All of it, on few clips: what is checked is that both compiled nets answer as PyTorch does, not how well."""
    command = [sys.executable, str(DEMO), "--epochs=2", "--clips=40", "--width=8", "--rate=1.5", "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pruned over dense, both compiled: " in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    rows = {
        words[0]: words for words in lines if words[-1].replace(".", "").isdigit() and words[0] in ("dense", "pruned")
    }
    assert rows["dense"][1] == "all"
    assert abs(float(rows["pruned"][1].rstrip("x")) - 1.5) < 0.1
    for name in ("dense", "pruned"):
        assert rows[name][-3] == "100.0%"
        assert (tmp_path / name / "module.vmfb").is_file()
