"""The Python API: a model and its masks in, an artifact folder out.

exported = rt3d_mlir.export(model, (clip,), masks=load_masks("masks.safetensors"))
print(exported.report().rate)
exported.compile("artifact", target="cortex-a76")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import iree.compiler.ir as ir
import numpy as np
import torch
from torch.export import ExportedProgram

from rt3d_mlir.compile.artifact_writer import write_artifact
from rt3d_mlir.compile.job import CompileJob
from rt3d_mlir.compile.network import Network
from rt3d_mlir.errors import ArtifactError
from rt3d_mlir.explain.explanation import Explanation
from rt3d_mlir.explain.trace import Trace
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.frontend.source import Floor1, Source
from rt3d_mlir.frontend.torch_source import TorchSource
from rt3d_mlir.ir_io.mlir_io import write_text
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.packing_report import Report
from rt3d_mlir.passes.pipeline import run_pipeline
from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.sparsity import GroupSize, MaskSet, apply_masks, check_finite, load_config, masks_for
from rt3d_mlir.targets import Target, find_target

#: Filters of the narrowest vector register. For masks with fewer filters the mask's group is ignored; only the zeros
#: are used.
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

    `args` are example inputs. The module is compiled for their shapes and types (a clip is 1x3xTxHxW). They are
    tensors, or lists, tuples and dicts of tensors; the module takes the tensors one by one. If the model takes
    float32 only, whole numbers such as a camera's uint8 are cast in the module. A model of float16, bfloat16 or
    float64 is computed in float32. Its inputs and outputs have the types that they have in PyTorch, with float32 for
    bfloat16.

    `masks` set the weights that they remove to zero. Without masks, the zero blocks that the weights already have are
    removed. `group` is the size of the blocks that are looked for. Its default is the masks' group if that fills the
    target's registers, else the group that is fastest for the zeros of each layer. `dense` keeps all weights. `dtype`
    "f16" or "bf16" is what activations and weights are stored as, on targets that multiply it; inputs and outputs keep
    their types.
    `winograd=False` computes dense layers directly, as pruned layers are: a baseline for pruning that differs in the
    zeros alone.

    The model is put in eval mode; its weights are not changed. Raises MaskError, WeightError and ModelError.
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
    return Exported(Network(source, parameters), group, dense, dtype, winograd, masks and masks.group)


def export_config(
    model: str,
    config: str,
    target: Target,
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
    group = group or target.group_of(dtype)
    masks = masks_for(load_config(config), source.parameters, group, transposed=source.transposed)
    return export_source(source, masks, dtype=dtype, winograd=winograd)


@dataclass(frozen=True, eq=False)
class Exported:
    """A model with its final parameters, and the options that it is compiled with; made by `export`.

    `group` is the group that the caller named, and `mask_group` the masks'.
    """

    network: Network
    group: GroupSize | None
    dense: bool
    dtype: str = "f32"
    winograd: bool = True
    mask_group: GroupSize | None = None

    @property
    def source(self) -> Source:
        """Where the model came from."""
        return self.network.source

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The weights that it is compiled with, masks applied."""
        return self.network.parameters

    @property
    def floor1(self) -> Floor1:
        """The imported module, before any pass."""
        return self.network.floor1

    @property
    def golden(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Seeded random inputs, and what the source itself answers to them."""
        return self.network.golden

    def report(self, target: str = "host") -> Report:
        """What packing does to each layer. Nothing is compiled. If no group was named, `target` gives it."""
        return self.job(find_target(target)).build_report(self._run(target)[0])

    def explain(self, target: str = "host") -> Explanation:
        """Where each op of the model goes, and why. Nothing is compiled."""
        return self._run(target)[1]

    def _run(self, target: str) -> tuple[State, Explanation]:
        with ir.Context(), ir.Location.unknown():
            module, table = self.floor1.parse()
            state, trace = State(table), Trace(module, self.floor1.ops)
            preset = find_target(target)
            run_pipeline(module, self.pipeline(preset), state, trace.after_each)
            return state, trace.explain(state, preset)

    def group_for(self, target: Target) -> GroupSize | None:
        """The group that all layers are packed in; None if each layer gets the group that is fastest for its zeros.

        Masks may have smaller groups than the target's: those of a phone, on a machine with wider vectors. Such groups
        fill half of a register or less. Two of them as one may be faster, or Winograd with all weights.
        """
        if self.group or self.dense:
            return self.group
        masks, own = self.mask_group, target.group
        if masks is None or masks.m < NARROWEST:
            return None
        part = masks.n == own.n and masks.m < own.m and own.m % masks.m == 0
        return None if part else masks

    def job(self, target: Target, flags: Sequence[str] = ()) -> CompileJob:
        """This model for a target; `flags` are passed on to iree-compile."""
        group = self.group_for(target)
        return CompileJob(self.network, target, group, self.dense, self.dtype, self.winograd, flags)

    def pipeline(self, target: Target) -> list[Pass]:
        """The passes that compile this model. Raises TargetError if the target has no kernels of the dtype."""
        return self.job(target).pipeline()

    def save_mlir(self, path: str | Path) -> None:
        """Writes the imported module with its masked weights, as .mlir text.

        rt3d-mlir-compile and rt3d-mlir-opt read it. Raises ArtifactError if the file cannot be written.
        """
        with ir.Context(), ir.Location.unknown():
            module, table = self.floor1.parse()
            try:
                write_text(module, table, Path(path))
            except OSError as error:
                raise ArtifactError(f"{path} cannot be written: {error.strerror}") from None

    def compile(self, path: str | Path, target: str = "host", force: bool = False) -> Manifest:
        """Compiles for a target preset, and writes the artifact folder `path`.

        Raises ArtifactError if the folder exists and `force` is not set, TargetError and CompileError.
        """
        return write_artifact(self.job(find_target(target)), Path(path), force=force)
