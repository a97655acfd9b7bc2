"""Batches of networks through the floors and iree-compile, and what is wrong with their answers.

A batch is one export and one iree-compile a floor. Its networks are judged one by one.
"""

import contextlib
import faulthandler
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import torch
from fuzz.expectation import Expectation, as_cast, drawn, drawn_inputs
from fuzz.nets import Net
from torch import nn

from rt3d_mlir.frontend.boundary import cast_boundary
from rt3d_mlir.frontend.program import export_program, in_float32, output_types
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.ir_io import mlir_io

#: Fresh memory is 3.4e38 everywhere, so that what is read before it is written shows.
DIRTY_MEMORY = {**os.environ, "MALLOC_PERTURB_": "128"}
#: Seconds in which a batch is imported and rewritten; iree-compile has a limit of its own.
PATIENCE = 300


@dataclass(frozen=True)
class Setting:
    """How a batch is compiled; `tile` forces Winograd. `last`: floor 3 alone, where that would be all in f32."""

    group: str
    target: str = "host"
    dense: bool = False
    dtype: str = "f32"
    tile: int = 0
    last: bool = False

    @property
    def gpu(self) -> bool:
        return self.target.startswith("vulkan")

    def fitted(self, net: Net) -> Net:
        """The network with what the target has: GPUs have no float64."""
        return replace(net, takes="float32") if self.gpu and net.takes == "float64" else net

    @property
    def floors(self) -> tuple[str, ...]:
        """The last passes of floors 2 and 3; floor 2 in f32 is the same for all targets, and is run on the host."""
        if self.gpu:
            return ("schedule-vulkan",)
        if self.last:
            return ("schedule-cpu",)
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
    nets = [setting.fitted(net) for net in nets]
    models = [drawn(net, setting.dtype) for net in nets]
    given = [drawn_inputs(net, setting.dtype) for net in nets]
    taken = [as_cast(net, inputs) for net, inputs in zip(nets, given, strict=True)]
    cases = zip(models, taken, nets, strict=True)
    expectations = [Expectation(*case, setting.dtype, setting.tile) for case in cases]
    wrong = [""] * len(nets)
    count = sum(len(expectation.outputs) for expectation in expectations)
    for floor, outputs in _run(models, given, taken, count, setting):
        for i, expectation in enumerate(expectations):
            ours = [next(outputs) for _ in expectation.outputs]
            wrong[i] = wrong[i] or expectation.compare(ours, floor)
    return Answers(wrong, [expectation.exact for expectation in expectations])


class Several(nn.Module):
    """Models side by side, one export and one iree-compile for all of them; `counts`: how many inputs each takes."""

    def __init__(self, models: Sequence[nn.Module], counts: Sequence[int]):
        super().__init__()
        self.models, self.counts = nn.ModuleList(models), counts

    def forward(self, *inputs: torch.Tensor) -> list:
        rest = iter(inputs)
        return [
            model(*(next(rest) for _ in range(count))) for model, count in zip(self.models, self.counts, strict=True)
        ]


def _run(
    models: Sequence[nn.Module],
    given: Sequence[Sequence[torch.Tensor]],
    taken: Sequence[Sequence[torch.Tensor]],
    count: int,
    setting: Setting,
) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
    """Each floor, and its outputs of all models in a row, `count` of them."""
    arrays = [x.numpy() for inputs in given for x in inputs]
    with _stage("import"), _watched():
        floor1 = _import(
            Several(models, [len(inputs) for inputs in given]), [x for inputs in taken for x in inputs], arrays
        )
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
                outputs = run(arrays)
        yield floor, iter(outputs)


def _import(model: nn.Module, taken: Sequence[torch.Tensor], given: Sequence[np.ndarray]) -> str:
    """Floor 1, which takes what is `given` and casts it to what the model has `taken`: as TorchSource does it."""
    exported = export_program(model, tuple(taken))
    outputs = [str(kind).removeprefix("torch.") for kind in output_types(exported)]
    with ir.Context(), ir.Location.unknown():
        module, weights = import_torch(in_float32(exported))
        cast_boundary(module, [str(x.dtype) for x in given], outputs)
        return mlir_io.to_text(module, weights)


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
