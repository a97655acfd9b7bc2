"""What rt3d-mlir-compile leaves behind: a folder with a module, its golden data and a manifest.

DIR/module.vmfb             the program
DIR/manifest.json           what it is, what it was made with, and a sha256 of every file
DIR/golden/input_0.npy      one input per entry of `inputs`, in order
DIR/golden/output_0.npy     what PyTorch answers to it
DIR/kept.safetensors        the blocks that pruned layers keep, where there are any (rt3d_mlir.sparsity.kept_file)
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from rt3d_mlir.errors import ArtifactError
from rt3d_mlir.files import write
from rt3d_mlir.runtime.golden import GOLDEN_LIMITS

FORMAT, VERSION = "rt3d-artifact", 1
MODULE, MANIFEST, KEPT = "module.vmfb", "manifest.json", "kept.safetensors"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of the entry function; `dtype` is numpy's name ("float32")."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape))} {self.dtype}"


@dataclass(frozen=True)
class Layer:
    """What became of one layer; `reason` says why when it is not `packed`, and is empty otherwise."""

    name: str
    weight_shape: tuple[int, ...]
    macs_before: int
    macs_after: int
    kept_share: float
    packed: bool
    reason: str


@dataclass(frozen=True)
class Fate:
    """Where an op of the model went, how many of its MACs are left, and why.

    `where` is "packed", "fused" (into the ops `into`), "folded" or "left" (to IREE). It is "inserted" for a conversion
    that is no op of the model. `bytes` are those that its kernels and IREE's code for it read and write in memory.
    `seconds` is an estimate for one core (rt3d_mlir.targets.rates). `macs_off`, `bytes_off` and `seconds_off` are
    the parts of these that are off the packed path. `in_part` says that the op is packed or fused, but that a part of
    it is left to IREE. Old manifests have none of these numbers.
    """

    name: str
    kind: str
    macs: int
    where: str
    into: list[str]
    reason: str
    macs_off: int = 0
    bytes: int = 0
    bytes_off: int = 0
    seconds: float = 0.0
    seconds_off: float = 0.0
    in_part: bool = False


#: Fields of Fate that old manifests have not.
_COSTS = ("macs_off", "bytes", "bytes_off", "seconds", "seconds_off", "in_part")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The contents of manifest.json.

    `dtype` is the type that weights and activations are stored as, f32 or f16, whatever the inputs and outputs are.
    `tolerance` is the largest absolute error that is allowed on the golden data; it is the number for iree-run-module's
    --expected_f32_threshold. `tools` maps rt3d_mlir, iree_compiler, torch_mlir and torch to versions, and onnx for an
    .onnx. `files` maps each file's path, relative to the folder, to its sha256 in hex. `sparsity` holds at least the
    group ("8x4"). `arena` is the number of bytes for activations that a loaded module keeps; it is 0 if they are
    allocated in each call. `ops` says what became of each op. Old manifests have neither.
    """

    tools: dict[str, str]
    model: str
    target: str
    triple: str
    cpu: str
    dtype: str = "f32"
    tolerance: float = 1e-4
    device: str = "local-task"
    arena: int = 0
    entry: str = "main"
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    files: dict[str, str]
    layers: list[Layer]
    sparsity: dict[str, Any]
    ops: list[Fate] = field(default_factory=list)

    def write(self, folder: str | Path) -> None:
        """Writes `folder`/manifest.json: the same manifest gives the same bytes, and never half of them."""
        data = {"format": FORMAT, "version": VERSION, **asdict(self)}
        write(Path(folder) / MANIFEST, json.dumps(data, sort_keys=True, indent=2) + "\n")

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Reads `folder`/manifest.json. Raises ArtifactError when it is not there or not a manifest."""
        path = Path(folder) / MANIFEST
        data = _read_json(path)
        for key, expected in (("format", FORMAT), ("version", VERSION)):
            if data.get(key) != expected:
                seen = data.get(key)
                raise ArtifactError(f"{path}: {key} is {seen!r}, expected {expected!r}; compile again")
        known = _select(cls, {"arena": 0, "ops": [], **data}, str(path))
        for key in ("tools", "files", "sparsity"):
            if not isinstance(known[key], dict):
                raise ArtifactError(f"{path}: {key} is not an object; compile again")
        for key in ("model", "target", "triple", "cpu", "dtype", "device", "entry"):
            if not isinstance(known[key], str):
                raise ArtifactError(f"{path}: {key} is not a string; compile again")
        if not isinstance(known["arena"], int):
            raise ArtifactError(f"{path}: arena is not a number of bytes; compile again")
        if known["dtype"] not in GOLDEN_LIMITS:
            names = ", ".join(GOLDEN_LIMITS)
            raise ArtifactError(f"{path}: dtype is {known['dtype']!r}, expected one of {names}; compile again")
        known["inputs"] = _read_list(TensorSpec, known["inputs"], "shape", f"{path}: inputs")
        known["outputs"] = _read_list(TensorSpec, known["outputs"], "shape", f"{path}: outputs")
        known["layers"] = _read_list(Layer, known["layers"], "weight_shape", f"{path}: layers")
        known["ops"] = [Fate(**each) for each in _objects(Fate, known["ops"], f"{path}: ops", _COSTS)]
        return cls(**known)


def tool_versions() -> dict[str, str]:
    """The installed versions that belong into :attr:`Manifest.tools`."""
    packages = {
        "rt3d_mlir": "rt3d-mlir",
        "iree_compiler": "iree-base-compiler",
        "torch_mlir": "torch-mlir",
        "torch": "torch",
    }
    return {tool: metadata.version(package) for tool, package in packages.items()}


def sha256_file(path: str | Path) -> str:
    """The file's sha256 in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: str | Path, manifest: Manifest) -> None:
    """Raises ArtifactError for the first file that is missing or changed since it was compiled."""
    if MODULE not in manifest.files:
        raise ArtifactError(f"{Path(folder) / MANIFEST}: files has no sha256 of {MODULE}; compile again")
    for name, expected in sorted(manifest.files.items()):
        path = Path(folder) / name
        if not path.is_file():
            raise ArtifactError(f"{name} is missing from {folder}; compile again")
        seen = sha256_file(path)
        if seen != expected:
            raise ArtifactError(
                f"{name} changed since it was compiled: sha256 is {seen}, the manifest says {expected}; "
                "compile again. A .vmfb is a program: do not run one you do not trust"
            )


def _read_json(path: Path) -> dict[str, Any]:
    folder = path.parent
    if not folder.is_dir():
        raise ArtifactError(f"no artifact folder at {folder}; rt3d-mlir-compile -o {folder} makes one")
    if not path.is_file():
        raise ArtifactError(f"{folder} has no {MANIFEST}: it is not an artifact of rt3d-mlir-compile")
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read as JSON: {error}; compile again") from None
    if not isinstance(data, dict):
        raise ArtifactError(f"{path} is not a JSON object; compile again")
    return data


def _select(cls: type, data: dict[str, Any], where: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The entries of `data` that are fields of `cls`; keys that a later version adds are passed over."""
    names = [field.name for field in fields(cls)]
    missing = [name for name in names if name not in data and name not in optional]
    if missing:
        raise ArtifactError(f"{where} lacks {', '.join(missing)}; compile again")
    return {name: data[name] for name in names if name in data}


def _objects(cls: type, data: object, where: str, optional: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The fields of `cls` of each object in a list."""
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise ArtifactError(f"{where} is not a list of objects; compile again")
    return [_select(cls, entry, f"{where}[{i}]", optional) for i, entry in enumerate(data)]


def _read_list(cls: type, data: object, shape: str, where: str) -> list[Any]:
    entries = _objects(cls, data, where)
    for i, entry in enumerate(entries):
        if not isinstance(entry[shape], list) or not all(isinstance(n, int) for n in entry[shape]):
            raise ArtifactError(f"{where}[{i}]: {shape} is not a list of whole numbers; compile again")
    return [cls(**{**entry, shape: tuple(entry[shape])}) for entry in entries]
