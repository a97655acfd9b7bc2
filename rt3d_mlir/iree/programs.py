"""Where IREE's programs are: in the packages that Python imports, whether or not their scripts are on a path."""

import os

from rt3d_mlir.errors import CompileError, DeviceError
from rt3d_mlir.iree import internals


def compiler_program(name: str = "iree-compile") -> str:
    """The path of a program of the iree.compiler package; like IREE's own scripts it heeds IREE_TOOL_PATH.

    Raises CompileError where it is not installed.
    """
    try:
        return os.path.normpath(internals.find_compiler_program(name))
    except (ImportError, ValueError):
        raise CompileError(f"{name} is not installed: pip install iree-base-compiler") from None


def runtime_program(name: str) -> str:
    """The path of a program of the iree.runtime package. Raises DeviceError where it is not installed."""
    program = internals.runtime_programs() / name
    if not program.is_file():
        raise DeviceError(f"{name} is not installed: pip install iree-base-runtime")
    return str(program)
