"""llvm-mca: the cycles that a loop takes on a core, by LLVM's scheduling model of it."""

import functools
import re
import shutil
import subprocess

from rt3d_mlir.errors import VersionError
from rt3d_mlir.static.assembly import Loop

#: The cores whose models are used. LLVM has no model of the cortex-a76 by that name: neoverse-n1 is its core.
CORES = ("neoverse-n1", "cortex-x1")

PACKAGE = "llvm-22"
_NAMES = ("llvm-mca-22", "llvm-mca")
_OLDEST = 19
_ITERATIONS = 500
_CYCLES = re.compile(r"Total Cycles:\s+(\d+)")


@functools.cache
def find_mca() -> str:
    """The llvm-mca to use. Raises VersionError where there is none, or it is too old to know the cores."""
    for name in _NAMES:
        path = shutil.which(name)
        if path and _version(path) >= _OLDEST:
            return path
    raise VersionError(
        f"static analysis needs llvm-mca {_OLDEST} or newer, found none: apt-get install {PACKAGE} (Debian), "
        "or put it on the PATH"
    )


@functools.cache
def cycles(loop: Loop, core: str) -> float:
    """Cycles of one iteration, averaged over many that follow each other."""
    command = [find_mca(), "-mtriple=aarch64", f"-mcpu={core}", "-mattr=+fullfp16,+fp16fml"]
    options = [f"-iterations={_ITERATIONS}", "-instruction-info=false", "-resource-pressure=false"]
    done = subprocess.run(
        [*command, *options], input="\n".join(loop.instructions) + "\n", capture_output=True, text=True, check=False
    )
    found = _CYCLES.search(done.stdout)
    if done.returncode or found is None:
        raise VersionError(f"llvm-mca cannot read the assembly: {done.stderr.strip()[:400]}")
    return int(found[1]) / _ITERATIONS


@functools.cache
def peak(core: str) -> int:
    """128-bit FMLAs a cycle, f32 or f16, by the model itself: of sixteen that do not depend on each other."""
    independent = Loop(tuple(f"fmla v{i}.4s, v30.4s, v31.s[0]" for i in range(16)))
    return round(16 / cycles(independent, core))


def _version(path: str) -> int:
    shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"LLVM version (\d+)", shown)
    return int(found[1]) if found else 0
