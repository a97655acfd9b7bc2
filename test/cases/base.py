"""What small networks of the tests are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Case:
    """A network and its input's shape. `exact`: on integers its float32 result has no rounding."""

    model: nn.Module
    shape: tuple[int, ...]
    exact: bool = True


class Net(nn.Module):
    """Layers and what they compute together: `Net(lambda net, x: net.a(x) + net.b(x), a=..., b=...)`."""

    def __init__(self, compute: Callable[["Net", torch.Tensor], torch.Tensor], **layers: nn.Module):
        super().__init__()
        self.compute = compute
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.compute(self, x)


def conv(
    n: int,
    m: int,
    kernel: int | Sequence[int] = 3,
    density: float = 1.0,
    empty_rows: bool = False,
    **options: object,
) -> nn.Conv3d:
    """A conv that remembers how it is to be pruned once its weights are drawn; `empty_rows` prunes filters 0 to 7."""
    layer = nn.Conv3d(n, m, kernel, **options)  # type: ignore[arg-type]
    layer.density, layer.empty_rows = density, empty_rows  # type: ignore[assignment]
    return layer


def conv2d(n: int, m: int, kernel: int | Sequence[int] = 3, density: float = 1.0, **options: object) -> nn.Conv2d:
    """`conv` of two dimensions."""
    layer = nn.Conv2d(n, m, kernel, **options)  # type: ignore[arg-type]
    layer.density = density  # type: ignore[assignment]
    return layer


def depthwise(channels: int, kernel: int | Sequence[int] = 3, multiplier: int = 1, **options: object) -> nn.Conv3d:
    """A conv with a group for each channel."""
    return conv(channels, channels * multiplier, kernel, groups=channels, **options)


def relu_after(layer: nn.Module) -> nn.Module:
    return nn.Sequential(layer, nn.ReLU())


def flat(*parts: torch.Tensor) -> torch.Tensor:
    return torch.cat([part.flatten(1) for part in parts], 1)


def residual(net: Net, y: torch.Tensor) -> torch.Tensor:
    return F.relu(net.b(y) + y)
