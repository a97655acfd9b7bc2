import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rt3d_mlir.sparsity import load_masks

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def report() -> Any:
    spec = importlib.util.spec_from_file_location("table1_report", SAMPLES / "table1_report.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.report


def line(sparsity: str, algorithm: str, rate: float, seed: int, accuracy: float | None, error: str = "") -> dict:
    values = {"net": "c3d", "sparsity": sparsity, "algorithm": algorithm, "rate": rate, "seed": seed}
    return {**values, "accuracy": accuracy, "error": error, "seconds": 60.0, "settings": {"width": 16, "clips": 0}}


def test_the_tables(report: Any):
    lines = [line("dense", "dense", 1.0, seed, accuracy) for seed, accuracy in enumerate((0.9, 0.92))]
    for rate, vanilla, kgs in ((2.0, 0.88, 0.9), (2.6, 0.84, 0.88), (4.0, 0.7, 0.8)):
        lines += [line("vanilla", "reweighted", rate, seed, vanilla) for seed in (0, 1)]
        lines += [line("kgs", "reweighted", rate, seed, kgs) for seed in (0, 1)]
    lines.append(line("filter", "fixed", 2.6, 0, None, "rate 2.6 cannot be reached"))
    text = report(lines)
    assert "width 16; 15 runs, 2 seeds, 15 minutes of processes" in text
    assert (
        "| net | algorithm | filter 2.6x | vanilla 2.6x | kgs 2.6x | kgs 3.6x | filter 6.0x | vanilla 6.0x | kgs 6.0x |"
        in text
    )
    assert "| c3d, dense 91.0 ± 1.4 | reweighted | – | 84.0 ± 0.0 | 88.0 ± 0.0 | – | – | – | – |" in text
    assert "| c3d, dense 91.0 ± 1.4 | fixed | – | – | – | – | – | – | – |" in text
    assert "| c3d, kgs | 90.0 ± 0.0 | 88.0 ± 0.0 | 80.0 ± 0.0 |" in text
    assert "- c3d: vanilla at 2.0x has 88.0 %, as KGS has at 2.6x" in text
    assert "- c3d: vanilla at 2.6x has 84.0 %, as KGS has at 3.3x" in text
    assert "- c3d: vanilla at 4.0x has 70.0 %, as KGS has at 4.0x or more" in text


def run(*argv: object) -> str:
    done = subprocess.run([sys.executable, SAMPLES / "table1.py", *map(str, argv)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("device", ["cuda:7", "cpu,cuda:7", "gpu"])
def test_a_device_that_is_not_there(device: str, tmp_path: Path):
    command = [sys.executable, SAMPLES / "table1.py", "--data", "none.npz", "-o", tmp_path, "--device", device]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert re.search(r"error: device '(cuda:7|gpu)': (this machine has \d CUDA|expected cpu)", done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_runs_stop_in_time_and_go_on(tmp_path: Path):
    rng = np.random.default_rng(0)
    arrays = {f"x_{part}": rng.integers(0, 9, (16, 3, 16, 32, 32), np.uint8) for part in ("train", "test")}
    labels = {f"y_{part}": np.arange(16) % 5 for part in ("train", "test")}
    np.savez(tmp_path / "clips.npz", **arrays, **labels)
    flags = ("--data", tmp_path / "clips.npz", "-o", tmp_path / "out", "--smoke", "--minutes")
    first = run(*flags, 0.15)
    assert first.startswith("0 runs done, 50 to do")
    count = len((tmp_path / "out/results.jsonl").read_text().splitlines())
    assert 0 < count < 50
    assert f"{50 - count} runs left; run it again" in first
    assert run(*flags, 0.15).startswith(f"{count} runs done, {50 - count} to do")
    lines = [json.loads(text) for text in (tmp_path / "out/results.jsonl").read_text().splitlines()]
    assert len({(x["net"], x["sparsity"], x["algorithm"], x["rate"]) for x in lines}) == len(lines) >= count
    assert all(x["error"] or 0 <= x["accuracy"] <= 1 for x in lines)
    for path in (tmp_path / "out/nets").glob("*/masks.safetensors"):
        assert load_masks(path).masks
    assert "| net | algorithm |" in run("-o", tmp_path / "out", "--table")
