"""Compiles pruned 3D CNNs from PyTorch into IREE modules whose speed-up follows the sparsity.

`export` takes a model, `Exported.compile` writes an artifact folder, and `load` opens one:

    exported = rt3d_mlir.export(model, (clip,), masks=masks)
    exported.compile("artifact", target="cortex-a76")
    answer = rt3d_mlir.load("artifact")(clip.numpy())

An app that only runs modules needs `rt3d_mlir.runtime` alone. That is why PyTorch is imported no sooner than a name
that needs it is used. The public modules are imported the same way: `errors`, `models`, `passes`, `pruning`,
`runtime`, `sparsity`, `targets` and `training`.
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
