"""Pipelines of passes: parsed from `pack-kgs{group=8x4},block-layout`, run in order, the IR verified after each.

Passes of other packages take part (rt3d_mlir.passes.plugins): `all_passes` and `default_pipeline` have them too.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import get_type_hints

import iree.compiler.ir as ir

from rt3d_mlir.errors import PassError, did_you_mean
from rt3d_mlir.passes.floor1.channels_first import ChannelsFirst
from rt3d_mlir.passes.floor1.fold_batch_norm import FoldBatchNorm
from rt3d_mlir.passes.floor1.fold_mask import FoldMask
from rt3d_mlir.passes.floor1.fuse_epilogue import FuseEpilogue
from rt3d_mlir.passes.floor1.interleave_last import InterleaveLast
from rt3d_mlir.passes.floor1.lift_to_3d import LiftTo3d
from rt3d_mlir.passes.floor1.linear_to_conv import LinearToConv
from rt3d_mlir.passes.floor1.trim_taps import TrimTaps
from rt3d_mlir.passes.floor2.block_layout import BlockLayout
from rt3d_mlir.passes.floor2.clone_slices import CloneSlices
from rt3d_mlir.passes.floor2.fuse_elementwise import FuseElementwise
from rt3d_mlir.passes.floor2.narrow_bf16 import NarrowBf16
from rt3d_mlir.passes.floor2.narrow_f16 import NarrowF16
from rt3d_mlir.passes.floor2.place_activations import PlaceActivations
from rt3d_mlir.passes.floor2.trim_windows import TrimWindows
from rt3d_mlir.passes.floor2.winograd import Winograd
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.pack.choose_groups import ChooseGroups
from rt3d_mlir.passes.pack.pack_depthwise import PackDepthwise
from rt3d_mlir.passes.pack.pack_kgs import PackKgs
from rt3d_mlir.passes.pack.sort_filters import SortFilters
from rt3d_mlir.passes.plugins import Plugin, find_plugins, insert_plugins
from rt3d_mlir.passes.schedule.cpu import ScheduleCpu
from rt3d_mlir.passes.schedule.unfuse_norms import UnfuseNorms
from rt3d_mlir.passes.schedule.vulkan import ScheduleVulkan
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import CpuTarget, GpuTarget, Target, check_dtype, find_target, get_gpu_target, get_target


@dataclass(frozen=True)
class Setting:
    """What a compile is for. `choose` looks for other groups than `group` in each layer's zeros, on a CPU."""

    group: GroupSize
    target: Target
    dense: bool = False
    dtype: str = "f32"
    winograd: bool = True
    choose: bool = False

    @property
    def half(self) -> bool:
        return self.dtype == "f16"

    @property
    def cpu(self) -> CpuTarget | None:
        """The target, where it is a CPU."""
        return self.target if isinstance(self.target, CpuTarget) else None

    @property
    def gpu(self) -> GpuTarget | None:
        """The target, where it is a GPU."""
        return self.target if isinstance(self.target, GpuTarget) else None

    @property
    def transforms(self) -> bool:
        """Whether Winograd may be taken: 16 bits and GPUs have no kernels for it."""
        return self.cpu is not None and self.winograd and self.dtype == "f32"


#: What a pass belongs to, by its folder, in the order in which they run.
STAGES = {
    "floor1": "floor 1, plain layers",
    "pack": "packing",
    "floor2": "floor 2, channel blocks",
    "schedule": "floor 3, kernels",
}


@dataclass(frozen=True)
class Entry:
    """A pass, and how a compile makes it of its setting; where that gives None, the compile goes without."""

    cls: type[Pass]
    make: Callable[[Setting], Pass | None]

    @property
    def stage(self) -> str:
        """One of STAGES: the folder that the pass lies in."""
        return self.cls.__module__.split(".")[-2]


def _always(cls: type[Pass]) -> Entry:
    return Entry(cls, lambda _: cls())


#: Our own, in the order of the way of the data, floor 1 to floor 3.
ENTRIES = (
    _always(ChannelsFirst),
    _always(LiftTo3d),
    _always(FoldMask),
    _always(TrimTaps),
    _always(LinearToConv),
    _always(InterleaveLast),
    _always(FoldBatchNorm),
    _always(FuseEpilogue),
    Entry(PackDepthwise, lambda at: PackDepthwise(at.group)),
    Entry(SortFilters, lambda at: SortFilters(at.cpu, at.half) if at.cpu and at.choose and not at.dense else None),
    Entry(
        ChooseGroups,
        lambda at: ChooseGroups(at.cpu, at.half, at.transforms, at.dense) if at.cpu and at.choose else None,
    ),
    Entry(PackKgs, lambda at: PackKgs(at.group, at.dense)),
    _always(BlockLayout),
    _always(TrimWindows),
    _always(CloneSlices),
    _always(FuseElementwise),
    _always(PlaceActivations),
    Entry(Winograd, lambda at: Winograd(at.cpu) if at.cpu and at.transforms else None),
    Entry(NarrowF16, lambda at: NarrowF16() if at.half else None),
    Entry(NarrowBf16, lambda at: NarrowBf16() if at.dtype == "bf16" else None),
    Entry(ScheduleCpu, lambda at: ScheduleCpu(at.cpu) if at.cpu else None),
    Entry(ScheduleVulkan, lambda at: ScheduleVulkan(at.gpu) if at.gpu else None),
    _always(UnfuseNorms),
)
PASSES: dict[str, type[Pass]] = {entry.cls.name: entry.cls for entry in ENTRIES}

_ELEMENT = re.compile(r"\s*([a-z0-9-]+)\s*(?:\{([^}]*)\})?\s*(?:,|$)")
_PARSERS: dict[type, Callable[[str], object]] = {
    GroupSize: GroupSize.parse,
    CpuTarget: get_target,
    GpuTarget: get_gpu_target,
    Target: find_target,
    int: int,
    float: float,
    str: str,
}


def all_passes() -> dict[str, type[Pass]]:
    """Our passes by name, then those of other packages. Raises PassError for a package that is broken."""
    return {**PASSES, **{name: plugin.cls for name, plugin in find_plugins(tuple(PASSES)).items()}}


def passes_by_stage() -> dict[str, list[str]]:
    """The names of all passes by the title of their stage, in order; those of other packages come last."""
    found = {title: [e.cls.name for e in ENTRIES if e.stage == stage] for stage, title in STAGES.items()}
    others = [name for name in all_passes() if name not in PASSES]
    return {**found, **({"other packages": others} if others else {})}


def plugins_in(passes: Sequence[Pass]) -> list[Plugin]:
    """The passes of other packages in a pipeline, in order."""
    found = {plugin.cls: plugin for plugin in find_plugins(tuple(PASSES)).values()}
    return [found[type(step)] for step in passes if type(step) in found]


def default_pipeline(
    group: GroupSize,
    target: Target,
    dense: bool = False,
    dtype: str = "f32",
    winograd: bool = True,
    choose: bool = False,
) -> list[Pass]:
    """All passes for a target, in order; `winograd` false leaves dense layers to the direct kernel, as f16 and GPUs do.

    `choose` looks for other groups than `group` in each layer's zeros, on a CPU.
    Passes of other packages stand where they ask to. Raises TargetError for a `dtype` that the target has no kernels
    for, PassError for a package that is broken.
    """
    check_dtype(target, dtype)
    setting = Setting(group, target, dense, dtype, winograd, choose)
    own = [step for entry in ENTRIES if (step := entry.make(setting)) is not None]
    return insert_plugins(own, tuple(PASSES))


def parse_pipeline(text: str) -> list[Pass]:
    """Passes from `name{option=value option=value},name`. Raises PassError on unknown names, options and values."""
    passes, position = [], 0
    while position < len(text.rstrip()):
        match = _ELEMENT.match(text, position)
        if match is None:
            raise PassError(f"pipeline {text!r}: cannot read {text[position:]!r}; expected name{{option=value}},name")
        passes.append(_make(match[1], match[2] or ""))
        position = match.end()
    return passes


def run_pipeline(
    module: ir.Module,
    passes: Sequence[Pass],
    state: State,
    after_each: Callable[[Pass, ir.Module], None] = lambda _pass, _module: None,
) -> None:
    """Runs the passes in place; `after_each` sees the module after each. Raises PassError if a pass breaks the IR."""
    for step in passes:
        step.run(module, state)
        try:
            module.operation.verify()
        except ir.MLIRError as error:
            raise PassError(f"the IR does not verify after {step.name}: {error}") from None
        after_each(step, module)


def _make(name: str, options_text: str) -> Pass:
    known = all_passes()
    if name not in known:
        raise PassError(f"no pass is called '{name}'; known: {', '.join(known)}{did_you_mean(name, known)}")
    cls = known[name]
    hints = get_type_hints(cls)
    types = {field.name: hints[field.name] for field in fields(cls)}
    values = {}
    for item in options_text.replace(",", " ").split():
        key, equals, value = item.partition("=")
        if not equals or key not in types:
            options = ", ".join(types) or "none"
            raise PassError(f"{name} has no option '{item}'; known: {options}{did_you_mean(key, types)}")
        values[key] = _parse_value(name, key, types[key], value)
    return cls(**values)


def _parse_value(name: str, key: str, kind: object, value: str) -> object:
    if kind is bool:
        if value not in ("true", "false"):
            raise PassError(f"{name}{{{key}={value}}}: expected true or false")
        return value == "true"
    if kind not in _PARSERS:
        raise PassError(f"{name}{{{key}={value}}}: an option of type {kind} cannot be given as text")
    try:
        return _PARSERS[kind](value)
    except ValueError as error:
        raise PassError(f"{name}{{{key}={value}}}: {error}") from None
