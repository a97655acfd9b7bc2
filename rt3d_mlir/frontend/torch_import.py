"""PyTorch to linalg on tensors, by torch-mlir; weights stay in numpy and keep their parameter names."""

import contextlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
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
from rt3d_mlir.frontend.empty_parts import drop_empty_parts
from rt3d_mlir.frontend.model_ops import torch_ops, with_locations
from rt3d_mlir.frontend.program import export_program, first_words, tensors_only
from rt3d_mlir.frontend.scalars import round_scalars
from rt3d_mlir.ir_io.mlir_io import parse_text
from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.iree import internals

#: What `with_locations` makes of an op's key, as torch-mlir prints it.
_LOCATION = re.compile(r'(?:loc\()?"([^"]+)":1:0\)?: ')


class _SideTable(fx_importer.FxImporterHooks):
    """Gives every tensor constant a name as resource key, and keeps its numbers in numpy.

    A parameter's or buffer's name is its own. The default path goes through Python lists: four times the memory and
    minutes for 78 M parameters.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._values: dict[str, torch_ir.Attribute] = {}

    def resolve_literal(self, gni: object, literal: object, info: Any) -> object:
        if not isinstance(literal, torch.Tensor) or literal.numel() <= 1:
            return None
        name = f"constant_{len(self.arrays)}" if info is None else info.input_spec.target
        if name not in self.arrays:
            self.arrays[name] = np.ascontiguousarray(literal.detach().cpu().numpy())
            kind = fx_importer.create_mlir_tensor_type(literal)
            self._values[name] = torch_ir.DenseResourceElementsAttr.get_from_buffer(self.arrays[name], name, kind)
        result = internals.literal_type(gni, literal)
        value = {"value": self._values[name]}
        return torch_ir.Operation.create("torch.vtensor.literal", [result], attributes=value).result


def import_torch(
    model: torch.nn.Module | ExportedProgram, args: tuple[object, ...] = ()
) -> tuple[ir.Module, WeightTable]:
    """The model as floor 1, function `main`, in the current iree.compiler context; locations are keys of `torch_ops`.

    `args` are a module's inputs. Raises ModelError where torch.export or torch-mlir cannot take the model, with their
    first words, and for a model that keeps a state.
    """
    hooks = _SideTable()
    program = export_program(model, args) if isinstance(model, torch.nn.Module) else model
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch, "stderr")
        try:
            with quiet(scratch, log):
                module = fx.export_and_import(
                    tensors_only(with_locations(program)),
                    decomposition_table={},  # with_locations did it
                    output_type="torch",
                    func_name="main",
                    hooks=hooks,
                    experimental_support_mutation=True,
                )
                lower_to_linalg(module)
        except ModelError:
            raise
        except Exception as error:  # torch-mlir raises anything
            said = _with_the_op(first_words(error, log.read_text(errors="replace")), program)
            raise ModelError(f"torch-mlir cannot lower this model: {said}") from error
    text = module.operation.get_asm(enable_debug_info=True, large_resource_limit=0, large_elements_limit=None)
    parsed, weights = parse_text(text, "torch-mlir's output")
    round_scalars(parsed)
    drop_empty_parts(parsed)
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
