"""The folders of passes/ and what each imports from: python docs/pictures/imports.py writes the table into the docs.

A test compares docs/architecture.md with this file.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "rt3d_mlir.passes"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- python docs/pictures/imports.py -->\n", "<!-- end -->\n"
#: From the lowest layer to the highest.
ORDER = ("framework", "ir", "emit", "ops", "cost", "floor1", "pack", "floor2", "cpu", "gpu", "schedule", "foreign")


def table() -> str:
    """A row for each folder, from the lowest layer to the highest."""
    arrows: dict[str, set[str]] = defaultdict(set)
    for folder in ORDER:
        for path in (ROOT / "passes" / folder).glob("*.py"):
            arrows[folder] |= {*_folders(path)} - {folder}
    rows = ["| folder | files | what is in it | imports from |", "|---|---|---|---|"]
    for folder in ORDER:
        files = len(list((ROOT / "passes" / folder).glob("*.py"))) - 1
        what = ast.get_docstring(ast.parse((ROOT / "passes" / folder / "__init__.py").read_text())) or ""
        below = ", ".join(name for name in ORDER if name in arrows[folder]) or "–"
        rows.append(f"| `{folder}` | {files} | {what} | {below} |")
    return "\n".join(rows) + "\n"


def _folders(path: Path) -> Iterator[str]:
    """The folders of passes/ that a file imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            yield (node.module or "").removeprefix(f"{PACKAGE}.").split(".")[0]


def written(page: str) -> str:
    """The page with the table in its place."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
