"""Runs aarch64 modules under qemu-user, where this machine has it; skips with the reason where it has not."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

#: Where `make` unzips the aarch64 iree-base-runtime.
RUNTIME = Path(sys.prefix) / "aarch64" / "iree" / "_runtime_libs" / "iree-run-module"
#: Debian's libc6-arm64-cross.
LIBRARIES = Path("/usr/aarch64-linux-gnu")


def command() -> list[str]:
    """How to start the aarch64 iree-run-module. Skips the test where a part is missing; fails instead under CI."""
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    missing = [
        *([] if qemu else ["qemu-aarch64-static (Debian: qemu-user-static)"]),
        *([] if LIBRARIES.is_dir() else [f"{LIBRARIES} (Debian: libc6-arm64-cross)"]),
        *([] if RUNTIME.is_file() else [f"{RUNTIME} (the aarch64 iree-base-runtime)"]),
    ]
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no aarch64 emulation: {', '.join(missing)} not found")
    return [str(qemu), "-L", str(LIBRARIES), str(RUNTIME)]


def load(module: Path, outputs: int = 1) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """A function that runs `main` of a module with that many results on arrays, one process a call."""
    return process(command(), module, outputs)


def process(
    program: Sequence[str],
    module: Path,
    outputs: int = 1,
    environment: Mapping[str, str] = os.environ,
    device: str = "local-sync",
) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """The same with any iree-run-module: `program` is how to start it."""
    start = [*program, f"--module={module}", f"--device={device}", "--function=main"]

    def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for i, array in enumerate(inputs):
                np.save(folder / f"x{i}.npy", array)
            files = [
                *(f"--input=@{folder / f'x{i}.npy'}" for i in range(len(inputs))),
                *(f"--output=@{folder / f'y{i}.npy'}" for i in range(outputs)),
            ]
            done = subprocess.run([*start, *files], capture_output=True, text=True, check=False, env=environment)
            assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[:4000]}"
            return [np.load(folder / f"y{i}.npy") for i in range(outputs)]

    return run
