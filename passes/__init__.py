"""The rewrites, one file each. `apply` runs them on somebody else's module; a compile runs them by itself.

What needs the compiler is imported when it is asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rt3d_mlir.passes.foreign.module import apply

__all__ = ["apply"]


def __getattr__(name: str) -> object:
    if name == "apply":
        from rt3d_mlir.passes.foreign.module import apply

        return apply
    raise AttributeError(f"module 'rt3d_mlir.passes' has no attribute '{name}'")
