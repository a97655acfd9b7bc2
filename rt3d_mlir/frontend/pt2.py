"""torch.export `.pt2` archives, opened as data: nothing that an archive holds is run.

torch.export.load is no such thing. Besides pickles it starts native code (`data/aotinductor`), and it evaluates text:
symbolic sizes go through sympy, guards and names become Python source. So every way into the unpickler is closed but
torch.load(weights_only=True), and the program's text is checked before torch sees it.
"""

import json
import pickle
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock
from zipfile import BadZipFile, is_zipfile

import torch
from torch._export.serde import serialize
from torch.export import ExportedProgram
from torch.export.pt2_archive._package import load_pt2

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.open_sizes import Shape, fix_sizes, fixed_program
from rt3d_mlir.frontend.torch_source import TorchSource

_NAME = re.compile(r"[\w.]*")
#: Of Python's operators those that compute sizes.
_OPERATOR = re.compile(r"torch\.ops(\.\w+)+|_operator\.(getitem|add|sub|mul|floordiv|mod|neg|eq|ne|lt|le|gt|ge)")


def open_pt2(path: Path, input_shape: Sequence[int] | None = None) -> TorchSource:
    """The program in an archive, with its own example inputs; open sizes are fixed, with a note (open_sizes).

    Raises ModelError for a file that is missing or damaged, or that only unsafe loading could read; InputError
    for inputs of types that a module cannot take.
    """
    if not path.is_file():
        raise ModelError(f"no such file: {path}")
    if not is_zipfile(path):
        raise ModelError(f"{path} is not a torch.export archive, or was cut short: it is no zip file; export it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program, fixed = _load(path, input_shape)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} needs unsafe unpickling, which can run any code, and is refused ({_first_line(error)}); "
            "export plain tensors with torch.export.save"
        ) from None
    except (ArithmeticError, AssertionError, AttributeError, BadZipFile, EOFError, LookupError) as error:
        raise _unreadable(path, error) from None
    except (OSError, RuntimeError, TypeError, ValueError, serialize.SerializeError) as error:
        raise _unreadable(path, error) from None
    if program.example_inputs is None:
        raise ModelError(f"{path} holds no example inputs; export it with torch.export.export(model, args)")
    args, kwargs = program.example_inputs
    source = TorchSource(program, args, path.name, kwargs)
    if fixed and input_shape is None:
        shapes = ", ".join("x".join(map(str, shape)) for shape in fixed)
        source.notes.append(f"{path.name} has open sizes; it is compiled for {shapes}, --input-shape chooses another")
    return source


def _load(path: Path, input_shape: Sequence[int] | None) -> tuple[ExportedProgram, list[Shape]]:
    """The program, and the shapes of its inputs where some were open."""
    fixed: list[Shape] = []
    torch_load, to_dataclass = torch.load, serialize._bytes_to_dataclass

    def weights_only(*args: Any, **options: Any) -> object:
        return torch_load(*args, **{**options, "weights_only": True})

    def checked(kind: type, text: bytes) -> object:
        data = json.loads(text)
        _check_text(data)
        fixed.extend(fix_sizes(data, input_shape, path.name))
        return to_dataclass(kind, json.dumps(data).encode())

    def refuse(*_args: object, **_options: object) -> None:
        raise pickle.UnpicklingError("it holds pickled objects or native code")

    with (
        mock.patch("torch.load", weights_only),
        mock.patch("pickle.loads", refuse),
        mock.patch("torch._C._pickle_load_obj", refuse, create=True),
        mock.patch("torch.export.pt2_archive._package._load_aoti", refuse),
        mock.patch("torch._export.serde.serialize._bytes_to_dataclass", checked),
    ):
        programs = load_pt2(str(path)).exported_programs
    if list(programs) != ["model"]:
        raise ValueError(f"it holds {len(programs)} programs, expected one called 'model'")
    program = programs["model"]
    program._guards_code = []  # Python source; fixed shapes need no guards
    return (fixed_program(program, fixed) if fixed else program), fixed


def _check_text(value: object, key: str = "") -> None:
    """Raises ValueError for text of a program that torch would evaluate, but for sizes, which are replaced."""
    if isinstance(value, dict):
        if "as_operator" in value:
            raise ValueError("it passes an operator as an argument; export a plain model")
        for name, entry in value.items():
            _check_text(entry, name)
    elif isinstance(value, list):
        for entry in value:
            _check_text(entry, key)
    elif isinstance(value, str):
        if key == "target" and not _OPERATOR.fullmatch(value):
            raise ValueError(f"it calls {value[:80]!r}; expected torch.ops only")
        if key.endswith(("name", "names")) and not _NAME.fullmatch(value):
            raise ValueError(f"it names something {value[:80]!r}; expected letters, digits, _ and dots")


def _unreadable(path: Path, error: BaseException) -> ModelError:
    return ModelError(f"{path} cannot be read as a torch.export archive: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
