"""Runs a PyTorch module through the passes up to a floor, compiles it, and compares it with PyTorch in float64."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aarch64
import compiler
import iree.compiler.ir as ir
import iree.runtime as iree
import numpy as np
import torch
import vulkan
from torch import nn

from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.iree.command import compile_command
from rt3d_mlir.passes.floor2.winograd import Winograd
from rt3d_mlir.passes.framework.base import Note, State
from rt3d_mlir.passes.pipeline import default_pipeline, run_pipeline
from rt3d_mlir.sparsity import GroupSize, expand
from rt3d_mlir.targets import GpuTarget, Target, find_target

#: The last pass of each floor that is checked: 1 with the folds, 2 without and with the layout, 3.
FLOORS = ("fuse-epilogue", "pack-kgs", "place-activations", "schedule-cpu")

#: Of the kinds that are whole numbers.
LARGEST_WEIGHT = {"integers": 2, "units": 1}

Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


class Several(nn.Module):
    """Modules side by side, one input and one output each: one export and one iree-compile for all of them."""

    def __init__(self, parts: dict[str, nn.Module]):
        super().__init__()
        self.parts = nn.ModuleDict(parts)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(part(x) for part, x in zip(self.parts.values(), inputs, strict=True))


@dataclass(frozen=True)
class Built:
    """A model at one floor: its IR as text, what the passes refused, and a function that runs it."""

    text: str
    notes: list[Note]
    run: Run


def build(
    model: nn.Module,
    inputs: Sequence[torch.Tensor],
    folder: Path,
    group: str = "8x4",
    upto: str = "schedule-cpu",
    target: str = "host",
    dense: bool = False,
    dtype: str = "f32",
    tile: int = 0,
    choose: bool = False,
    limits: Mapping[str, int] | None = None,
) -> Built:
    """`model` after the pass `upto`, compiled for `target` into `folder`; a `tile` forces Winograd where it can be.

    `upto` a schedule means a whole compile, with the passes that follow it. `limits` replace fields of the preset.
    """
    with ir.Context(), ir.Location.unknown():
        text, notes = rewrite(
            *import_torch(model, tuple(inputs)), group, upto, target, dense, dtype, tile, choose, limits
        )
    path = compile_text(text, folder, target, upto)
    return Built(text, notes, _load(path) if target == "host" else load_process(path, len(inputs), target))


def rewrite(
    module: ir.Module,
    weights: WeightTable,
    group: str = "8x4",
    upto: str = "schedule-cpu",
    target: str = "host",
    dense: bool = False,
    dtype: str = "f32",
    tile: int = 0,
    choose: bool = False,
    limits: Mapping[str, int] | None = None,
) -> tuple[str, list[Note]]:
    """A module of the current context after the pass `upto`, and what the passes refused; the options are `build`'s."""
    preset, state = replace(find_target(target), **(limits or {})), State(weights)
    passes = default_pipeline(GroupSize.parse(group), preset, dense, dtype, winograd=False, choose=choose)
    if tile:
        assert not isinstance(preset, GpuTarget), "Winograd has no GPU kernels"
        passes.insert([step.name for step in passes].index("schedule-cpu"), Winograd(preset, tile))
    names = [step.name for step in passes]
    end = len(names) if upto.startswith("schedule-") else names.index(upto) + 1
    run_pipeline(module, passes[:end], state)
    return mlir_io.to_text(module, weights), state.notes


def compile_text(text: str, folder: Path, target: str = "host", upto: str = "schedule-cpu") -> Path:
    """What iree-compile makes of it, in `folder`. It is parsed again: a file of rt3d-mlir-opt must be as good."""
    with ir.Context(), ir.Location.unknown():  # handles of one context have unique names, so a new one
        mlir_io.write_bytecode(*mlir_io.parse_text(text, "to_text"), folder / "module.mlirbc")
    # IREE computes float64 as float32 unless told, and then its module takes and gives that.
    wide = ["--iree-input-demote-f64-to-f32=false"] if "f64>" in text else []
    interpreted = not re.search(r"\bf(16|64)\b|xf(16|64)>|fptosi", text)
    _compile(folder, [*_flags(find_target(target), upto, interpreted), *wide])
    return folder / "module.vmfb"


def compare(
    model: nn.Module,
    x: torch.Tensor,
    folder: Path,
    group: str = "8x4",
    upto: str = "schedule-cpu",
    target: str = "host",
    dense: bool = False,
) -> tuple[float, Built]:
    """The largest error of one model on one input, relative to the reference's range, and what was built."""
    built = build(model, [x], folder, group, upto, target, dense)
    ours = built.run([x.numpy()])
    expected = reference(model, [x])
    return max(relative_error(a, b) for a, b in zip(ours, expected, strict=True)), built


@torch.no_grad()
def reference(model: nn.Module, inputs: Sequence[torch.Tensor]) -> list[np.ndarray]:
    """What PyTorch computes in float64."""
    outputs = model.double()(*(x.double() for x in inputs))
    model.float()  # the weights as they were: float32 fits float64
    return [y.numpy() for y in (outputs if isinstance(outputs, tuple) else (outputs,))]


def relative_error(ours: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute error over the reference's range; NaN where only one of the two is finite."""
    assert ours.shape == expected.shape
    scale = float(np.abs(expected).max()) or 1.0
    return float(np.abs(ours - expected).max()) / scale


@torch.no_grad()
def draw(model: nn.Module, group: str, kind: str, seed: int = 0) -> nn.Module:
    """Gives the model seeded weights and prunes its convs as their `density` and `empty_rows` say.

    "integers": small ones, so that sums are exact in float32; "units": -1, 0 and 1, so in float16 too. "ones".
    "random": normal, with batch norm statistics to match.
    """
    rng = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if kind == "ones":
            parameter.fill_(1)
        elif kind in LARGEST_WEIGHT:
            most = LARGEST_WEIGHT[kind]
            parameter.copy_(torch.randint(-most, most + 1, parameter.shape, generator=rng))
        else:
            parameter.normal_(0, (1 / max(1, parameter[0].numel())) ** 0.5, generator=rng)
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(0, 1, generator=rng)  # type: ignore[union-attr]
            layer.running_var.uniform_(0.3, 3, generator=rng)  # type: ignore[union-attr]
        if getattr(layer, "empty_rows", False):
            layer.weight[: GroupSize.parse(group).m] = 0  # type: ignore[index]
        if getattr(layer, "density", 1.0) < 1:
            _prune(layer, group, seed)
    return model.eval()


def draw_input(shape: Sequence[int], kind: str, seed: int = 0) -> torch.Tensor:
    """ "integers", "units", "random", or a "block" of ones in zeros, off the centre."""
    rng = torch.Generator().manual_seed(seed + 1)
    if kind in LARGEST_WEIGHT:
        most = LARGEST_WEIGHT[kind] + (kind == "integers")
        return torch.randint(-most, most + 1, tuple(shape), generator=rng).float()
    if kind == "random":
        return torch.randn(tuple(shape), generator=rng)
    x = torch.zeros(tuple(shape))
    x[tuple(slice(size // 3, size // 3 + max(1, size // 2)) for size in shape)] = 1
    return x


def _prune(layer: nn.Module, group: str, seed: int) -> None:
    """Zeros all but a share of the layer's groups' locations; a tiny share leaves one."""
    size, density = GroupSize.parse(group), layer.density
    rng = np.random.default_rng(seed)
    keep = rng.random(size.mask_shape(layer.weight.shape)) < density
    if density > 0 and not keep.any():
        keep.reshape(-1)[rng.integers(keep.size)] = True
    layer.weight.mul_(torch.from_numpy(expand(keep, layer.weight.shape, size)))


def _flags(target: Target, upto: str, interpreted: bool) -> list[str]:
    """Floors 1 and 2 have nothing of a target in them. On the host they run on IREE's interpreter, which compiles in
    half the time and shares no code generator with floor 3; it has no f16 and no f64, and rounds
    where it makes whole numbers of floats, so not where those are. What is computed from constants stays where it is.
    """
    if upto in ("schedule-cpu", "schedule-vulkan"):
        return target.iree_flags
    if target.name == "host" and interpreted:
        interpreter = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=vmvx"]
        return [*interpreter, "--iree-opt-const-expr-hoisting=false"]
    generic = [f for f in target.iree_flags if "target-cpu" not in f]
    return [*generic, "--iree-llvmcpu-target-cpu=generic", "--iree-opt-const-expr-hoisting=false"]


def _compile(folder: Path, flags: list[str]) -> None:
    command = compiler.quick(compile_command(folder / "module.mlirbc", folder / "module.vmfb", flags))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[:4000]


def load_process(path: Path, outputs: int, target: str, environment: Mapping[str, str] = os.environ) -> Run:
    """A function that runs a module with that many results in a process of its own, emulated where it has to be."""
    if isinstance(find_target(target), GpuTarget):
        return vulkan.load(path, outputs, environment)
    if target != "host":
        return aarch64.load(path, outputs)
    return aarch64.process([str(Path(sys.executable).with_name("iree-run-module"))], path, outputs, environment)


def _load(path: Path) -> Run:
    config = iree.Config("local-sync")
    entry = iree.load_vm_module(iree.VmModule.mmap(config.vm_instance, str(path)), config)["main"]

    def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        result = entry(*inputs)
        return [array.to_host() for array in (result if isinstance(result, tuple) else (result,))]

    return run
