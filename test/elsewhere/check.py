"""Compiles a net that `elsewhere.export` wrote as a user would, runs it, and compares it with PyTorch in float64."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import rt3d_mlir
from rt3d_mlir.explain.explanation import Explanation
from rt3d_mlir.runtime.artifact import Manifest

#: The largest error, in shares of the largest number of the answer.
LIMIT = 1e-4
ARTIFACT = "artifact"


@dataclass(frozen=True)
class Outcome:
    """What became of a net; `reason` says why there is no artifact, and nothing else is known then."""

    reason: str = ""
    error: float = float("nan")
    explanation: Explanation = field(default_factory=lambda: Explanation([]))
    """Where its ops went: packed, or left to IREE."""
    seconds: float = 0.0
    """Of rt3d-mlir-compile, start to end."""

    @property
    def right(self) -> bool:
        """It compiled, and computes what PyTorch does; an error that is NaN is not right."""
        return not self.reason and self.error <= LIMIT


def check(folder: Path) -> Outcome:
    """Of the net in this folder of `elsewhere.export`. The artifact is left in its folder `artifact`."""
    exported = json.loads((folder / "export.json").read_text())
    if "error" in exported:
        return Outcome(reason=f"not exported: {exported['error']}")
    started = time.monotonic()
    command = [sys.executable, "-m", "rt3d_mlir.tools.compile", *arguments(folder)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        return Outcome(reason=first_error(run.stderr))
    seconds = time.monotonic() - started
    explanation = Explanation(Manifest.read(folder / ARTIFACT).ops)
    return Outcome(error=error(answer(folder), folder), explanation=explanation, seconds=seconds)


def arguments(folder: Path) -> list[str]:
    """rt3d-mlir-compile's: a net from elsewhere needs no option of its own."""
    [model] = [path for path in folder.glob("net.*") if path.suffix in (".pt2", ".onnx")]
    return [str(model), "-o", str(folder / ARTIFACT), "--target", "host", "--explain"]


def error(outputs: Sequence[np.ndarray], folder: Path) -> float:
    """The largest error of any output, in shares of that output's largest number; infinite where a shape differs."""
    expected = arrays(folder / "expected.npz")
    if [array.shape for array in outputs] != [array.shape for array in expected]:
        return float("inf")
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(outputs, expected, strict=True))


def arrays(path: Path) -> list[np.ndarray]:
    """Those of a file that `elsewhere.export` wrote, in order."""
    with np.load(path) as file:
        return [file[name] for name in file.files]


def answer(folder: Path) -> list[np.ndarray]:
    """What the artifact of the net in this folder answers to its inputs."""
    outputs = rt3d_mlir.load(folder / ARTIFACT, threads=1)(*arrays(folder / "inputs.npz"))
    return [*outputs] if isinstance(outputs, list | tuple) else [outputs]


def first_error(log: str) -> str:
    """What stopped the compile: iree-compile's own first error where it is that."""
    lines = log.strip().splitlines() or ["it said nothing"]
    errors = [line for line in lines if "error: " in line] or lines[-1:]
    ours, *rest = [line.split("error: ", 1)[-1] for line in errors]
    return f"iree-compile: {rest[0]}" if ours.startswith("iree-compile failed") and rest else ours
