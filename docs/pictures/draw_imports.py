"""Draws what imports what: python docs/pictures/draw_imports.py [COMMIT].

imports.svg has the folders of passes/ as they are; with a COMMIT, imports-before.svg has the files of passes/ in it.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from runpy import run_path
from xml.etree import ElementTree as ET

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = "rt3d_mlir.passes"
TITLE = "passes/, the folders"
_draw, _imports = (run_path(str(HERE / name)) for name in ("draw.py", "imports.py"))

Arrows = Mapping[str, set[str]]
"""For each box those that it imports from."""


def folders() -> Arrows:
    """The folders of passes/; what lies beside them is left out."""
    parts = {name: path for name, path in _imports["parts_of"](PACKAGE).items() if path.is_dir()}
    return _imports["arrows_between"]({name: _imports["texts"](path) for name, path in sorted(parts.items())}, PACKAGE)


def files_of(commit: str) -> Arrows:
    """The files of passes/ in a commit in which it had no folders."""
    listed = _git("ls-tree", "--name-only", commit, "passes/").split()
    paths = {Path(path).stem: path for path in sorted(listed) if path.endswith(".py") and "__init__" not in path}
    return _imports["arrows_between"](
        {name: [_git("show", f"{commit}:{path}")] for name, path in paths.items()}, PACKAGE
    )


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


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    (HERE / "imports.svg").write_text(picture(folders(), TITLE))
    if len(sys.argv) > 1:
        (HERE / "imports-before.svg").write_text(picture(files_of(sys.argv[1]), "passes/, files before the folders"))
