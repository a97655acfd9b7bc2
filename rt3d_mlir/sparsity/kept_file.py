"""Which blocks each pruned layer of a compiled module keeps, as a small safetensors file of the artifact folder.

A tensor a layer, uint8: the bits of its mask, eight to a byte (numpy.packbits), in the order of [P, Q, Kd, Kh, Kw].
Metadata: format "rt3d-kept", version "1", and layers (JSON, name -> group and shape). Unlike the masks that a model is
pruned with, these are in the module's own groups, which may differ by layer, and in its order of filters. The same
blocks always give the same bytes.
"""

# pyright: strict

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from rt3d_mlir.errors import ArtifactError, ConfigError
from rt3d_mlir.sparsity import tensor_file
from rt3d_mlir.sparsity.groups import GroupSize
from rt3d_mlir.sparsity.masks import Mask

_FORMAT, _VERSION = "rt3d-kept", "1"


@dataclass(frozen=True, eq=False)
class Kept:
    """A layer's blocks: keep[P, Q, Kd, Kh, Kw], True where the gM x gN weights of `group` are in the module."""

    group: GroupSize
    mask: Mask


def save_kept(path: Path, layers: Mapping[str, Kept]) -> None:
    """Writes `path`. Raises ArtifactError if that cannot be done."""
    facts = {name: {"group": str(kept.group), "shape": kept.mask.shape} for name, kept in layers.items()}
    metadata = {"format": _FORMAT, "version": _VERSION, "layers": json.dumps(facts, sort_keys=True)}
    bits = {name: np.packbits(kept.mask) for name, kept in layers.items()}
    tensor_file.write(path, bits, metadata, ArtifactError)


def load_kept(path: Path) -> dict[str, Kept]:
    """What `save_kept` wrote, by layer. Raises ArtifactError for a file that is missing, damaged or of another kind."""
    tensors, metadata = tensor_file.read(path, ArtifactError)
    seen = (metadata.get("format"), metadata.get("version"))
    if seen != (_FORMAT, _VERSION):
        raise ArtifactError(
            f"{path}: metadata says format {seen[0]!r}, version {seen[1]!r}: expected {_FORMAT!r}, version "
            f"{_VERSION!r}; compile again"
        )
    try:
        facts: dict[str, dict[str, Any]] = json.loads(metadata.get("layers", ""))
        return {name: _unpacked(tensors[name], **facts[name]) for name in sorted(tensors)}
    except (ConfigError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"{path}: layers and tensors do not fit each other ({error}); compile again") from error


def _unpacked(bits: np.ndarray[Any, Any], group: str, shape: list[int]) -> Kept:
    """Raises ValueError or TypeError where the bits are not those of a 5D mask of that shape."""
    if bits.dtype != np.uint8 or len(shape) != 5 or bits.shape != (-(-prod(shape) // 8),):
        raise ValueError(f"{bits.dtype} tensor of shape {bits.shape} for a mask of {shape}")
    return Kept(GroupSize.parse(group), np.unpackbits(bits, count=prod(shape)).reshape(shape).astype(np.bool_))
