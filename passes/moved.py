"""Deprecated: where modules were before passes/ had folders. Packages with passes import some of them.

    from rt3d_mlir.passes.base import Pass         # works, with a DeprecationWarning that names framework.base

They go with version 0.3.
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_PASSES = "rt3d_mlir.passes"
#: The modules that plugins are told of.
MOVED = {
    "base": "framework.base",
    "build": "ir.build",
    "constants": "ir.constant_folding",
    "conv": "ops.conv",
    "match": "ir.match",
}


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        parent, _, last = name.rpartition(".")
        return ModuleSpec(name, self) if parent == _PASSES and last in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        name = f"{_PASSES}.{MOVED[module.__name__.rpartition('.')[2]]}"
        warnings.warn(f"{module.__name__} is {name} now", DeprecationWarning, stacklevel=2)
        names = vars(importlib.import_module(name))
        vars(module).update({key: value for key, value in names.items() if not key.startswith("__")})


def install() -> None:
    """Makes the old names importable."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
