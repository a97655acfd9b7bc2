"""The rewrites, one file each. `apply` runs them on somebody else's module; a compile runs them by itself.

The folders are layers: each says in its own docstring what is in it, and imports from lower ones only. The order is
held by test/passes/test_layers.py and shown in docs/architecture.md.

What needs the compiler is imported when it is asked for.
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
