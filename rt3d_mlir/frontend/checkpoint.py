"""A checkpoint's tensors, read without running anything, against the parameters of the model they are for."""

import pickle
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rt3d_mlir import models
from rt3d_mlir.errors import WeightError, did_you_mean
from rt3d_mlir.frontend.file_kind import Kind, kind_of
from rt3d_mlir.sparsity import load_weights

#: Where training code keeps the weights among other things, and what it puts in front of their names.
_PLACES = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")
_NO_WEIGHTS = (Kind.ONNX, Kind.HDF5, Kind.ARTIFACT, Kind.OLD_PT2, Kind.ARRAYS, Kind.LFS, Kind.HTML, Kind.CUT)


def read_checkpoint(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file, of what torch.save wrote of a state_dict, or of a .pt2, by name.

    Those of a training checkpoint are taken from its "state_dict", "model_state_dict" or "model". What all names begin
    with of DataParallel's `module.`, torch.compile's `_orig_mod.` and a wrapper's `model.` is left out. Raises
    WeightError where the file is missing, damaged, or holds anything that only unsafe unpickling could read; ModelError
    for a damaged .pt2 or a file that may not be read.
    """
    path = Path(path)
    kind = kind_of(path) if path.is_file() else Kind.UNKNOWN
    if kind in (Kind.TORCH_SAVE, Kind.PICKLE):
        tensors = _state_dict(_load(path), path)
    elif kind == Kind.PT2:
        from rt3d_mlir.frontend.pt2 import open_pt2  # brings in most of torch's compiler

        tensors = open_pt2(path).parameters
    elif kind == Kind.TORCHSCRIPT:
        line = f'torch.save(torch.jit.load("{path}").state_dict(), "weights.pt")'
        raise WeightError(f"{path} is {kind}, a program; where you trust it, take its weights out: {line}")
    elif kind in _NO_WEIGHTS:
        raise WeightError(f"{path} is {kind}; expected safetensors, or what torch.save wrote of a state_dict")
    else:
        tensors = load_weights(path)
    prefix = _common_prefix(tensors)
    return {name.removeprefix(prefix): array for name, array in tensors.items()}


def decide_classes(
    model: str, checkpoint: Mapping[str, np.ndarray] | None, path: str | None, asked: int | None
) -> int | None:
    """The classes of a zoo model: those `asked` for, or else those of its checkpoint; None where neither says.

    Raises WeightError where both say and disagree.
    """
    if not checkpoint or model not in models.names():
        return asked
    found = models.classes_in(checkpoint, model)
    if asked and found and asked != found:
        raise WeightError(f"{path} tells {found} classes apart, --classes says {asked}; leave --classes out")
    return asked or found


def fit_checkpoint(
    checkpoint: Mapping[str, np.ndarray], parameters: Mapping[str, np.ndarray], path: str
) -> dict[str, np.ndarray]:
    """The checkpoint of `read_checkpoint` as float32 where the model is, under the model's names.

    Raises WeightError, naming the file and the layer, for a name the model does not have, one that the checkpoint
    lacks, or another shape. Batch norm counters, which no forward pass reads, may be missing.
    """
    prefix = _common_prefix(parameters)
    checkpoint = {prefix + name: array for name, array in checkpoint.items()}
    for name, array in checkpoint.items():
        if name not in parameters:
            raise WeightError(f"{path}: the model has no parameter '{name}'{did_you_mean(name, parameters)}")
        if array.shape != parameters[name].shape:
            raise WeightError(f"{path}: {name} has shape {array.shape}, the model's is {parameters[name].shape}")
    missing = [name for name in parameters if name not in checkpoint and not name.endswith("num_batches_tracked")]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise WeightError(f"{path} has no '{missing[0]}'{more}; expected all parameters of the model")
    return {name: array.astype(parameters[name].dtype, copy=False) for name, array in checkpoint.items()}


def _load(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        line = f'torch.save(torch.load("{path}", weights_only=False).state_dict(), "weights.pt")'
        raise WeightError(
            f"{path} holds Python objects, a whole module for one: reading them can run any code, and is refused. "
            f"Where you trust it: {line}"
        ) from None
    except Exception as error:  # torch raises anything for a damaged file
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightError(f"{path} is damaged ({first[:300]}); save it again") from None


def _state_dict(found: Any, path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state_dict, or of the one that a training checkpoint holds. Raises WeightError where none is."""
    inside = [found[place] for place in _PLACES if isinstance(found, Mapping) and place in found]
    for candidate in [*inside, found]:
        if isinstance(candidate, Mapping):
            tensors = {name: value for name, value in candidate.items() if isinstance(value, torch.Tensor)}
            if tensors and all(isinstance(name, str) for name in tensors):
                return {name: _array(tensor) for name, tensor in tensors.items()}
    seen = f"a dict of {', '.join(map(repr, list(found)[:8]))}" if isinstance(found, Mapping) else type(found).__name__
    raise WeightError(
        f"{path} holds {seen}; expected a state_dict, or one under {', '.join(map(repr, _PLACES))}: "
        'torch.save(model.state_dict(), "weights.pt")'
    )


def _array(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        tensor = tensor.float()  # numpy has no bfloat16
    return tensor.to_dense().numpy() if tensor.is_sparse else tensor.numpy()


def _common_prefix(names: Iterable[str]) -> str:
    """What all names begin with of the wrappers' prefixes, one behind the other."""
    names, prefix = list(names), ""
    while names:
        found = [each for each in _PREFIXES if all(name.startswith(prefix + each) for name in names)]
        if not found:
            break
        prefix += found[0]
    return prefix
