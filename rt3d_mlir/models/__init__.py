"""The zoo: 3D CNNs of the RT3D paper, before it and after, and nets that segment, as plain PyTorch, and their cost."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from rt3d_mlir.errors import ModelError, did_you_mean
from rt3d_mlir.memory import check_memory
from rt3d_mlir.models.c3d import C3D
from rt3d_mlir.models.macs import count_macs, transposed_weights
from rt3d_mlir.models.meshnet import MeshNet
from rt3d_mlir.models.movinet import MoViNet
from rt3d_mlir.models.s3d import S3D
from rt3d_mlir.models.unet3d import UNet3D
from rt3d_mlir.models.video_resnet import MC3, R3D, R2Plus1D
from rt3d_mlir.models.x3d import X3D

__all__ = [
    "C3D",
    "MC3",
    "R3D",
    "S3D",
    "X3D",
    "MeshNet",
    "MoViNet",
    "R2Plus1D",
    "UNet3D",
    "build",
    "classes_in",
    "count_macs",
    "input_shape",
    "names",
    "options_for",
    "segments",
    "transposed_weights",
]

_Shape = tuple[int, int, int, int, int]

_MODELS: dict[str, tuple[Callable[..., nn.Module], _Shape]] = {
    "c3d": (C3D, (1, 3, 16, 112, 112)),
    "r2plus1d_18": (R2Plus1D, (1, 3, 16, 112, 112)),
    "r3d_18": (R3D, (1, 3, 16, 112, 112)),
    "mc3_18": (MC3, (1, 3, 16, 112, 112)),
    "s3d": (S3D, (1, 3, 16, 224, 224)),
    "s3d_ts1": (partial(S3D, time_stride=1), (1, 3, 16, 224, 224)),
    "s3d_torchvision": (partial(S3D, torchvision=True), (1, 3, 16, 224, 224)),
    "x3d_s": (X3D, (1, 3, 13, 160, 160)),
    "movinet_a0": (MoViNet, (1, 3, 50, 172, 172)),
    "unet3d": (UNet3D, (1, 1, 64, 64, 64)),
    "meshnet": (MeshNet, (1, 1, 64, 64, 64)),
}
#: Those that segment take any number of channels, and answer with a volume of logits a class.
_SEGMENTING = ("unet3d", "meshnet")


def names() -> list[str]:
    """The models that :func:`build` knows."""
    return list(_MODELS)


def input_shape(name: str) -> _Shape:
    """The model's usual input, float32: a clip (N, 3, T, H, W), or a volume (N, 1, D, H, W) for those that segment.

    Raises ModelError for an unknown name.
    """
    return _lookup(name)[1]


def segments(name: str) -> bool:
    """Whether the model answers with a volume of logits a class, and not with one logit a class."""
    return name in _SEGMENTING


def options_for(name: str, shape: Sequence[int]) -> dict[str, Any]:
    """What `build` has to be told of an input of `shape` (N, C, D, H, W): C3D its size, those that segment C."""
    if segments(name):
        return {"channels": shape[1]}
    return {"clip": tuple(shape[2:])} if name == "c3d" else {}


def build(name: str, num_classes: int | None = None, seed: int = 0, **options: object) -> nn.Module:
    """The model in eval mode, float32, with random weights that depend on `seed` alone.

    `num_classes` is by default what the model is mostly used for: UCF101's 101 for clips, 4 for `unet3d` and 3 for
    `meshnet`. `options` go to the model's constructor (`width=8`, `clip=(16, 32, 32)` for C3D). The weights are
    He-initialised, so activations stay in range through the net; biases and batch norm statistics are random
    too, so that a compiler which drops one is found out. torch's global random state is not touched.
    Raises ModelError for an unknown name, InputError for weights that are more than this machine's memory.
    """
    model_class, _ = _lookup(name)
    if num_classes is not None:
        check_memory([(num_classes,)], f"{num_classes} classes")  # or torch's 64 bits do not hold the number
        options["num_classes"] = num_classes
    with torch.device("meta"):  # skips PyTorch's own, global-state initialisation
        model = model_class(**options)
    said = name if num_classes is None else f"{name} for {num_classes} classes"
    check_memory([tensor.shape for tensor in model.state_dict().values()], said)
    model.to_empty(device="cpu")
    _randomize(model, torch.Generator().manual_seed(seed))
    return model.eval()


def classes_in(checkpoint: Mapping[str, np.ndarray], name: str) -> int | None:
    """The number of classes that a checkpoint of the model tells apart: the rows of its last layer.

    None where it has no such layer. Raises ModelError for an unknown name.
    """
    model_class, _ = _lookup(name)
    with torch.device("meta"):
        *_, last = model_class().state_dict()
    return len(checkpoint[last]) if last in checkpoint and checkpoint[last].ndim else None


def _lookup(name: str) -> tuple[Callable[..., nn.Module], _Shape]:
    if name not in _MODELS:
        known = ", ".join(_MODELS)
        raise ModelError(f"unknown model '{name}'{did_you_mean(name, _MODELS)} (known models: {known})")
    return _MODELS[name]


@torch.no_grad()
def _randomize(model: nn.Module, generator: torch.Generator) -> None:
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv3d | nn.Linear):
            fan_in = layer.weight[0].numel()
            layer.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            if layer.bias is not None:
                layer.bias.uniform_(-0.1, 0.1, generator=generator)
        elif isinstance(layer, nn.ConvTranspose3d):
            assert layer.bias is not None
            fan_in = layer.in_channels * prod(layer.kernel_size) / prod(layer.stride)
            layer.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            layer.bias.uniform_(-0.1, 0.1, generator=generator)
        elif isinstance(layer, nn.InstanceNorm3d):
            layer.weight.uniform_(0.75, 1.25, generator=generator)
            layer.bias.normal_(0, 0.1, generator=generator)
        elif isinstance(layer, nn.BatchNorm3d):
            layer.reset_running_stats()
            layer.weight.uniform_(0.75, 1.25, generator=generator)
            layer.bias.normal_(0, 0.1, generator=generator)
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.75, 1.25, generator=generator)
            if name.endswith("norm_c"):  # ends X3D's residual branches: 26 sums of equals would leave float16's range
                layer.weight.mul_(0.5)
        else:
            for gain in layer.parameters(recurse=False):  # MoViNet's, of residual branches
                gain.uniform_(0.25, 0.75, generator=generator)
