"""Where IREE's programs are: in the packages that Python imports, whether or not their scripts are on a path."""

import os
from pathlib import Path

from rt3d_mlir.errors import CompileError, DeviceError


def compiler_program(name: str = "iree-compile") -> str:
    """The path of a program of the iree.compiler package; like IREE's own scripts it heeds IREE_TOOL_PATH.

    Raises CompileError where it is not installed.
    """
    try:
        from iree.compiler.tools.binaries import find_tool

        return os.path.normpath(find_tool(name))
    except (ImportError, ValueError):
        raise CompileError(f"{name} is not installed: pip install iree-base-compiler") from None


def runtime_program(name: str) -> str:
    """The path of a program of the iree.runtime package. Raises DeviceError where it is not installed."""
    import iree.runtime

    program = Path(iree.runtime.__file__).parents[1] / "_runtime_libs" / name
    if not program.is_file():
        raise DeviceError(f"{name} is not installed: pip install iree-base-runtime")
    return str(program)
