"""rt3d_mlir: pruned 3D CNNs from PyTorch to IREE modules that are as much faster as they are sparser.

`export` and `load` are the way in and the way out; an app that only runs a module needs `rt3d_mlir.runtime` alone,
so what needs PyTorch is imported when it is asked for, and so are the public modules below.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rt3d_mlir import errors as errors
    from rt3d_mlir import models as models
    from rt3d_mlir import passes as passes
    from rt3d_mlir import pruning as pruning
    from rt3d_mlir import runtime as runtime
    from rt3d_mlir import sparsity as sparsity
    from rt3d_mlir import targets as targets
    from rt3d_mlir import training as training
    from rt3d_mlir.compile.exported import Exported, export
    from rt3d_mlir.runtime import load

_MODULES = ("errors", "models", "passes", "pruning", "runtime", "sparsity", "targets", "training")

__all__ = ["Exported", "export", "load"]


def __getattr__(name: str) -> object:
    if name == "load":
        from rt3d_mlir.runtime import load

        return load
    if name in ("export", "Exported"):
        from rt3d_mlir.compile import exported

        return getattr(exported, name)
    if name == "__version__":
        return importlib.metadata.version("rt3d-mlir")
    if name in _MODULES:
        return importlib.import_module(f"rt3d_mlir.{name}")
    raise AttributeError(f"module 'rt3d_mlir' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
