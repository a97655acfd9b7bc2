"""MODEL of the command line: a name of the zoo, or `package.module:factory`."""

import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from rt3d_mlir import models
from rt3d_mlir.errors import ModelError, did_you_mean
from rt3d_mlir.frontend.checkpoint import fit_checkpoint, read_checkpoint


def open_model(
    name: str,
    num_classes: int,
    clip_shape: Sequence[int],
    seed: int = 0,
    width: int | None = None,
    label_shape: Sequence[int] = (),
) -> nn.Module:
    """A model with `num_classes` logits for clips of `clip_shape` (C, T, H, W), float32, random weights from `seed`.

    With a `label_shape` (T, H, W) it has so many for each position. A zoo model gets what it has to know of the clip,
    its size (C3D) or its channels (those that segment), and `width`, the channels of its first layer, where
    that is given. A factory is called with those of `num_classes`, `clip` = (T, H, W) and `width` that it takes by
    name. Raises ModelError for an unknown name, a factory that fails, and a model that does not fit the clips.
    """
    if ":" in name:
        model = _from_factory(name, num_classes, clip_shape, seed, width)
    elif name in models.names():
        options = models.options_for(name, (1, *clip_shape))
        try:
            model = models.build(name, num_classes, seed, **options, **({"width": width} if width else {}))
        except TypeError as error:
            raise ModelError(f"{name} takes no width ({error}); leave --width out") from error
    else:
        known = ", ".join(models.names())
        near = did_you_mean(name, models.names())
        raise ModelError(f"no model is called '{name}'; known: {known}, or package.module:factory{near}")
    _check(model, name, (2, num_classes, *label_shape), clip_shape)
    return model


def load_checkpoint(model: nn.Module, path: str) -> None:
    """Puts the weights of a file (`read_checkpoint`) into the model. Raises WeightError where they do not fit."""
    own = {key: tensor.detach().cpu().numpy() for key, tensor in model.state_dict().items()}
    fitted = fit_checkpoint(read_checkpoint(path), own, path)
    model.load_state_dict({key: torch.from_numpy(np.array(array)) for key, array in {**own, **fitted}.items()})


def numpy_weights(model: nn.Module) -> dict[str, np.ndarray]:
    """All parameters and buffers by name, on the host; what `save_weights` writes and `rt3d-mlir-compile` takes."""
    return {key: tensor.detach().cpu().numpy() for key, tensor in model.state_dict().items()}


def _from_factory(name: str, num_classes: int, clip_shape: Sequence[int], seed: int, width: int | None) -> nn.Module:
    factory = _find(name)
    offered: dict[str, Any] = {"num_classes": num_classes, "clip": tuple(clip_shape[1:])}
    if width:
        offered["width"] = width
    try:
        taken = inspect.signature(factory).parameters
        options = {key: value for key, value in offered.items() if key in taken}
        if width and "width" not in options:
            raise ModelError(f"{name} takes no width; leave --width out")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = factory(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{name} cannot be called with {', '.join(offered)}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{name} gives {type(model).__name__}, expected a torch.nn.Module")
    return model


def _find(name: str) -> Callable[..., object]:
    module, _, attribute = name.partition(":")
    if "" not in sys.path:  # a console script does not see the current folder, as `python -m` does
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(f"{name} cannot be imported: {error}; expected package.module:factory") from error
    if not callable(found):
        raise ModelError(f"{name} is {type(found).__name__}, expected something to call that returns a model")
    return found


def _check(model: nn.Module, name: str, expected: tuple[int, ...], clip_shape: Sequence[int]) -> None:
    """One pass on meta tensors, which cost nothing: the model must take the clips and tell the classes apart."""
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    meta = {key: tensor.detach().to("meta") for key, tensor in state.items()}
    shown = "x".join(map(str, clip_shape))
    training = model.training
    try:
        with torch.no_grad():
            logits = functional_call(model.eval(), meta, (torch.empty((2, *clip_shape), device="meta"),))
    except (RuntimeError, ValueError, TypeError, IndexError, ModelError) as error:
        raise ModelError(f"{name} cannot take clips of {shown}: {error}") from error
    finally:
        model.train(training)
    seen = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if seen != expected:
        by_position = len(expected) == 2 and isinstance(seen, tuple) and len(seen) == 5
        cure = "; a net that segments is trained with a label for each position, y_train (N, T, H, W)" * by_position
        raise ModelError(f"{name} answers two clips with {seen}, expected logits of shape {expected}{cure}")
