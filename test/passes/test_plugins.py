"""Packages with passes: what is found, where it runs, and what a package can do wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rt3d_mlir.errors import PassError
from rt3d_mlir.passes.pipeline import all_passes, default_pipeline, parse_pipeline, plugins_in
from rt3d_mlir.passes.plugins import find_plugins
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import get_target

HEAD = """
from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar
from rt3d_mlir.passes.framework.base import Pass
from rt3d_mlir.targets import Target
@dataclass(frozen=True)
class Mine(Pass):
    name: ClassVar[str] = "mine"
"""
RUN = "    def run(self, module, state): pass\n"
AFTER = "    after: ClassVar[str | None] = 'fold-mask'\n"


class Packages:
    """A folder on the path to which packages with one pass each are added."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, package: str, code: str, entry: str = "mine", cls: str = "Mine") -> None:
        module = package.replace("-", "_")
        (self.folder / f"{module}.py").write_text(code)
        info = self.folder / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[rt3d_mlir.passes]\n{entry} = {module}:{cls}\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    monkeypatch.syspath_prepend(tmp_path)
    find_plugins.cache_clear()
    modules = set(sys.modules)
    yield Packages(tmp_path)
    find_plugins.cache_clear()
    for name in set(sys.modules) - modules:
        if name.startswith("pass_"):
            del sys.modules[name]


def names(dtype: str = "f32") -> list[str]:
    return [step.name for step in default_pipeline(GroupSize(8, 4), get_target("cortex-a76"), dtype=dtype)]


def test_one_without_a_place_runs_by_name_only(packages: Packages):
    ours = names()
    packages.add("pass-one", HEAD + "    depth: int = 3\n    share: float = 0.5\n" + RUN)
    find_plugins.cache_clear()
    (step,) = parse_pipeline("mine{depth=4 share=0.25}")
    assert (step.depth, step.share) == (4, 0.25)
    assert list(all_passes())[-1] == "mine"
    assert names() == ours
    assert [str(plugin) for plugin in plugins_in(parse_pipeline("fold-mask,mine"))] == ["mine of pass-one 1.2"]


def test_an_option_that_is_any_machine(packages: Packages):
    packages.add("pass-three", f"{HEAD}    target: Target\n{RUN}")
    find_plugins.cache_clear()
    for name in ("cortex-a76", "vulkan-mali"):
        (step,) = parse_pipeline(f"mine{{target={name}}}")
        assert step.target.name == name


def test_places_in_a_compile(packages: Packages):
    packages.add("pass-b", HEAD + AFTER + RUN)
    packages.add("pass-a", HEAD.replace('"mine"', '"also"') + AFTER + RUN, entry="also")
    packages.add(
        "pass-c", HEAD.replace('"mine"', '"late"') + AFTER.replace("fold-mask", "winograd") + RUN, entry="late"
    )
    at = names().index("fold-mask")
    assert names()[at : at + 3] == ["fold-mask", "also", "mine"]
    assert names()[names().index("winograd") + 1] == "late"
    half = names("f16")
    assert "winograd" not in half
    assert half[half.index("narrow-f16") - 1] == "late"


@pytest.mark.parametrize(
    ("code", "entry", "cls", "message"),
    [
        ("import none_of_this\n", "mine", "Mine", r"cannot be loaded: ModuleNotFoundError: .*none_of_this"),
        ("1 / 0\n", "mine", "Mine", "cannot be loaded: ZeroDivisionError: division by zero; mend or uninstall"),
        (HEAD + RUN, "mine", "Other", "cannot be loaded: AttributeError"),
        ("class Mine: pass\n", "mine", "Mine", "is no pass; expected a frozen dataclass"),
        (HEAD + RUN, "yours", "Mine", "calls itself 'mine'; expected the entry point's own name"),
        (HEAD + AFTER.replace("mask", "msak") + RUN, "mine", "Mine", "after 'fold-msak'.*did you mean 'fold-mask'"),
        (HEAD + AFTER + "    depth: int\n" + RUN, "mine", "Mine", "so its option 'depth' needs a default"),
    ],
)
def test_a_broken_package_is_named(packages: Packages, code: str, entry: str, cls: str, message: str):
    packages.add("pass-broken", code, entry, cls)
    for use in (names, all_passes):
        with pytest.raises(PassError, match=rf"the pass '{entry}' of pass-broken 1\.2 .*{message}"):
            use()


def test_names_that_are_taken(packages: Packages):
    packages.add("pass-one", HEAD + RUN)
    packages.add("pass-two", HEAD + RUN)
    with pytest.raises(PassError, match=r"pass-(one|two) has a pass 'mine', and so has pass-(one|two); uninstall one"):
        all_passes()


def test_names_of_ours(packages: Packages):
    packages.add("pass-one", HEAD.replace('"mine"', '"fold-mask"') + RUN, entry="fold-mask")
    with pytest.raises(PassError, match="pass-one has a pass 'fold-mask', and so has rt3d-mlir itself"):
        all_passes()


def test_an_option_that_text_cannot_give(packages: Packages):
    packages.add("pass-one", HEAD + "    depths: tuple[int, ...] = (1,)\n" + RUN)
    with pytest.raises(PassError, match=r"mine\{depths=2\}: an option of type tuple\[int, \.\.\.\] cannot be given"):
        parse_pipeline("mine{depths=2}")
