"""The rewrites, one file each. `apply` runs them on somebody else's module; a compile runs them by itself.

The folders are layers. Each folder's docstring says what is in it, and a folder imports from lower ones only.
test/passes/test_layers.py checks the order, and docs/architecture.md shows it.

The compiler is imported no sooner than a name that needs it is used.
"""

from typing import TYPE_CHECKING

from rt3d_mlir.passes import moved

if TYPE_CHECKING:
    from rt3d_mlir.passes.foreign.module import apply

__all__ = ["apply"]

moved.install()


def __getattr__(name: str) -> object:
    if name == "apply":
        from rt3d_mlir.passes.foreign.module import apply

        return apply
    raise AttributeError(f"module 'rt3d_mlir.passes' has no attribute '{name}'")
