"""rt3d_mlir: pruned 3D CNNs from PyTorch to IREE modules that are as much faster as they are sparser.

`export` and `load` are the way in and the way out; an app that only runs a module needs `rt3d_mlir.runtime` alone,
so what needs PyTorch is imported when it is asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rt3d_mlir.exported import Exported, export
    from rt3d_mlir.runtime import load

__all__ = ["Exported", "export", "load"]


def __getattr__(name: str) -> object:
    if name == "load":
        from rt3d_mlir.runtime import load

        return load
    if name in ("export", "Exported"):
        from rt3d_mlir import exported

        return getattr(exported, name)
    raise AttributeError(f"module 'rt3d_mlir' has no attribute '{name}'")
