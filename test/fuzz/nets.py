"""Descriptions of small networks, and the PyTorch modules that they stand for."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from fuzz.activations import Act
from fuzz.base import Described, Op, Shape, chain, walk
from fuzz.convs import Conv, Frames, Linear, Transposed, WeightNorm
from fuzz.joins import Gate, Join, Pool, Squeeze
from fuzz.moves import Flip, Literal, Pad, Pick, PixelShuffle, Resize, Roll, Shift, Shuffle, Slice
from fuzz.norms import Attention, Norm
from torch import nn

#: What a repr may name.
__all__ = [
    "Act",
    "Attention",
    "Conv",
    "Flip",
    "Frames",
    "Gate",
    "Join",
    "Linear",
    "Literal",
    "Meet",
    "Net",
    "Norm",
    "Pad",
    "Pick",
    "PixelShuffle",
    "Pool",
    "Resize",
    "Roll",
    "Shift",
    "Shuffle",
    "Slice",
    "Squeeze",
    "Transposed",
    "WeightNorm",
]


@dataclass(frozen=True, repr=False)
class Meet(Op):
    """Another input of the network: "add"ed, "mul"tiplied by one number a channel, "cat" `channels` of it, or a "mask".

    A mask is of bool, and keeps what it is true for. `takes` is the type of the others.
    """

    kind: str
    channels: int = 0
    takes: str = "float32"

    def other(self, shape: Shape) -> Shape:
        """The shape of the other input, where the first one has come to `shape`."""
        if self.kind == "mul":
            return (*shape[:2], *(1 for _ in shape[2:]))
        return (shape[0], self.channels, *shape[2:]) if self.kind == "cat" else shape

    def module(self, shape: Shape) -> nn.Module:
        return _Meet(self.kind)

    def after(self, shape: Shape) -> Shape:
        return (shape[0], shape[1] + self.channels, *shape[2:])


@dataclass(frozen=True, repr=False)
class Net(Described):
    """Ops in a row on an input of `shape`; op number `also` is a second output.

    `group` is the one that its masks have, which need not be the one that is packed by. `takes` is the type of the
    input; one of whole numbers is cast by the network itself (`casts`), or by the module for it. `gives`: the first
    output's "argmax" or "positive" in its place, its "total" beside it, or "none" beside it.
    """

    shape: Shape
    ops: tuple[Op, ...]
    also: int | None = None
    kind: str = "integers"
    group: str = "4x4"
    seed: int = 0
    takes: str = "float32"
    casts: bool = False
    gives: str = ""

    def module(self) -> nn.Module:
        return _Net(chain(self.ops, self.shape), self)

    def inputs(self) -> list[tuple[Shape, str]]:
        """The shape and the type of each."""
        found, shape = [(self.shape, self.takes)], self.shape
        for op in self.ops:
            if isinstance(op, Meet):
                # A model of another float takes that for all its floats.
                same = op.takes == "float32" and self.takes in ("float16", "float64")
                found.append((op.other(shape), self.takes if same else op.takes))
            shape = op.after(shape)
        return found

    def walk(self) -> Iterator[Op]:
        """All its ops, those of branches too."""
        yield from walk(self.ops)


class _Net(nn.Module):
    def __init__(self, ops: nn.Sequential, net: Net):
        super().__init__()
        self.ops, self.also, self.casts = ops, net.also, net.casts
        self.end = _End(net.gives)

    def forward(self, x: torch.Tensor, *others: torch.Tensor) -> tuple:
        second, rest = [], iter(others)
        if self.casts:
            x = x.to(next(self.parameters()).dtype)
        for i, op in enumerate(self.ops):
            x = op(x, next(rest)) if isinstance(op, _Meet) else op(x)
            if i == self.also:
                second.append(x)
        return (self.end(x), *second)


class _Meet(nn.Module):
    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        match self.kind:
            case "add":
                return x + other
            case "mul":
                return x * other
            case "mask":
                return x.masked_fill(~other, 0.0)
            case _:
                return torch.cat([x, other], 1)


class _End(nn.Module):
    def __init__(self, gives: str):
        super().__init__()
        self.gives = gives

    def forward(self, x: torch.Tensor) -> object:
        match self.gives:
            case "argmax":
                return x.argmax(1)
            case "positive":
                return {"positive": x > 0, "not": [x <= 0]}
            case "total":
                return x, x.abs().sum()
            case "none":
                return [x, None, 3]
            case _:
                return x
