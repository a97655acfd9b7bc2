"""The folders of passes/ and what each imports from: python docs/pictures/imports.py writes the table into the docs.

A test compares docs/architecture.md with this file.
"""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PASSES = ROOT / "passes"
PACKAGE = "rt3d_mlir.passes"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- python docs/pictures/imports.py -->\n", "<!-- end -->\n"


def table() -> str:
    """A row for each folder; what it imports from stands above it."""
    arrows = {path.stem: {*_imports(path)} - {path.stem} for path in PASSES.iterdir() if path.stem[:1] != "_"}
    order = [name for name in _from_the_lowest(arrows) if (PASSES / name).is_dir()]
    rows = ["| folder | files | what is in it | imports from |", "|---|---|---|---|"]
    for name in order:
        files = len(list((PASSES / name).glob("*.py"))) - 1
        what = ast.get_docstring(ast.parse((PASSES / name / "__init__.py").read_text()))
        below = ", ".join(other for other in order if other in arrows[name]) or "–"
        rows.append(f"| `{name}` | {files} | {what} | {below} |")
    return "\n".join(rows) + "\n"


def _imports(path: Path) -> Iterator[str]:
    """What a file of passes/, or all files of a folder, import from: folders and files of passes/."""
    for file in [path] if path.is_file() else path.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
                yield (node.module or "").removeprefix(f"{PACKAGE}.").split(".")[0]


def _from_the_lowest(arrows: dict[str, set[str]]) -> Iterator[str]:
    sorter = TopologicalSorter(arrows)
    sorter.prepare()
    while sorter.is_active():
        layer = sorted(sorter.get_ready())
        yield from layer
        sorter.done(*layer)


def written(page: str) -> str:
    """The page with the table in its place."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
