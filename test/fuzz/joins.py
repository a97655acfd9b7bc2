"""Pools, branches and gates."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from fuzz.activations import ACTIVATIONS
from fuzz.base import Op, Shape, Sizes, chain, of_rank
from torch import nn


@dataclass(frozen=True, repr=False)
class Pool(Op):
    """A "max" or "avg" pool; "adaptive": an average pool whose output has the size `kernel`."""

    kind: str
    kernel: Sizes
    stride: Sizes = ()
    padding: Sizes = ()
    ceil: bool = False
    include_pad: bool = True

    def module(self, shape: Shape) -> nn.Module:
        rank = len(self.kernel)
        if self.kind == "adaptive":
            return of_rank("AdaptiveAvgPool", rank)(self.kernel)
        stride, padding = self.stride or self.kernel, self.padding or (0,) * rank
        if self.kind == "max":
            return of_rank("MaxPool", rank)(self.kernel, stride, padding, ceil_mode=self.ceil)
        return of_rank("AvgPool", rank)(self.kernel, stride, padding, self.ceil, self.include_pad)


@dataclass(frozen=True, repr=False)
class Join(Op):
    """Branches from one value: "add"ed, "mul"tiplied or "cat"enated; an empty branch is the value itself."""

    kind: str
    branches: tuple[tuple[Op, ...], ...]
    act: str = ""

    def module(self, shape: Shape) -> nn.Module:
        return _Join(self.kind, [chain(ops, shape) for ops in self.branches], ACTIVATIONS[self.act]())

    def inner(self) -> tuple[Op, ...]:
        return tuple(op for branch in self.branches for op in branch)


@dataclass(frozen=True, repr=False)
class Gate(Op):
    """Squeeze-excite: each channel times a number in [0, 1] that all means decide, by a bottleneck."""

    squeezed: int
    hard: bool = False

    def module(self, shape: Shape) -> nn.Module:
        rank = len(shape) - 2
        layer = of_rank("Conv", rank)
        return _Gate(
            of_rank("AdaptiveAvgPool", rank)(1),
            nn.Sequential(layer(shape[1], self.squeezed, 1), nn.ReLU(), layer(self.squeezed, shape[1], 1)),
            nn.Hardsigmoid() if self.hard else nn.Sigmoid(),
        )


@dataclass(frozen=True, repr=False)
class Squeeze(Op):
    """Drops a depth of 1: what follows is 2D."""

    def module(self, shape: Shape) -> nn.Module:
        return nn.Flatten(1, 2)


class _Join(nn.Module):
    def __init__(self, kind: str, branches: Sequence[nn.Module], act: nn.Module):
        super().__init__()
        self.kind, self.branches, self.act = kind, nn.ModuleList(branches), act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [branch(x) for branch in self.branches]
        if self.kind == "cat":
            return self.act(torch.cat(parts, 1))
        return self.act(parts[0] * parts[1] if self.kind == "mul" else parts[0] + parts[1])


class _Gate(nn.Module):
    def __init__(self, mean: nn.Module, bottleneck: nn.Module, gate: nn.Module):
        super().__init__()
        self.mean, self.bottleneck, self.gate = mean, bottleneck, gate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(self.bottleneck(self.mean(x)))
