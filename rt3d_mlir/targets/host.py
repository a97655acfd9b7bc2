"""What iree-compile knows of the core that it compiles for, asked for this machine."""

import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from rt3d_mlir.errors import TargetError
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.programs import compiler_program

_PROBE = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }"


@dataclass(frozen=True)
class CoreFacts:
    """A core, in LLVM's words: its triple, cpu, and the features that it has."""

    triple: str
    cpu: str
    vector_bits: int
    features: frozenset[str]

    @property
    def is_arm(self) -> bool:
        return self.triple.startswith(("aarch64", "arm64"))


def ask_host() -> CoreFacts:
    """This machine. Raises TargetError where iree-compile cannot describe it."""
    said, problem = describe([*internals.CPU_DEVICE, internals.CPU_NAME + "host"])
    found = {
        key: match[1]
        for key in (internals.CPU, internals.TRIPLE, internals.VECTOR_BYTES)
        if (match := re.search(rf'\b{key} = "?([^"\s,}}]*)', said))
    }
    if internals.VECTOR_BYTES not in found:
        raise TargetError(f"iree-compile cannot describe this machine ({platform.machine()}): {problem.strip()}")
    bits = 8 * int(found[internals.VECTOR_BYTES])
    return CoreFacts(found[internals.TRIPLE], found.get(internals.CPU, "host"), bits, features_in(said))


def describe(flags: Sequence[str]) -> tuple[str, str]:
    """What iree-compile writes of a target into a module, "" where it fails; and what it says to that."""
    command = [compiler_program(), "-", *flags, internals.COMPILE_TO + "flow"]
    probe = subprocess.run(command, input=_PROBE, capture_output=True, text=True, check=False)
    return "" if probe.returncode else probe.stdout, probe.stderr


def features_in(said: str) -> frozenset[str]:
    """The features that a description turns on: "+avx2,-pku". One that is named twice is as it is named last."""
    match = re.search(rf'\b{internals.FEATURES} = "([^"]*)"', said)
    named = {feature[1:]: feature[0] for feature in match[1].split(",")} if match else {}
    return frozenset(name for name, sign in named.items() if sign == "+")
