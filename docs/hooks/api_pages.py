"""Pages of the Python API: which names are public; mkdocstrings makes their text of signatures and docstrings."""

import ast
import importlib
import inspect
from types import ModuleType

#: Each page's modules. A page is named after its first one.
_PAGES = (
    ("rt3d_mlir",),
    ("rt3d_mlir.models",),
    ("rt3d_mlir.sparsity",),
    ("rt3d_mlir.pruning",),
    ("rt3d_mlir.training",),
    ("rt3d_mlir.runtime",),
    ("rt3d_mlir.targets",),
    (
        "rt3d_mlir.passes",
        "rt3d_mlir.passes.framework.base",
        "rt3d_mlir.passes.ir.match",
        "rt3d_mlir.passes.ir.build",
        "rt3d_mlir.passes.ir.constant_folding",
        "rt3d_mlir.passes.ops.conv",
        "rt3d_mlir.passes.plugins",
    ),
    ("rt3d_mlir.errors",),
)


def api_pages() -> dict[str, str]:
    """The text of all pages by name, in the order of a model's way through them."""
    return {f"api/{names[0]}.md": _page(names) for names in _PAGES}


def public_names(module: str) -> list[str]:
    """What a module has for others: its `__all__`, else what it defines without an underscore in front."""
    found = importlib.import_module(module)
    return sorted(getattr(found, "__all__", None) or _defined(found))


def modules() -> list[str]:
    """All modules that are on a page."""
    return [name for names in _PAGES for name in names]


def _page(names: tuple[str, ...]) -> str:
    first, *others = names
    parts = [f"# {first}\n\n{_module(first, 2)}"]
    parts += [f"## {name}\n\n{_module(name, 3)}" for name in others]
    return "\n".join(parts)


def _module(name: str, level: int) -> str:
    """The module's docstring, then its public names under headings of that level."""
    parts = [_directive(name, members="false", show_root_heading="false", show_root_toc_entry="false")]
    parts += [_directive(f"{name}.{public}", heading_level=str(level)) for public in public_names(name)]
    return "\n".join(parts)


def _directive(name: str, **options: str) -> str:
    lines = [f"::: {name}", "    options:", *(f"      {key}: {value}" for key, value in options.items())]
    return "\n".join(lines) + "\n"


def _defined(module: ModuleType) -> list[str]:
    """Functions, classes and constants that the module's own file defines."""
    names: list[str] = []
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.append(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
    return [name for name in names if not name.startswith("_")]
