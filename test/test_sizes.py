"""Limits that keep the code readable: sizes of functions and classes, and a reason for what pyright is to ignore."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("passes", "tools", "rt3d_mlir")
LINES_OF_A_FUNCTION, LINES_OF_A_CLASS, PARAMETERS = 60, 150, 7
IGNORE = re.compile(r"#\s*(?:type|pyright):\s*ignore(?:\[[^\]]*\])?(.*)")


def sources() -> Iterator[Path]:
    """rt3d_mlir/passes and rt3d_mlir/tools are links to the other folders, which a walk does not follow."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(each.is_symlink() for each in path.parents):
                yield path


def too_large(code: str) -> list[str]:
    """What is beyond the limits in a file's text."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        lines = (node.end_lineno or 0) - node.lineno + 1
        most = LINES_OF_A_CLASS if isinstance(node, ast.ClassDef) else LINES_OF_A_FUNCTION
        if lines > most:
            found.append(f"{node.name}: {lines} lines, at most {most}")
        if not isinstance(node, ast.ClassDef) and (count := parameters(node)) > PARAMETERS:
            found.append(f"{node.name}: {count} parameters, at most {PARAMETERS}")
    return found


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many a caller gives; self and cls do not count."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def unexplained(code: str) -> list[str]:
    """The lines that tell pyright to ignore something, and do not say why."""
    found = ((line, IGNORE.search(line)) for line in code.splitlines())
    return [line for line, ignore in found if ignore and not re.match(r"\s+#\s*\w", ignore[1])]


def test_functions_and_classes_have_a_size_that_can_be_read():
    files = list(sources())
    assert len(files) > 250
    found = {str(path.relative_to(ROOT)): large for path in files if (large := too_large(path.read_text()))}
    assert found == {}


def test_what_pyright_ignores_has_a_reason_beside_it():
    found = {str(path.relative_to(ROOT)): lines for path in sources() if (lines := unexplained(path.read_text()))}
    assert found == {}


def test_a_class_has_its_name_for_itself():
    """One name, one thing, over all folders; what is private to a file does not count."""
    files: dict[str, list[str]] = {}
    for path in sources():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in files.items() if len(where) > 1} == {}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def f(a, b, c, d, e, f, *, g): ...", []),
        ("def f(a, b, c, d, e, f, *, g, h): ...", ["f: 8 parameters, at most 7"]),
        ("class C:\n def f(self, a, b, c, d, e, f, g): ...", []),
        ("class C:\n def f(self, a, b, c, d, e, f, g, h): ...", ["f: 8 parameters, at most 7"]),
        ("def f():" + "\n  pass" * 60, ["f: 61 lines, at most 60"]),
        ("class C:" + "\n  pass" * 149, []),
        ("class C:" + "\n  pass" * 150, ["C: 151 lines, at most 150"]),
    ],
)
def test_the_limits(code: str, said: list[str]):
    assert too_large(code) == said


def test_a_reason_is_words_behind_the_ignore():
    bare, explained = "x = y  # type: " + "ignore[index]", "x = y  # pyright: " + "ignore[index]  # no stub"
    assert unexplained(f"{bare}\n{explained}") == [bare]
