"""Masks and weights on disk, as safetensors.

A mask file holds one uint8 tensor (0 or 1) for each masked layer, under the parameter's name, and metadata:
format "rt3d-masks", version "1", group ("8x4"), sparsity ("kgs") and layers (JSON, name -> weight shape).
Where layers are transposed convolutions, version is "2", and transposed (JSON) lists them.
The same masks always give the same bytes, and a file appears under its name only when it is complete.
"""

# pyright: strict

import json
import operator
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.errors import ConfigError, MaskError, WeightError
from rt3d_mlir.sparsity import tensor_file
from rt3d_mlir.sparsity.groups import GroupSize
from rt3d_mlir.sparsity.mask_set import MaskSet
from rt3d_mlir.sparsity.patterns import Sparsity

_FORMAT, _PLAIN, _TRANSPOSED = "rt3d-masks", "1", "2"  # a reader of version 1 would take filters for channels
_AGAIN = "write the masks again with save_masks"


def save_masks(path: str | PathLike[str], mask_set: MaskSet) -> None:
    """Write `mask_set` to `path`, replacing what was there. Raises MaskError if that cannot be done."""
    metadata = {
        "format": _FORMAT,
        "version": _TRANSPOSED if mask_set.transposed else _PLAIN,
        "group": str(mask_set.group),
        "sparsity": str(mask_set.sparsity),
        "layers": json.dumps(mask_set.shapes, sort_keys=True),
    }
    if mask_set.transposed:
        metadata["transposed"] = json.dumps(sorted(mask_set.transposed))
    tensors = {name: mask.astype(np.uint8) for name, mask in mask_set.masks.items()}
    tensor_file.write(Path(path), tensors, metadata, MaskError)


def load_masks(path: str | PathLike[str]) -> MaskSet:
    """The masks that `save_masks` wrote, by name in sorted order.

    Raises MaskError, naming the file and the layer, for a file that is missing or damaged, for metadata of
    another kind, for a tensor that is not 0 and 1, and for a mask that does not fit its group and weights.
    """
    tensors, metadata = tensor_file.read(Path(path), MaskError)
    seen = (metadata.get("format"), metadata.get("version"))
    if seen not in ((_FORMAT, _PLAIN), (_FORMAT, _TRANSPOSED)):
        raise MaskError(
            f"{path}: metadata says format {seen[0]!r}, version {seen[1]!r}: "
            f"expected {_FORMAT!r}, version {_PLAIN!r} or {_TRANSPOSED!r}; {_AGAIN}"
        )
    for name, tensor in tensors.items():
        if tensor.dtype != np.uint8 or (tensor > 1).any():
            raise MaskError(
                f"{path}: {name}: {tensor.dtype} tensor with values up to {tensor.max(initial=0)}: "
                f"expected uint8, 0 or 1; {_AGAIN}"
            )
    try:
        return MaskSet(
            group=GroupSize.parse(metadata.get("group", "")),
            sparsity=Sparsity.parse(metadata.get("sparsity", "")),
            masks={name: tensors[name].astype(np.bool_) for name in sorted(tensors)},
            shapes=_layer_shapes(metadata.get("layers", "")),
            transposed=_names(metadata.get("transposed", "[]")),
        )
    except (ConfigError, MaskError) as error:
        raise MaskError(f"{path}: {error}; {_AGAIN}") from error


def save_weights(path: str | PathLike[str], weights: Mapping[str, NDArray[Any]]) -> None:
    """Write `weights` to `path`, replacing what was there. Raises WeightError if that cannot be done."""
    tensor_file.write(Path(path), weights, {}, WeightError)


def load_weights(path: str | PathLike[str]) -> dict[str, NDArray[Any]]:
    """All tensors of a safetensors file, by name in sorted order.

    Raises WeightError for a file that is missing or damaged, or holds a type that numpy lacks (bfloat16).
    """
    tensors, _ = tensor_file.read(Path(path), WeightError)
    return {name: tensors[name] for name in sorted(tensors)}


def check_finite(weights: Mapping[str, NDArray[Any]]) -> None:
    """Raise WeightError for the first layer with NaN or infinite values, with their number."""
    for name, weight in weights.items():
        bad = weight.size - np.count_nonzero(np.isfinite(weight))
        if bad:
            raise WeightError(
                f"{name}: {bad} of {weight.size} weights are NaN or infinite: expected finite numbers; "
                "use a checkpoint from before the training diverged"
            )


def _layer_shapes(text: str) -> dict[str, tuple[int, ...]]:
    """The `layers` metadata. Raises ConfigError unless it is a JSON object of lists of integers."""
    try:
        return {name: tuple(map(operator.index, shape)) for name, shape in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"layers {text[:80]!r}: expected JSON, layer name -> weight shape") from error


def _names(text: str) -> frozenset[str]:
    """The `transposed` metadata. Raises ConfigError unless it is a JSON list of texts."""
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in cast("list[Any]", names)):
        raise ConfigError(f"transposed {text[:80]!r}: expected JSON, a list of layer names")
    return frozenset(cast("list[str]", names))
