"""What an app needs to run a compiled network: no PyTorch, no compiler; PyAV only to read videos."""

from typing import TYPE_CHECKING

from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.runtime.module import Module, load
from rt3d_mlir.runtime.volumes import run_in_windows

if TYPE_CHECKING:
    from rt3d_mlir.runtime.video import read_clip, read_frames

__all__ = ["Manifest", "Module", "load", "read_clip", "read_frames", "run_in_windows"]


def __getattr__(name: str) -> object:
    if name in ("read_clip", "read_frames"):
        from rt3d_mlir.runtime import video

        return getattr(video, name)
    raise AttributeError(f"module 'rt3d_mlir.runtime' has no attribute '{name}'")
