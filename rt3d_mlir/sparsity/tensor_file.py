"""Named arrays and text metadata as safetensors files, written whole or not at all, always the same bytes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rt3d_mlir import files
from rt3d_mlir.errors import Rt3dError


def read(path: Path, error: type[Rt3dError]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The tensors and metadata of `path`; raises `error` if it is missing, damaged or of no numpy type."""
    if not path.is_file():
        raise error(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as cause:
        raise error(f"{path}: not a complete safetensors file ({cause}); copy or save it again") from cause
    except (TypeError, AttributeError) as cause:  # numpy has no bfloat16 or float8
        raise error(f"{path}: {cause}; save the tensors as float32") from cause


def write(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str], error: type[Rt3dError]) -> None:
    """Writes `path`, or replaces it; raises `error` where that cannot be done."""
    try:
        # safetensors copies memory as it lies, so a transposed array must be laid out first.
        blob = save({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()})
        files.write(path, _with_metadata(blob, metadata))
    except (SafetensorError, OSError) as cause:
        raise error(f"{path}: cannot be written: {cause}") from cause


def _with_metadata(blob: bytes, metadata: dict[str, str]) -> bytes:
    """Safetensors bytes with sorted metadata added; the library's own order changes from call to call."""
    end = 8 + int.from_bytes(blob[:8], "little")
    header = {"__metadata__": metadata, **json.loads(blob[8:end])}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start on a multiple of 8
    return len(text).to_bytes(8, "little") + text + blob[end:]
