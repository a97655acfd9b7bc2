"""The Python API: a model and its masks in, an artifact folder out.

exported = rt3d_mlir.export(model, (clip,), masks=load_masks("masks.safetensors"))
print(exported.report().rate)
exported.compile("artifact", target="cortex-a76")
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import iree.compiler.ir as ir
import numpy as np
import torch
from torch.export import ExportedProgram

from rt3d_mlir.artifact_writer import write_artifact
from rt3d_mlir.errors import ArtifactError, TargetError
from rt3d_mlir.explain import Trace
from rt3d_mlir.explanation import Explanation
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.frontend.random_numbers import check_repeats
from rt3d_mlir.frontend.source import Floor1, Source
from rt3d_mlir.frontend.torch_source import TorchSource
from rt3d_mlir.gpu_targets import GpuTarget
from rt3d_mlir.mlir_io import write_text
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.pipeline import default_pipeline, run_pipeline
from rt3d_mlir.report import Report, build_report
from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.sparsity import GroupSize, MaskSet, apply_masks, check_finite, load_config, masks_for
from rt3d_mlir.targets import Target, find_target

#: Filters of a vector register at least. Of masks for fewer, the zeros alone count.
NARROWEST = 4


def export(
    model: torch.nn.Module | ExportedProgram,
    args: Sequence[Any],
    masks: MaskSet | None = None,
    group: GroupSize | None = None,
    dense: bool = False,
    dtype: str = "f32",
    winograd: bool = True,
) -> "Exported":
    """A PyTorch model, ready to compile.

    `args` are example inputs, of the shapes and types it is compiled for (a clip is 1x3xTxHxW): tensors, and lists,
    tuples and dicts of tensors, which the module takes one by one. Whole numbers, such as a camera's uint8, are cast in
    the module where the model takes float32 only. A model of float16, bfloat16 or float64 is computed in float32, and
    takes and gives what it does in PyTorch (float32 for bfloat16).

    `masks` zero what they remove; without them, zero blocks that the weights already have are what is packed away.
    `group` is the block size that is looked for (default: the masks', if it fills the target's registers, else what is
    fastest for the zeros of each layer). `dense` keeps all taps. `dtype` "f16" stores activations and weights as f16,
    on targets that multiply it; inputs and outputs are what they are without it. `winograd` false computes dense layers
    directly, as pruned ones are: what to compare pruning with, like with like.
    The module is put in eval mode; its weights are not changed. Raises MaskError, WeightError and ModelError.
    """
    source = TorchSource(model, args, type(model).__name__)
    return export_source(source, masks, group, dense, dtype=dtype, winograd=winograd)


def export_source(
    source: Source,
    masks: MaskSet | None = None,
    group: GroupSize | None = None,
    dense: bool = False,
    weights: Mapping[str, np.ndarray] | None = None,
    dtype: str = "f32",
    winograd: bool = True,
) -> "Exported":
    """`export` for any source; `weights` replace the source's parameters."""
    parameters = {**source.parameters, **(weights or {})}
    check_finite({key: array for key, array in parameters.items() if array.dtype.kind == "f"})
    if masks is not None:
        parameters = apply_masks(parameters, masks)
    return Exported(source, parameters, group, dense, dtype, winograd, masks and masks.group)


def export_config(
    model: str,
    config: str,
    target: Target | GpuTarget,
    dtype: str = "f32",
    winograd: bool = True,
    num_classes: int | None = None,
    group: GroupSize | None = None,
) -> "Exported":
    """MODEL of the command line pruned by a config (a shipped name or a file), or `dense`; zoo weights are random.

    Masks are of `group`, the target's default where none is named.
    """
    source = open_source(model, num_classes=num_classes)
    if config == "dense":
        return export_source(source, dense=True, dtype=dtype, winograd=winograd)
    masks = masks_for(load_config(config), source.parameters, group or target.group_of(dtype))
    return export_source(source, masks, dtype=dtype, winograd=winograd)


@dataclass(frozen=True, eq=False)
class Exported:
    """A model with its final parameters, the group that the caller named, and that of the masks."""

    source: Source
    parameters: dict[str, np.ndarray]
    group: GroupSize | None
    dense: bool
    dtype: str = "f32"
    winograd: bool = True
    mask_group: GroupSize | None = None

    @functools.cached_property
    def floor1(self) -> Floor1:
        """The imported module, before any pass."""
        return self.source.lower(self.parameters)

    @functools.cached_property
    def golden(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Seeded random inputs, and what the source itself answers to them.

        Where an answer is not finite, as that of a logarithm, positive inputs are taken if they give more numbers.
        Raises ModelError where it answers differently in each call.
        """
        found = []
        for positive in (False, True):
            inputs = self.source.draw_inputs(np.random.default_rng(0), positive)
            outputs = self.source.reference(self.parameters, inputs)
            lost = sum(int(np.count_nonzero(~np.isfinite(y))) for y in outputs)
            found.append((lost, inputs, outputs))
            if not lost:
                break
        _, inputs, outputs = min(found, key=lambda each: each[0])
        again = functools.partial(self.source.reference, self.parameters, inputs)
        check_repeats(self.source.name, self.floor1, outputs, again)
        return inputs, outputs

    def report(self, target: str = "host") -> Report:
        """What packing does to each layer, without compiling. `target` gives the group where none was named."""
        return self.build_report(self._run(target)[0])

    def explain(self, target: str = "host") -> Explanation:
        """Where each op of the model goes, and why, without compiling."""
        return self._run(target)[1]

    def _run(self, target: str) -> tuple[State, Explanation]:
        with ir.Context(), ir.Location.unknown():
            module, table = self.floor1.parse()
            state, trace = State(table), Trace(module, self.floor1.ops)
            preset = find_target(target)
            run_pipeline(module, self.pipeline(preset), state, trace.after_each)
            return state, trace.explain(state, preset)

    def group_for(self, target: Target | GpuTarget) -> GroupSize | None:
        """What all layers are packed in; None where each gets what is fastest for its zeros.

        Masks in smaller groups than the target's, such as a phone's on a machine with wider vectors, fill its registers
        by half or less: two of their groups as one may be faster, or Winograd with all weights.
        """
        if self.group or self.dense:
            return self.group or target.group
        masks, own = self.mask_group, target.group
        if masks is None or masks.m < NARROWEST:
            return None
        part = masks.n == own.n and masks.m < own.m and own.m % masks.m == 0
        return None if part else masks

    def pipeline(self, target: Target | GpuTarget) -> list[Pass]:
        """The passes that compile this model for a target. Raises TargetError where it has no kernels of the dtype."""
        group = self.group_for(target)
        return default_pipeline(group or target.group, target, self.dense, self.dtype, self.winograd, group is None)

    def iree_flags(self, target: Target | GpuTarget) -> list[str]:
        """iree-compile's flags for this model. Raises TargetError where the target lacks a type that it takes or gives.

        IREE computes float64 as float32 unless told, and then its module takes and gives that.
        """
        signature = next(line for line in self.floor1.text.splitlines() if "func.func @main(" in line)
        if "f64>" not in signature:
            return target.iree_flags
        if isinstance(target, GpuTarget):
            raise TargetError(
                f"{self.source.name} takes or gives float64, which {target.name} does not have: give it float32 inputs"
            )
        return [*target.iree_flags, "--iree-input-demote-f64-to-f32=false"]

    def build_report(self, state: State) -> Report:
        """The report of a pipeline that ran on this model."""
        shapes = {key: tuple(array.shape) for key, array in self.parameters.items()}
        return build_report(state, self.source.macs(), shapes)

    def save_mlir(self, path: str | Path) -> None:
        """Floor 1 with its masked weights, as .mlir text that rt3d-mlir-compile and rt3d-mlir-opt read.

        Raises ArtifactError where the file cannot be written.
        """
        with ir.Context(), ir.Location.unknown():
            module, table = self.floor1.parse()
            try:
                write_text(module, table, Path(path))
            except OSError as error:
                raise ArtifactError(f"{path} cannot be written: {error.strerror}") from None

    def compile(self, path: str | Path, target: str = "host", force: bool = False) -> Manifest:
        """Writes the artifact folder `path` for a target preset.

        Raises ArtifactError where the folder exists (without `force`), TargetError, CompileError.
        """
        return write_artifact(self, Path(path), find_target(target), force=force)
