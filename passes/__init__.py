"""The rewrites, one file each. `apply` runs them on somebody else's module; a compile runs them by itself.

The folders are layers. Each imports from those above it in this list only (test/passes/test_layers.py):

    framework   what all passes share
    ir          reading and building IR
    emit        the vocabulary of kernels
    ops         the ops between the passes, built and read back
    cost        models of machines
    floor1      passes on plain tensors: linalg ops, one a layer
    pack        passes that fold masks into packed ops
    floor2      passes on channel blocks
    cpu, gpu    the bodies of kernels
    schedule    passes that turn packed ops into kernels, which is floor 3
    pipeline    the list of all passes, and plugins
    foreign     `apply`

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
