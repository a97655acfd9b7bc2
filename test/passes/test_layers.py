"""The folders of passes/ are layers: each imports from lower ones only, and no file from one that imports it."""

import ast
import functools
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "rt3d_mlir.passes"
#: From the lowest to the highest; those of one line do not know each other.
LAYERS = (
    ("framework",),
    ("ir",),
    ("emit",),
    ("ops",),
    ("cost", "floor1"),
    ("pack", "cpu", "gpu"),
    ("floor2",),
    ("schedule",),
    ("pipeline", "plugins", "packing_report"),
    ("foreign",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


@functools.cache
def files() -> dict[str, Path]:
    """All modules of passes/ but the package's own files, by their names below it."""
    found = {}
    for path in sorted((ROOT / "passes").rglob("*.py")):
        parts = path.relative_to(ROOT / "passes").with_suffix("").parts
        if parts[-1] != "__init__" and parts != ("moved",):
            found[".".join(parts)] = path
    return found


def imports(path: Path) -> Iterator[str]:
    """Modules of passes/ that a file imports anywhere in it, below TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            name = (node.module or "").removeprefix(PACKAGE).lstrip(".")
            yield from (
                f"{name}.{alias.name}".lstrip(".") if f"{name}.{alias.name}" in files() else name
                for alias in node.names
            )


@pytest.mark.parametrize("name", files())
def test_imports_go_down(name: str):
    room = name.split(".")[0]
    for other in {*imports(files()[name])} - {name}:
        below = other.split(".")[0]
        lower = LEVEL[below] < LEVEL[room] or below == room or (room, below) == ("pipeline", "plugins")
        assert lower, f"{name} imports {other}"


def test_no_circle():
    list(TopologicalSorter({name: {*imports(path)} - {name} for name, path in files().items()}).static_order())


def test_nothing_is_hidden_from_the_interpreter():
    hidden = [name for name, path in files().items() if "TYPE_CHECKING" in path.read_text()]
    assert hidden == []


def test_old_names_of_what_plugins_import():
    with pytest.warns(DeprecationWarning, match=r"rt3d_mlir\.passes\.base is rt3d_mlir\.passes\.framework\.base now"):
        from rt3d_mlir.passes.base import Pass  # pyright: ignore[reportMissingImports]
    from rt3d_mlir.passes.framework import base

    assert Pass is base.Pass
