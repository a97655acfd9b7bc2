"""MODEL of the command line: a name of the zoo, a torch.export `.pt2`, or an `.mlir` file."""

import pickle
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from unittest import mock
from zipfile import BadZipFile, is_zipfile

import iree.compiler.ir as ir
import torch

from rt3d_mlir import mlir_io, models
from rt3d_mlir.errors import InputError, ModelError, did_you_mean
from rt3d_mlir.frontend.source import MlirSource, Source, TorchSource, check_input_shapes

_INPUT = re.compile(r"tensor<((?:\d+x)+)f32>")


def open_source(model: str, input_shape: Sequence[int] | None = None) -> Source:
    """The model behind MODEL, for inputs of `input_shape` (default: its own).

    A zoo model has seeded random weights. Raises ModelError for an unknown name or a damaged file, InputError for a
    shape the model cannot take.
    """
    path = Path(model)
    if path.suffix == ".pt2":
        source: Source = _open_pt2(path)
    elif path.suffix == ".mlir":
        source = _open_mlir(path)
    elif path.suffix or "/" in model:
        raise ModelError(f"{model}: expected a zoo model ({', '.join(models.names())}), a .pt2 or an .mlir file")
    else:
        return _open_zoo(model, input_shape)
    if input_shape is not None:
        check_input_shapes(source, [tuple(input_shape)])
    return source


def _open_zoo(name: str, input_shape: Sequence[int] | None) -> Source:
    if name not in models.names():
        known = ", ".join(models.names())
        raise ModelError(
            f"no model is called '{name}'{did_you_mean(name, models.names())} known: {known}, or a .pt2 or .mlir"
        )
    shape = tuple(input_shape or models.input_shape(name))
    if len(shape) != 5 or shape[1] != 3:
        text = "x".join(map(str, shape))
        raise InputError(f"{name} takes clips of Nx3xTxHxW (as 1x3x16x112x112), not {text}")
    options = {"clip": shape[2:]} if name == "c3d" else {}
    try:
        model = models.build(name, **options)
        models.count_macs(model, shape)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{name} cannot take clips of {'x'.join(map(str, shape))}: {error}") from None
    return TorchSource(model, (torch.zeros(shape),), name)


def _open_pt2(path: Path) -> Source:
    if not path.is_file():
        raise ModelError(f"no such file: {path}")
    if not is_zipfile(path):
        raise ModelError(f"{path} is not a torch.export archive, or was cut short: it is no zip file; export it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = _load_without_pickle(path)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} needs unsafe unpickling, which can run any code, and is refused ({_first_line(error)}); "
            "export plain tensors with torch.export.save"
        ) from None
    except (BadZipFile, RuntimeError, ValueError, KeyError, AssertionError, OSError, EOFError) as error:
        raise ModelError(f"{path} cannot be read by torch.export.load: {_first_line(error)}") from None
    args = program.example_inputs
    if args is None or args[1]:
        raise ModelError(f"{path} holds no positional example inputs; export it with torch.export.export(model, args)")
    return TorchSource(program, args[0], path.name)


def _load_without_pickle(path: Path) -> torch.export.ExportedProgram:
    """torch.export.load, with every way into the unpickler closed but torch.load(weights_only=True).

    torch.export.load itself falls back to full unpickling for tensor subclasses and script objects.
    """
    torch_load = torch.load

    def weights_only(*args: object, **options: object) -> object:
        return torch_load(*args, **{**options, "weights_only": True})  # type: ignore[arg-type]

    def refuse(*_args: object, **_options: object) -> None:
        raise pickle.UnpicklingError("it holds pickled Python objects")

    with (
        mock.patch("torch.load", weights_only),
        mock.patch("pickle.loads", refuse),
        mock.patch("torch._C._pickle_load_obj", refuse, create=True),
    ):
        return torch.export.load(path)


def _open_mlir(path: Path) -> Source:
    with ir.Context(), ir.Location.unknown():
        module, table = mlir_io.read(path)
        functions = [op for op in module.body.operations if op.operation.name == "func.func"]
        main = [op for op in functions if ir.StringAttr(op.attributes["sym_name"]).value == "main"]
        if not main:
            raise ModelError(f"{path} has no function @main; expected linalg on tensors, as torch-mlir writes it")
        kinds = [str(kind) for kind in ir.FunctionType(ir.TypeAttr(main[0].attributes["function_type"]).value).inputs]
        shapes = []
        for kind in kinds:
            match = _INPUT.fullmatch(kind)
            if match is None:
                raise ModelError(f"{path}: @main takes {kind}; expected static f32 tensors (linalg on tensors)")
            shapes.append(tuple(int(dim) for dim in match[1].rstrip("x").split("x")))
        return MlirSource(mlir_io.without_numbers(module), {key: table[key] for key in table}, shapes, path.name)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
