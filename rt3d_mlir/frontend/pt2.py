"""torch.export `.pt2` archives, opened as data: nothing that an archive holds is run.

torch.export.load is no such thing. Besides pickles it starts native code (`data/aotinductor`), and it evaluates text:
symbolic sizes go through sympy, guards and names become Python source. So every way into the unpickler is closed but
torch.load(weights_only=True), and the program's text is checked before torch sees it.
"""

import json
import pickle
import re
import warnings
from pathlib import Path
from unittest import mock
from zipfile import BadZipFile, is_zipfile

import torch
from torch._export.serde import serialize
from torch.export import ExportedProgram
from torch.export.pt2_archive._package import load_pt2

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.source import TorchSource

_NAME = re.compile(r"[\w.]*")
_OPERATOR = re.compile(r"torch\.ops(\.\w+)+|_operator\.getitem")


def open_pt2(path: Path) -> TorchSource:
    """The program in an archive, with its own example inputs.

    Raises ModelError for a file that is missing or damaged, that only unsafe loading could read, or whose inputs are
    not float32 tensors of fixed shapes.
    """
    if not path.is_file():
        raise ModelError(f"no such file: {path}")
    if not is_zipfile(path):
        raise ModelError(f"{path} is not a torch.export archive, or was cut short: it is no zip file; export it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = _load(path)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} needs unsafe unpickling, which can run any code, and is refused ({_first_line(error)}); "
            "export plain tensors with torch.export.save"
        ) from None
    except (ArithmeticError, AssertionError, AttributeError, BadZipFile, EOFError, LookupError) as error:
        raise _unreadable(path, error) from None
    except (OSError, RuntimeError, TypeError, ValueError, serialize.SerializeError) as error:
        raise _unreadable(path, error) from None
    args = program.example_inputs
    if args is None or args[1]:
        raise ModelError(f"{path} holds no positional example inputs; export it with torch.export.export(model, args)")
    return TorchSource(program, args[0], path.name)


def _load(path: Path) -> ExportedProgram:
    torch_load, to_dataclass = torch.load, serialize._bytes_to_dataclass

    def weights_only(*args: object, **options: object) -> object:
        return torch_load(*args, **{**options, "weights_only": True})  # type: ignore[arg-type]

    def checked(kind: type, text: bytes) -> object:
        _check_text(json.loads(text))
        return to_dataclass(kind, text)

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
    return program


def _check_text(value: object, key: str = "") -> None:
    """Raises ValueError for text of a program that torch would evaluate."""
    if isinstance(value, dict):
        if "expr_str" in value:
            raise ValueError("it has dynamic shapes; export it with fixed ones")
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
