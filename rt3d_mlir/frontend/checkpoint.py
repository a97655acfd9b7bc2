"""A checkpoint's tensors against the parameters of the model they are for."""

from collections.abc import Mapping

import numpy as np

from rt3d_mlir import models
from rt3d_mlir.errors import WeightError, did_you_mean


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
    """The checkpoint as float32 where the model is.

    Raises WeightError, naming the file and the layer, for a name the model does not have, one that the checkpoint
    lacks, or another shape. Batch norm counters, which no forward pass reads, may be missing.
    """
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
