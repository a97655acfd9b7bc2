"""Convs and linear layers, which have masks; transposed convs, which have none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from fuzz.activations import ACTIVATIONS
from fuzz.base import Op, Shape, Sizes, of_rank
from torch import nn
from torch.nn.utils import parametrizations


@dataclass(frozen=True, repr=False)
class Conv(Op):
    """A conv of as many dimensions as `kernel` has, with what follows it. `padding`: (low, high) an axis."""

    filters: int
    kernel: Sizes
    stride: Sizes = ()
    dilation: Sizes = ()
    padding: tuple[tuple[int, int], ...] = ()
    groups: int = 1
    bias: bool = False
    norm: bool = False
    act: str = ""
    density: float = 1.0

    def module(self, shape: Shape) -> nn.Module:
        rank = len(self.kernel)
        ones, padding = (1,) * rank, self.padding or ((0, 0),) * rank
        even = all(low == high for low, high in padding)
        layer = of_rank("Conv", rank)(
            *(shape[1], self.filters, self.kernel, self.stride or ones),
            padding=tuple(low for low, _ in padding) if even else 0,
            dilation=self.dilation or ones,
            groups=self.groups,
            bias=self.bias,
        )
        layer.density = self.density
        return nn.Sequential(
            *([] if even else [_zero_pad(padding)]),
            layer,
            *([of_rank("BatchNorm", rank)(self.filters)] if self.norm else []),
            *([ACTIVATIONS[self.act]()] if self.act else []),
        )


@dataclass(frozen=True, repr=False)
class WeightNorm(Op):
    """A conv whose weight is computed from a length and a direction a filter."""

    conv: Conv

    def module(self, shape: Shape) -> nn.Module:
        layers = self.conv.module(shape)
        for layer in layers.children():
            if getattr(layer, "density", 0):
                layer.density = 1.0  # type: ignore[assignment]
                parametrizations.weight_norm(layer)
        return layers


@dataclass(frozen=True, repr=False)
class Frames(Op):
    """A 2D conv on each frame of a clip."""

    conv: Conv

    def module(self, shape: Shape) -> nn.Module:
        return _Frames(self.conv.module((shape[0] * shape[2], shape[1], *shape[3:])))

    def inner(self) -> tuple[Op, ...]:
        return (self.conv,)


@dataclass(frozen=True, repr=False)
class Transposed(Op):
    """A transposed conv. `more`: its output padding."""

    filters: int
    kernel: Sizes
    stride: Sizes = ()
    padding: Sizes = ()
    more: Sizes = ()
    dilation: Sizes = ()
    groups: int = 1
    bias: bool = False
    act: str = ""
    norm: bool = False

    def module(self, shape: Shape) -> nn.Module:
        rank = len(self.kernel)
        ones, none = (1,) * rank, (0,) * rank
        layer = of_rank("ConvTranspose", rank)(
            *(shape[1], self.filters, self.kernel, self.stride or ones, self.padding or none, self.more or none),
            groups=self.groups,
            bias=self.bias,
            dilation=self.dilation or ones,
        )
        norm = [of_rank("BatchNorm", rank)(self.filters)] if self.norm else []
        return nn.Sequential(layer, *norm, *([ACTIVATIONS[self.act]()] if self.act else []))


@dataclass(frozen=True, repr=False)
class Linear(Op):
    """Flatten, and a linear layer of that many features (0: none)."""

    features: int
    bias: bool = False
    density: float = 1.0

    def module(self, shape: Shape) -> nn.Module:
        if not self.features:
            return nn.Flatten()
        layer = nn.Linear(math.prod(shape[1:]), self.features, bias=self.bias)
        layer.density = self.density  # type: ignore[assignment]
        return nn.Sequential(nn.Flatten(), layer)


def _zero_pad(padding: Sequence[tuple[int, int]]) -> nn.Module:
    flat = [size for pair in reversed(padding) for size in pair]
    return of_rank("ConstantPad", len(padding))(tuple(flat), 0.0)


class _Frames(nn.Module):
    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x.transpose(1, 2).flatten(0, 1))
        return y.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)
