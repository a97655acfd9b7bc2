"""What an app needs to run a compiled network: no PyTorch, no compiler."""

from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.runtime.module import Module, load
from rt3d_mlir.runtime.video import read_clip

__all__ = ["Manifest", "Module", "load", "read_clip"]
