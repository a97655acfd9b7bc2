"""The error messages that the source code can print, with … for what is filled in at run time."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from rt3d_mlir import errors

_FOLDERS = ("rt3d_mlir", "passes", "tools")
_ERRORS = {name: cls for name, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.Rt3dError)}


def texts(root: Path) -> Iterator[str]:
    """All texts in the code of the compiler and the tools, f-strings and sums of texts as one."""
    for tree in _trees(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
                yield _template(node)


def messages(root: Path) -> dict[str, list[str]]:
    """The messages of each kind of expected error, sorted."""
    found: dict[str, set[str]] = {name: set() for name in _ERRORS}
    for tree in _trees(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in found and node.args:
                found[node.func.id].add(_template(node.args[0]))
    return {name: sorted(lines) for name, lines in found.items() if lines}


def messages_page(root: Path) -> str:
    """The last section of the page on troubles."""
    lines = ["## All messages", "", "As the source code has them; … stands for names and numbers of the case.", ""]
    for name, texts_of_kind in messages(root).items():
        lines += [f"### {name}", "", inspect.getdoc(_ERRORS[name]) or "", ""]
        lines += [f"* `` {text} ``" for text in texts_of_kind]
        lines.append("")
    return "\n".join(lines)


def _trees(root: Path) -> Iterator[ast.Module]:
    for folder in _FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if path.resolve() == path.absolute():  # rt3d_mlir/passes and rt3d_mlir/tools are links
                yield ast.parse(path.read_text())


def _template(node: ast.expr) -> str:
    return re.sub(r"(…\s*)+…", "…", " ".join(_parts(node).split()))


def _parts(node: ast.expr) -> str:
    match node:
        case ast.Constant(str() as text):
            return text
        case ast.JoinedStr(values):
            return "".join(_parts(value) for value in values)
        case ast.BinOp(left, ast.Add(), right):
            return _parts(left) + _parts(right)
    return "…"
