"""Runs Vulkan modules on Mesa's software device (lavapipe), where this machine has it; skips with the reason if not."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import aarch64
import iree.runtime
import numpy as np
import pytest

#: Where Debian's mesa-vulkan-drivers puts the description of the device.
DRIVER = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")


def driver() -> str:
    """The path of the device's description; a skip, or in CI a failure, where there is none."""
    if not DRIVER.is_file():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"no Vulkan device: {DRIVER} not found (Debian: mesa-vulkan-drivers, libvulkan1)")
    return str(DRIVER)


def run_tool(command: Sequence[str], driver: Path) -> subprocess.CompletedProcess[str]:
    """A console script of ours, in a process that knows this driver alone."""
    program = Path(sys.executable).with_name(command[0])
    environment = {**os.environ, "VK_DRIVER_FILES": str(driver)}
    return subprocess.run([program, *command[1:]], env=environment, capture_output=True, text=True, check=False)


def load(
    module: Path, outputs: int, environment: Mapping[str, str] = os.environ
) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """A function that runs `main` of a module with that many results on arrays, one process a call.

    Most of Mesa's time goes into compiling shaders, less of it without LLVM's optimizations.
    """
    known = driver()
    program = Path(iree.runtime.__file__).parents[1] / "_runtime_libs" / "iree-run-module"
    assert program.is_file(), f"{program} is part of iree-base-runtime; {sys.prefix} has none"
    calm = Path(__file__).with_name("calm.py")
    start = [sys.executable, str(calm), str(program)]
    return aarch64.process(
        start, module, outputs, {**environment, "VK_DRIVER_FILES": known, "GALLIVM_PERF": "nopt"}, device="vulkan"
    )
