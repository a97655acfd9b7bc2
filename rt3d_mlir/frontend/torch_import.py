"""PyTorch to linalg on tensors, by torch-mlir; weights stay in numpy and keep their parameter names."""

import contextlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import iree.compiler.ir as ir
import numpy as np
import torch
from torch.export import ExportedProgram
from torch_mlir import fx
from torch_mlir import ir as torch_ir
from torch_mlir.compiler_utils import OutputType, lower_mlir_module
from torch_mlir.extras import fx_importer

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.adaptive_pool import lower_adaptive_pools
from rt3d_mlir.frontend.depthwise_conv import lower_depthwise_convs
from rt3d_mlir.frontend.model_ops import torch_ops, with_locations
from rt3d_mlir.mlir_io import parse_text
from rt3d_mlir.weights import WeightTable

#: What `with_locations` makes of an op's key, as torch-mlir prints it.
_LOCATION = re.compile(r'(?:loc\()?"([^"]+)":1:0\)?: ')


class _SideTable(fx_importer.FxImporterHooks):
    """Gives every parameter and buffer its own name as resource key, and keeps its numbers in numpy.

    The default path goes through Python lists: four times the memory and minutes for 78 M parameters.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def resolve_literal(self, gni: object, literal: object, info: object) -> object:
        if info is None or not isinstance(literal, torch.Tensor) or literal.numel() <= 1:
            return None
        name = info.input_spec.target  # type: ignore[attr-defined]
        array = np.ascontiguousarray(literal.detach().cpu().numpy())
        self.arrays[name] = array
        kind = fx_importer.create_mlir_tensor_type(literal)
        value = torch_ir.DenseResourceElementsAttr.get_from_buffer(array, name, kind)
        result_type = info.ir_type  # type: ignore[attr-defined]
        return torch_ir.Operation.create("torch.vtensor.literal", [result_type], attributes={"value": value}).result


def export_program(model: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> ExportedProgram:
    """torch.export of the model in eval mode. Raises ModelError with torch's first words where it cannot."""
    model.eval()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.export's own deprecation notes are not the user's business
            return torch.export.export(model, args, strict=False)
    except Exception as error:  # torch raises anything here; what it says is all there is
        raise ModelError(f"torch.export cannot take this model: {first_words(error)}") from error


def import_torch(
    model: torch.nn.Module | ExportedProgram, args: tuple[torch.Tensor, ...]
) -> tuple[ir.Module, WeightTable]:
    """The model as floor 1, function `main`, in the current iree.compiler context; locations are keys of `torch_ops`.

    Raises ModelError where torch.export or torch-mlir cannot take the model, with their first words.
    """
    hooks = _SideTable()
    program = export_program(model, args) if isinstance(model, torch.nn.Module) else model
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch, "stderr")
        try:
            with quiet(scratch, log):
                module = fx.export_and_import(
                    with_locations(program),
                    *args,
                    decomposition_table={},  # with_locations did it
                    output_type="torch",
                    func_name="main",
                    hooks=hooks,
                    experimental_support_mutation=True,
                )
                lower_to_linalg(module)
        except Exception as error:  # so does torch-mlir
            said = _with_the_op(first_words(error, log.read_text(errors="replace")), program)
            raise ModelError(f"torch-mlir cannot lower this model: {said}") from error
    text = module.operation.get_asm(enable_debug_info=True, large_resource_limit=0, large_elements_limit=None)
    parsed, weights = parse_text(text, "torch-mlir's output")
    for name, array in hooks.arrays.items():
        if name not in weights:
            weights.add(name, array)
    return parsed, weights


def _with_the_op(said: str, program: ExportedProgram) -> str:
    """What torch-mlir said of a location: `conv3d 'layer1.conv': error: ...` for `loc("conv3d_1":1:0): error: ...`."""
    ops = torch_ops(program)
    place = _LOCATION.search(said)
    if place is None or place[1] not in ops:
        return said
    op = ops[place[1]]
    return f"{op.kind} '{op.name}': {said.replace(place[0], '', 1)}"


def lower_to_linalg(module: torch_ir.Module) -> None:
    """A module of torch-mlir's backend form to linalg on tensors, in place."""
    lower_depthwise_convs(module)
    lower_adaptive_pools(module)
    lower_mlir_module(False, OutputType.LINALG_ON_TENSORS, module)


@contextlib.contextmanager
def quiet(scratch: str, log: Path) -> Iterator[None]:
    """Keeps what torch-mlir leaves behind when it fails: a copy of the model in `scratch`, and its reasons in `log`.

    Its C++ side knows no sys.stderr, so the descriptor itself is turned.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with log.open("wb") as file, mock.patch("tempfile.tempdir", scratch), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.dup2(file.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def first_words(error: BaseException, log: str = "") -> str:
    """The line of an error text that names the problem: torch-mlir's `error:` line, else the first."""
    lines = [line.strip() for line in f"{error}\n{log}".splitlines() if line.strip()]
    named = [line for line in lines if re.search(r"\berror:", line)]
    return (named or lines or [type(error).__name__])[0][:300]
