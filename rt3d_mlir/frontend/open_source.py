"""MODEL of the command line: a name of the zoo, or a file of torch.export, ONNX or MLIR, whatever it is called."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import iree.compiler.ir as ir
import torch

from rt3d_mlir import models
from rt3d_mlir.errors import InputError, ModelError, did_you_mean
from rt3d_mlir.files import is_there
from rt3d_mlir.frontend.file_kind import Kind, kind_of
from rt3d_mlir.frontend.model_ops import mlir_ops
from rt3d_mlir.frontend.no_model import refusal
from rt3d_mlir.frontend.source import MlirSource, ModelInput, Source, check_input_shapes
from rt3d_mlir.frontend.torch_source import TorchSource
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.ir_io.weights import ELEMENT_TYPES, resource_key
from rt3d_mlir.memory import check_memory

#: numpy's names of what @main may take; an i8 may be either sort, and is taken as what a camera gives.
_DTYPES = {kind: name for name, kind in ELEMENT_TYPES.items() if name != "int8"}
_INPUT = re.compile(rf"tensor<((?:\d+x)*)({'|'.join(_DTYPES)})>")


def open_source(model: str, input_shape: Sequence[int] | None = None, num_classes: int | None = None) -> Source:
    """The model behind MODEL, for inputs of `input_shape` (default: its own).

    A zoo model has seeded random weights and `num_classes` answers (default: its own); a file's are its own.
    Raises ModelError for an unknown name or a damaged file, InputError for a shape the model cannot take, and for
    `num_classes` of a file.
    """
    path = Path(model)
    if model in models.names() or not (path.suffix or "/" in model or is_there(path)):
        return _open_zoo(model, input_shape, num_classes)
    if num_classes is not None:
        raise InputError(f"--classes {num_classes}: {model} has classes of its own; expected a zoo model")
    source = _open_file(path, input_shape)
    if input_shape is not None:
        check_input_shapes(source, [tuple(input_shape)])
    return source


def _open_file(path: Path, input_shape: Sequence[int] | None) -> Source:
    """By its content, for a good file may have any name."""
    kind = kind_of(path)
    if kind == Kind.PT2:
        from rt3d_mlir.frontend.pt2 import open_pt2  # brings in most of torch's compiler

        return open_pt2(path, input_shape)
    if kind == Kind.ONNX:
        return _open_onnx(path, input_shape)
    if kind in (Kind.MLIR, Kind.MLIR_BYTECODE):
        return _open_mlir(path)
    raise refusal(path, kind)


def _open_zoo(name: str, input_shape: Sequence[int] | None, num_classes: int | None) -> Source:
    if name not in models.names():
        known = ", ".join(models.names())
        near = did_you_mean(name, models.names())
        raise ModelError(f"no model is called '{name}'; known: {known}, or a .pt2, .onnx or .mlir file{near}")
    shape = tuple(input_shape or models.input_shape(name))
    text, volumes = "x".join(map(str, shape)), models.segments(name)
    what, form = ("volumes", "NxCxDxHxW (as 1x1x64x64x64)") if volumes else ("clips", "Nx3xTxHxW (as 1x3x16x112x112)")
    if len(shape) != 5 or (not volumes and shape[1] != 3):
        raise InputError(f"{name} takes {what} of {form}, not {text}")
    check_memory([shape], f"{what} of {text}")
    options = models.options_for(name, shape)
    if num_classes is not None:
        options["num_classes"] = num_classes
    try:
        model = models.build(name, **options)
        models.count_macs(model, shape)
    except (ModelError, ValueError) as error:
        raise InputError(f"{name} cannot take {what} of {text}: {error.__cause__ or error}") from None
    return TorchSource(model, (torch.zeros(shape),), name)


def _open_onnx(path: Path, input_shape: Sequence[int] | None) -> Source:
    if importlib.util.find_spec("onnx") is None:
        raise ModelError(f"{path}: ONNX models need a package that is not installed: pip install 'rt3d-mlir[onnx]'")
    from rt3d_mlir.frontend.onnx_source import open_onnx

    return open_onnx(path, input_shape)


def _open_mlir(path: Path) -> Source:
    with ir.Context(), ir.Location.unknown():
        module, table = mlir_io.read(path)
        functions = [op for op in module.body.operations if op.operation.name == "func.func" and op.regions[0].blocks]
        main = [op for op in functions if ir.StringAttr(op.attributes["sym_name"]).value == "main"]
        if not main:
            raise ModelError(f"{path} has no function @main; expected linalg on tensors, as torch-mlir writes it")
        kinds = [str(kind) for kind in ir.FunctionType(ir.TypeAttr(main[0].attributes["function_type"]).value).inputs]
        inputs = []
        for kind in kinds:
            match = _INPUT.fullmatch(kind)
            if match is None:
                raise ModelError(f"{path}: @main takes {kind}; expected static tensors of {', '.join(_DTYPES)}")
            inputs.append(ModelInput(tuple(int(dim) for dim in match[1].split("x")[:-1]), _DTYPES[match[2]]))
        keys = _in_order_of_use(module)
        lost = [key for key in keys if key not in table]
        if lost:
            raise ModelError(f"{path} lacks the numbers of {lost[0]}, or was cut short; save it again")
        weights = {key: table[key] for key in keys}
        ops = mlir_ops(module)
        return MlirSource(mlir_io.without_numbers(module, locations=True), weights, inputs, ops, path.name)


def _in_order_of_use(module: ir.Module) -> list[str]:
    """The resource keys of a module in the order its layers run; the constants themselves may stand in any."""
    keys: dict[str, None] = {}

    def visit(op: ir.Operation) -> ir.WalkResult:
        for operand in op.operands:
            if isinstance(operand, ir.OpResult) and operand.owner.name == "arith.constant":
                key = resource_key(operand.owner.attributes["value"])
                if key is not None:
                    keys.setdefault(key)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return list(keys)
