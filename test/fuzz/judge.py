"""Batches of networks through the floors and iree-compile, and what is wrong with their answers.

A batch is one export and one iree-compile a floor. Its networks are judged one by one: against PyTorch in float64, bit
for bit where no float32 sum of theirs can be rounded, else within a tolerance.
"""

import contextlib
import copy
import faulthandler
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import torch
from fuzz.nets import Net, Pool
from torch import nn

from rt3d_mlir import mlir_io
from rt3d_mlir.frontend.torch_import import import_torch

#: Of an output's range; what is added is ten times the error that PyTorch itself makes in that type.
TOLERANCES = {"f32": 1e-5, "f16": 5e-3, "winograd": 5e-5}
#: Whole numbers up to it are exact.
EXACT = {"f32": 2.0**24, "f16": 2.0**11}
LARGEST_F16 = 65504
#: Fresh memory is 3.4e38 everywhere, so that what is read before it is written shows.
DIRTY_MEMORY = {**os.environ, "MALLOC_PERTURB_": "128"}
#: Seconds in which a batch is imported and rewritten; iree-compile has a limit of its own.
PATIENCE = 300


@dataclass(frozen=True)
class Setting:
    """How a batch is compiled; `tile` forces Winograd."""

    group: str
    target: str = "host"
    dense: bool = False
    dtype: str = "f32"
    tile: int = 0

    @property
    def gpu(self) -> bool:
        return self.target.startswith("vulkan")

    @property
    def floors(self) -> tuple[str, ...]:
        """The last passes of floors 2 and 3; floor 2 in f32 is the same for all targets, and is run on the host."""
        if self.gpu:
            return ("schedule-vulkan",)
        portable = "narrow-f16" if self.dtype == "f16" else "winograd" if self.tile else "place-activations"
        return ("schedule-cpu",) if (self.target, self.dtype) == ("cortex-a76", "f32") else (portable, "schedule-cpu")


class StageError(Exception):
    """A batch that did not come to answers: at which stage, and why."""

    def __init__(self, stage: str, reason: str):
        super().__init__(stage, reason)
        self.stage, self.reason = stage, reason

    def __str__(self) -> str:
        return f"{self.stage}: {self.reason}"


@dataclass(frozen=True)
class Answers:
    """For each network what is wrong, "" where nothing is, and whether it had to be exact."""

    wrong: list[str]
    exact: list[bool]


def judge(nets: Sequence[Net], setting: Setting) -> Answers:
    """Compiles the networks as one module through all floors and compares. Raises StageError."""
    models = [drawn(net, setting) for net in nets]
    inputs = [drawn_input(net, setting) for net in nets]
    expectations = [Expectation(*case, setting) for case in zip(models, inputs, nets, strict=True)]
    wrong = [""] * len(nets)
    count = sum(len(expectation.outputs) for expectation in expectations)
    for floor, outputs in _run(models, inputs, count, setting):
        for i, expectation in enumerate(expectations):
            ours = [next(outputs) for _ in expectation.outputs]
            wrong[i] = wrong[i] or expectation.compare(ours, floor)
    return Answers(wrong, [expectation.exact for expectation in expectations])


def _run(
    models: Sequence[nn.Module], inputs: Sequence[torch.Tensor], count: int, setting: Setting
) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
    """Each floor, and its outputs of all models in a row, `count` of them."""
    several = numerics.Several({str(i): model for i, model in enumerate(models)})
    with _stage("import"), _watched(), ir.Context(), ir.Location.unknown():
        floor1 = mlir_io.to_text(*import_torch(several, tuple(inputs)))
    for floor in setting.floors:
        with tempfile.TemporaryDirectory() as folder:
            with _stage(f"passes up to {floor}"), _watched(), ir.Context(), ir.Location.unknown():
                text, _ = numerics.rewrite(
                    *mlir_io.parse_text(floor1, "floor 1"),
                    *(setting.group, floor, setting.target, setting.dense, setting.dtype, setting.tile),
                )
            with _stage(f"iree-compile after {floor}"):
                path = numerics.compile_text(text, Path(folder), setting.target, floor)
            with _stage(f"run after {floor}"):
                run = numerics.load_process(path, count, setting.target, DIRTY_MEMORY)
                outputs = run([x.numpy() for x in inputs])
        yield floor, iter(outputs)


class Expectation:
    """What a network has to answer: PyTorch's numbers in float64, and how far from them is still right."""

    def __init__(self, model: nn.Module, x: torch.Tensor, net: Net, setting: Setting):
        self.outputs = numerics.reference(model, [x])
        largest = _largest(model, x)
        if setting.dtype == "f16" and largest > LARGEST_F16:
            self.outputs = [np.full_like(y, np.nan) for y in self.outputs]  # may overflow: nothing is expected
        steps = np.prod([np.prod(op.kernel) for op in net.walk() if isinstance(op, Pool) and op.kind == "avg"])
        self.exact = bool(net.kind != "random" and not setting.tile and largest * steps <= EXACT[setting.dtype])
        if self.exact:
            self.allowed = [0.0] * len(self.outputs)
        elif setting.tile:
            self.allowed = [TOLERANCES["winograd"] * largest] * len(self.outputs)
        else:
            self.allowed = [
                TOLERANCES[setting.dtype] * float(np.abs(y).max()) + 10 * float(np.abs(y - rounded).max())
                for y, rounded in zip(self.outputs, _rounded(model, x, setting.dtype), strict=True)
            ]

    def compare(self, ours: Sequence[np.ndarray], floor: str) -> str:
        """What is wrong with the answers of a floor, or ""."""
        for i, (y, expected, allowed) in enumerate(zip(ours, self.outputs, self.allowed, strict=True)):
            if y.shape != expected.shape or y.dtype != np.float32:
                return f"{floor}: output {i} is {y.dtype} {y.shape}, not float32 {expected.shape}"
            error = np.abs(y - expected)
            if not np.isnan(expected).all() and not (error <= allowed).all():
                at = tuple(map(int, np.unravel_index(np.nanargmax(np.where(np.isnan(error), np.inf, error)), y.shape)))
                count = int((~(error <= allowed)).sum())
                return (
                    f"{floor}: output {i}{list(at)} is {y[at]}, not {expected[at]}; allowed is {allowed:.2g}; "
                    f"{count} of {y.size} are wrong"
                )
        return ""


def drawn(net: Net, setting: Setting) -> nn.Module:
    """The network's module with its weights."""
    kind = "units" if (net.kind, setting.dtype) == ("integers", "f16") else net.kind
    return numerics.draw(net.module(), net.group, kind, net.seed)


def drawn_input(net: Net, setting: Setting) -> torch.Tensor:
    """The network's input."""
    kind = "units" if (net.kind, setting.dtype) == ("integers", "f16") else net.kind
    return numerics.draw_input(net.shape, "block" if kind == "ones" else kind, net.seed)


@torch.no_grad()
def _largest(model: nn.Module, x: torch.Tensor) -> float:
    """What no sum in any of the model's layers exceeds: the largest activation once all numbers are made positive."""
    model, seen = copy.deepcopy(model).double(), [1.0]
    for parameter in model.parameters():
        parameter.abs_()
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            assert layer.running_mean is not None
            layer.running_mean.abs_().neg_()
        layer.register_forward_hook(
            lambda _, __, y: seen.append(float(y.abs().max())) if isinstance(y, torch.Tensor) else None
        )
    model(x.abs().double())
    return max(seen)


@torch.no_grad()
def _rounded(model: nn.Module, x: torch.Tensor, dtype: str) -> list[np.ndarray]:
    """What PyTorch computes in float32, or with every layer's output rounded to float16."""
    if dtype == "f32":
        return [y.numpy() for y in model(x)]
    model = copy.deepcopy(model).half().double()
    for layer in model.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda _, __, y: y.half().double())
    return [y.numpy() for y in model(x.half().double())]


@contextlib.contextmanager
def _stage(name: str) -> Iterator[None]:
    """Whatever goes wrong inside is a StageError of that stage."""
    try:
        yield
    except Exception as error:
        raise StageError(name, f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """The process says where it is and ends if this takes too long: a pattern that always applies never comes back."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
