"""Draws what imports what: python docs/pictures/draw_imports.py [COMMIT].

imports.svg has the folders of passes/ as they are; with a COMMIT, imports-before.svg has the files of passes/ in it.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from runpy import run_path
from xml.etree import ElementTree as ET

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = "rt3d_mlir.passes"
TITLE = "passes/, the folders"
_draw = run_path(str(HERE / "draw.py"))

Arrows = Mapping[str, set[str]]
"""For each box those that it imports from."""


def folders() -> Arrows:
    """The folders of passes/; what lies beside them is left out."""
    names = sorted(path.name for path in (ROOT / "passes").iterdir() if (path / "__init__.py").is_file())
    sources = {name: [file.read_text() for file in (ROOT / "passes" / name).glob("*.py")] for name in names}
    return {name: {*_imports(texts)} & {*names} - {name} for name, texts in sources.items()}


def files_of(commit: str) -> Arrows:
    """The files of passes/ in a commit in which it had no folders."""
    listed = _git("ls-tree", "--name-only", commit, "passes/").split()
    names = sorted(Path(path).stem for path in listed if path.endswith(".py") and "__init__" not in path)
    return {name: {*_imports([_git("show", f"{commit}:passes/{name}.py")])} & {*names} - {name} for name in names}


def picture(arrows: Arrows, title: str) -> str:
    """Boxes in rows, each above all that it imports from; where boxes import in a circle, the rows say little."""
    rows = _rows(arrows)
    size, widest = (13, 110) if len(arrows) < 30 else (7, 62)
    width = max(map(len, rows)) * (widest + 12) + 20
    drawn = _draw["Picture"](width, 40 + len(rows) * 70, f"{title}: {len(arrows)} boxes, {_count(arrows)} arrows")
    drawn.text(10, 20, f"{title}: {len(arrows)} boxes, {_count(arrows)} arrows")
    places = {}
    for level, row in enumerate(reversed(rows)):
        left = (width - len(row) * (widest + 12)) / 2
        places |= {name: (left + i * (widest + 12) + 6, 40 + level * 70) for i, name in enumerate(row)}
    for name, below in arrows.items():
        for other in sorted(below):
            (x, y), (to_x, to_y) = places[name], places[other]
            ends = {"x1": x + widest / 2, "y1": y + 24, "x2": to_x + widest / 2, "y2": to_y}
            keys = {"stroke": "#57606a", "stroke-width": "0.7", "stroke-opacity": "0.6"}
            ET.SubElement(drawn.root, "line", {key: f"{value:g}" for key, value in ends.items()} | keys)
    for name, (x, y) in places.items():
        drawn.box(x, y, widest, 24, _draw["FIRST"])
        drawn.text(x + widest / 2, y + 16, name, size, "middle")
    return str(drawn)


def _rows(arrows: Arrows) -> list[list[str]]:
    level = dict.fromkeys(arrows, 0)
    for _ in range(12):  # circles would go up for ever
        level = {name: max((level[other] + 1 for other in below), default=0) for name, below in arrows.items()}
    kinds = sorted(set(level.values()))
    return [[name for name in sorted(arrows) if level[name] == kind] for kind in kinds]


def _count(arrows: Arrows) -> int:
    return sum(map(len, arrows.values()))


def _imports(texts: list[str]) -> Iterator[str]:
    """The first name below passes of each import."""
    for text in texts:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                below = (node.module or "").removeprefix(PACKAGE).lstrip(".")
                yield from [below.split(".")[0]] if below else (alias.name for alias in node.names)


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    (HERE / "imports.svg").write_text(picture(folders(), TITLE))
    if len(sys.argv) > 1:
        (HERE / "imports-before.svg").write_text(picture(files_of(sys.argv[1]), "passes/, files before the folders"))
