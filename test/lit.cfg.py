"""lit for the passes: ShTest on .mlir files, with the tools of the Python that runs lit, and PyPI's filecheck."""

import os
import sys
from pathlib import Path

import lit.formats

config.name = "rt3d-mlir"  # noqa: F821 - lit provides it
config.test_format = lit.formats.ShTest(execute_external=False)  # noqa: F821
config.suffixes = [".mlir"]  # noqa: F821
config.excludes = ["Inputs", "Output"]  # noqa: F821
config.test_source_root = str(Path(__file__).parent)  # noqa: F821

_tools = Path(sys.executable).parent
config.environment["PATH"] = os.pathsep.join([str(_tools), os.environ.get("PATH", "")])  # noqa: F821
config.environment["TERM"] = "dumb"  # noqa: F821 - no colours in what FileCheck reads
# pytest has a server that has imported them; by hand, lit starts them.
_forked, _script = os.environ.get("RT3D_FORKED"), Path(__file__).parent / "passes" / "forked.py"
_start = f"{sys.executable} -IS {_script} {_forked} " if _forked else f"{_tools}/"
config.substitutions += [  # noqa: F821
    ("%opt", f"{_start}rt3d-mlir-opt"),
    (r"\bfilecheck\b", f"{_start}filecheck"),
    ("%python", sys.executable),
    ("%iree-compile", str(_tools / "iree-compile")),
    # A pass leaves its input alone: the output is what no pass at all prints.
    ("%unchanged", f"{_start}rt3d-mlir-opt %s"),
]
