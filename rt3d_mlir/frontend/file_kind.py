"""What a file is, by its content: names mislead, and files are given where others are expected."""

import zipfile
from enum import StrEnum
from pathlib import Path

from rt3d_mlir.errors import ModelError

_BEGIN = 4096


class Kind(StrEnum):
    """What it is, as an error message says it."""

    PT2 = "a torch.export archive"
    OLD_PT2 = "a torch.export archive of an older PyTorch"
    TORCHSCRIPT = "TorchScript"
    TORCH_SAVE = "a file of torch.save"
    ONNX = "an ONNX model"
    MLIR = "MLIR text"
    MLIR_BYTECODE = "MLIR bytecode"
    SAFETENSORS = "a safetensors file"
    MODULE = "a compiled IREE module"
    ARTIFACT = "an artifact of rt3d-mlir-compile"
    TFLITE = "a TensorFlow Lite model"
    SAVED_MODEL = "a TensorFlow SavedModel"
    KERAS = "a Keras model"
    HDF5 = "an HDF5 file, as Keras writes them"
    ARRAYS = "a file of numpy arrays"
    PICKLE = "a pickle"
    PYTHON = "Python source"
    LFS = "a pointer of Git LFS, which stands for a file that was not downloaded"
    HTML = "a web page, as a download that failed leaves it"
    CUT = "a zip archive that was cut short"
    EMPTY = "empty"
    FOLDER = "a folder"
    UNKNOWN = "of no kind that is known here"


_MAGIC = {
    b"ML\xefR": Kind.MLIR_BYTECODE,
    b"\x89HDF": Kind.HDF5,
    b"PK\x03\x04": Kind.CUT,
    b"\x93NUMPY": Kind.ARRAYS,
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": Kind.TORCH_SAVE,  # before PyTorch 1.6
    b"version https://git-lfs": Kind.LFS,
}
_SUFFIXES = {".onnx": Kind.ONNX, ".mlir": Kind.MLIR, ".pt2": Kind.PT2, ".py": Kind.PYTHON}


def kind_of(path: Path) -> Kind:
    """What a file or folder is. Raises ModelError where there is none, or it cannot be read.

    Its suffix counts only where the content says nothing.
    """
    if path.is_dir():
        return _kind_of_folder(path)
    try:
        with path.open("rb") as file:
            begin = file.read(_BEGIN)
        kind = _kind_of_zip(path) if zipfile.is_zipfile(path) else _kind_of_bytes(begin, path.stat().st_size)
    except FileNotFoundError:
        raise ModelError(f"no such file: {path}") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    return _SUFFIXES.get(path.suffix.lower(), kind) if kind in (Kind.UNKNOWN, Kind.EMPTY, Kind.CUT) else kind


def _kind_of_folder(path: Path) -> Kind:
    if (path / "manifest.json").is_file():
        return Kind.ARTIFACT
    return Kind.SAVED_MODEL if (path / "saved_model.pb").is_file() else Kind.FOLDER


def _kind_of_zip(path: Path) -> Kind:
    """By its members; those of PyTorch's are in one folder, which has the name of the file that was written first."""
    with zipfile.ZipFile(path) as archive:
        members = set(archive.namelist())
    inside = {member.partition("/")[2] for member in members}
    if "archive_format" in inside or any(member.startswith("models/") for member in inside):
        return Kind.PT2
    if "serialized_exported_program.json" in members:
        return Kind.OLD_PT2
    if "data.pkl" in inside:
        return Kind.TORCHSCRIPT if any(member.startswith("code/") for member in inside) else Kind.TORCH_SAVE
    if "module.fb" in members:
        return Kind.MODULE
    if {"config.json", "metadata.json"} <= members:
        return Kind.KERAS
    return Kind.ARRAYS if members and all(member.endswith(".npy") for member in members) else Kind.UNKNOWN


def _kind_of_bytes(begin: bytes, size: int) -> Kind:
    if not begin.strip():
        return Kind.EMPTY
    for magic, kind in _MAGIC.items():
        if begin.startswith(magic):
            return kind
    if begin[4:8] == b"TFL3":
        return Kind.TFLITE
    if begin[8:9] == b"{" and int.from_bytes(begin[:8], "little") <= size - 8:
        return Kind.SAFETENSORS
    if begin[:1] == b"\x08" and begin[1] < 32 and begin[2:3] in (b"\x12", b"\x1a", b"\x22", b"\x3a", b"\x42"):
        return Kind.ONNX  # ir_version, and then one of the fields that may follow it
    if begin[:1] == b"\x80" and begin[1] in range(2, 6):
        return Kind.PICKLE
    return _kind_of_text(begin)


def _kind_of_text(begin: bytes) -> Kind:
    text = begin.decode("utf-8", errors="ignore")
    if text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        return Kind.HTML
    return Kind.MLIR if "func.func" in text or "builtin.module" in text else Kind.UNKNOWN
