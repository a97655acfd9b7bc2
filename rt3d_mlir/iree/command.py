"""iree-compile as a child process: what runs is exactly the command that --print-command shows."""

import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from rt3d_mlir.errors import CompileError, VersionError
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.programs import compiler_program


def compile_command(source: Path, output: Path, flags: Sequence[str]) -> list[str]:
    """The iree-compile line for a module. Raises CompileError where iree-compile is not installed."""
    ours = [internals.OPT_LEVEL + "O2", *internals.REPRODUCIBLE]
    return [compiler_program(), str(source), "-o", str(output), *ours, *flags]


def iree_compile(source: Path, output: Path, flags: Sequence[str]) -> None:
    """Runs iree-compile. Raises CompileError with its error lines and the command, leaving no output."""
    command = compile_command(source, output, flags)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    output.unlink(missing_ok=True)
    lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()[-3:]
    what = "\n".join(line[:400] for line in lines[:4]) or f"it ended with code {done.returncode}"
    again = "--dump-ir keeps its input, to run it again"
    raise CompileError(f"iree-compile failed:\n{what}\n{again}\nthe command was: {' '.join(command)}")


def check_versions() -> None:
    """Raises VersionError unless IREE's compiler and runtime are installed, in one version: a .vmfb is bound to it."""
    try:
        compiler, runtime = (metadata.version(f"iree-base-{part}") for part in ("compiler", "runtime"))
    except metadata.PackageNotFoundError as error:
        raise VersionError(f"{error.name} is not installed: pip install {error.name}") from None
    if compiler != runtime:
        raise VersionError(
            f"iree-base-compiler is {compiler} and iree-base-runtime is {runtime}; a module runs on the version it was "
            f"compiled with: pip install iree-base-runtime=={compiler}"
        )
