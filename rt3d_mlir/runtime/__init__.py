"""What an app needs to run a compiled network: no PyTorch, no compiler; PyAV only to read videos."""

from typing import TYPE_CHECKING

from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.runtime.module import Module, load

if TYPE_CHECKING:
    from rt3d_mlir.runtime.video import read_clip

__all__ = ["Manifest", "Module", "load", "read_clip"]


def __getattr__(name: str) -> object:
    if name == "read_clip":
        from rt3d_mlir.runtime.video import read_clip

        return read_clip
    raise AttributeError(f"module 'rt3d_mlir.runtime' has no attribute '{name}'")
