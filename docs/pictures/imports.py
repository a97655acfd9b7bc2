"""The folders and what each imports from: python docs/pictures/imports.py writes the tables into docs/architecture.md.

One table is of rt3d_mlir, one of passes/. A circle of folders is an error (graphlib.CycleError). A test compares the
page with this file.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
#: What a table is of: the package, and the folders of the repository that hold its modules and folders.
PACKAGES = {"rt3d_mlir": ("rt3d_mlir", "."), "rt3d_mlir.passes": ("passes",)}
_TABLE = re.compile(r"(<!-- imports of (\S+): python docs/pictures/imports\.py -->\n).*?(<!-- end -->\n)", re.DOTALL)


def table(package: str) -> str:
    """A row for each folder; what it imports from stands above it."""
    parts = parts_of(package)
    arrows = arrows_between({name: texts(path) for name, path in parts.items()}, package)
    order = [name for name in _from_the_lowest(arrows) if parts[name].is_dir()]
    rows = ["| folder | files | what is in it | imports from |", "|---|---|---|---|"]
    for name in order:
        files = len([path for path in _files(parts[name]) if path.name != "__init__.py"])
        what = _first_sentence(parts[name] / "__init__.py")
        below = ", ".join(other for other in order if other in arrows[name]) or "–"
        rows.append(f"| `{name}` | {files} | {what} | {below} |")
    return "\n".join(rows) + "\n"


def parts_of(package: str) -> dict[str, Path]:
    """Modules and folders right in a package, by name."""
    found = {}
    for folder in PACKAGES[package]:
        for path in (ROOT / folder).iterdir():
            module = path.suffix == ".py" and path.stem != "__init__" and folder != "."
            inner = (path / "__init__.py").is_file() and not path.is_symlink()
            if module or (inner and (folder != "." or path.name in ("passes", "tools"))):
                found[path.stem] = path
    return found


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def texts(path: Path) -> list[str]:
    """Of a file, or of all files of a folder."""
    return [file.read_text() for file in _files(path)]


def arrows_between(sources: Mapping[str, Sequence[str]], package: str) -> dict[str, set[str]]:
    """For each part of `package`, of which `sources` has the texts of its files, the parts that it imports from."""
    return {name: {*_imports(files, package)} & sources.keys() - {name} for name, files in sources.items()}


def _imports(files: Sequence[str], package: str) -> Iterator[str]:
    """The first name below `package` of each import, wherever in a file it stands."""
    for text in files:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package}."):
                below = (node.module or "").removeprefix(package).lstrip(".")
                yield from [below.split(".")[0]] if below else (alias.name for alias in node.names)


def _first_sentence(file: Path) -> str:
    text = " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z])", text)[0]


def _from_the_lowest(arrows: dict[str, set[str]]) -> Iterator[str]:
    sorter = TopologicalSorter(arrows)
    sorter.prepare()
    while sorter.is_active():
        layer = sorted(sorter.get_ready())
        yield from layer
        sorter.done(*layer)


def written(page: str) -> str:
    """The page with the tables in their places."""
    return _TABLE.sub(lambda match: match[1] + table(match[2]) + match[3], page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
