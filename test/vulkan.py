"""Runs Vulkan modules on Mesa's software device (lavapipe), where this machine has it; skips with the reason if not."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import aarch64
import iree.runtime
import numpy as np
import pytest

#: Where Debian's mesa-vulkan-drivers puts the description of the device.
DRIVER = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")


def load(module: Path, outputs: int) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """A function that runs `main` of a module with that many results on arrays, one process a call."""
    if not DRIVER.is_file():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"no Vulkan device: {DRIVER} not found (Debian: mesa-vulkan-drivers, libvulkan1)")
    program = Path(iree.runtime.__file__).parents[1] / "_runtime_libs" / "iree-run-module"
    assert program.is_file(), f"{program} is part of iree-base-runtime; {sys.prefix} has none"
    environment = {**os.environ, "VK_DRIVER_FILES": str(DRIVER)}
    return aarch64.process([str(program)], module, outputs, environment, device="vulkan")
