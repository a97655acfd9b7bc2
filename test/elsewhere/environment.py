"""The environment that `make nets` makes of other people's packages, and processes in it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
#: Beside the project's own, whose packages it sees too.
PYTHON = _TESTS.parent / "build" / "nets" / "bin" / "python"


def export(names: Sequence[str], folder: Path) -> None:
    """Exports nets into folders of their names below this one; see :mod:`elsewhere.export`."""
    run("export", *names, "-o", folder)


def run(module: str, *args: object) -> str:
    """What a module of this package prints there, on one thread. Raises CalledProcessError; its log went to stderr."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return subprocess.run(
        [PYTHON, "-m", f"elsewhere.{module}", *map(str, args)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *filter(None, paths)]), "OMP_NUM_THREADS": "1"},
    ).stdout
