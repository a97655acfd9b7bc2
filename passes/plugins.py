"""Passes of other packages, found by the entry-point group `rt3d_mlir.passes`.

    [project.entry-points."rt3d_mlir.passes"]
    fold-input-affine = "rt3d_fold_input:FoldInputAffine"

The entry's name is the pass's name, and its value is a subclass of `Pass`. rt3d-mlir-opt runs the pass by that name. A
class that says `after = "lift-to-3d"` also runs in each compile, after that pass of ours. Its options then need
defaults.
"""

import functools
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points

from rt3d_mlir.errors import PassError, did_you_mean
from rt3d_mlir.passes.framework.base import Pass

GROUP = "rt3d_mlir.passes"


@dataclass(frozen=True)
class Plugin:
    """A pass of another package, and that package, `rt3d-fold-input` of version `0.1.0`."""

    cls: type[Pass]
    package: str
    version: str

    def __str__(self) -> str:
        place = f", after {self.cls.after}" if self.cls.after else ""
        return f"{self.cls.name} of {self.package} {self.version}{place}"


@functools.cache
def find_plugins(own: tuple[str, ...]) -> dict[str, Plugin]:
    """The passes of other packages by name, in the order of their names; `own` are the names of ours, in their order.

    Raises PassError, which names the package, for one that cannot be imported or is no pass, a name that is taken, and
    an `after` that is none of ours.
    """
    found: dict[str, Plugin] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        plugin = Plugin(_load(entry, own), *_package(entry))
        if entry.name in own or entry.name in found:
            owner = found[entry.name].package if entry.name in found else "rt3d-mlir itself"
            raise PassError(f"{plugin.package} has a pass '{entry.name}', and so has {owner}; uninstall one of them")
        found[entry.name] = plugin
    return found


def insert_plugins(passes: Sequence[Pass], own: tuple[str, ...]) -> list[Pass]:
    """A pipeline of ours with each plugin's pass after the one that its `after` names, or where that would stand."""
    result = list(passes)
    for plugin in reversed(find_plugins(own).values()):
        if plugin.cls.after is not None:
            before = own[: own.index(plugin.cls.after) + 1]
            at = max((i for i, step in enumerate(result) if step.name in before), default=-1)
            result.insert(at + 1, plugin.cls())
    return result


def _load(entry: EntryPoint, own: tuple[str, ...]) -> type[Pass]:
    where = f"the pass '{entry.name}' of {' '.join(_package(entry))} ({entry.value})"
    try:
        cls = entry.load()
    except Exception as error:  # whatever a package does when it is imported
        raise PassError(
            f"{where} cannot be loaded: {type(error).__name__}: {error}; mend or uninstall the package"
        ) from error
    if not (isinstance(cls, type) and issubclass(cls, Pass) and is_dataclass(cls)):
        raise PassError(
            f"{where} is no pass; expected a frozen dataclass that derives from rt3d_mlir.passes.framework.base.Pass"
        )
    if getattr(cls, "name", None) != entry.name:
        raise PassError(f"{where} calls itself {getattr(cls, 'name', None)!r}; expected the entry point's own name")
    if cls.after is None:
        return cls
    if cls.after not in own:
        raise PassError(
            f"{where} wants to run after '{cls.after}'; known: {', '.join(own)}{did_you_mean(cls.after, own)}"
        )
    needed = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
    if needed:
        raise PassError(f"{where} runs in each compile, so its option '{needed[0]}' needs a default")
    return cls


def _package(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("a package without a name", "")
