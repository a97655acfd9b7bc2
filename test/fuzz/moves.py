"""Ops that move numbers: pads, slices, indices, resizing; and tensor literals."""

import math
from dataclasses import dataclass

import torch
from fuzz.base import Bounded, Op, Shape, Sizes
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, repr=False)
class Pad(Op):
    """(low, high) an axis, below zero to crop; `mode` is torch.nn.functional.pad's."""

    mode: str
    sizes: tuple[tuple[int, int], ...]
    value: float = 0.0

    def module(self, shape: Shape) -> nn.Module:
        return _Pad(self)


@dataclass(frozen=True, repr=False)
class Slice(Op):
    """(first, behind the last, step) of each axis but the first; the channels are one."""

    ranges: tuple[tuple[int, int, int], ...]

    def module(self, shape: Shape) -> nn.Module:
        return _Fn(lambda x: x[(slice(None), *(slice(*each) for each in self.ranges))])


@dataclass(frozen=True, repr=False)
class Pick(Op):
    """A list of indices along an axis; `tensor`: as a tensor that forward makes."""

    axis: int
    indices: Sizes
    tensor: bool = False

    def module(self, shape: Shape) -> nn.Module:
        before = (slice(None),) * self.axis
        if self.tensor:
            return _Fn(lambda x: torch.index_select(x, self.axis, torch.tensor(self.indices, device=x.device)))
        return _Fn(lambda x: x[(*before, list(self.indices))])


@dataclass(frozen=True, repr=False)
class Flip(Op):
    """The axes the other way round."""

    axes: Sizes

    def module(self, shape: Shape) -> nn.Module:
        return _Fn(lambda x: x.flip(*self.axes))


@dataclass(frozen=True, repr=False)
class Roll(Op):
    """Along axes, by so many each."""

    axes: Sizes
    shifts: Sizes

    def module(self, shape: Shape) -> nn.Module:
        return _Fn(lambda x: torch.roll(x, self.shifts, self.axes))


@dataclass(frozen=True, repr=False)
class Shuffle(Op):
    """Channels in so many groups change places."""

    groups: int

    def module(self, shape: Shape) -> nn.Module:
        return _Fn(lambda x: x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2))


@dataclass(frozen=True, repr=False)
class PixelShuffle(Op):
    """Channels go to places in a step of each axis; the channels of a place lie apart, or side by side."""

    steps: Sizes
    together: bool

    def module(self, shape: Shape) -> nn.Module:
        return _Fn(self._moved)

    def _moved(self, x: torch.Tensor) -> torch.Tensor:
        n, c, *size = x.shape
        axes, left = range(len(size)), c // math.prod(self.steps)
        split = (*self.steps, left) if self.together else (left, *self.steps)
        first, channel = (1, 1 + len(size)) if self.together else (2, 1)
        places = [axis for i in axes for axis in (2 + len(size) + i, first + i)]
        joined = [extent * step for extent, step in zip(size, self.steps, strict=True)]
        return x.reshape(n, *split, *size).permute(0, channel, *places).reshape(n, left, *joined)


@dataclass(frozen=True, repr=False)
class Shift(Op):
    """The first `channels` channels one step along an axis, zeros behind them; the rest stays."""

    channels: int
    axis: int

    def module(self, shape: Shape) -> nn.Module:
        return _Fn(self._moved)

    def _moved(self, x: torch.Tensor) -> torch.Tensor:
        moved, rest = x.split([self.channels, x.shape[1] - self.channels], 1)
        flat = [0, 0] * (x.dim() - 1 - self.axis) + [0, 1]
        return torch.cat([F.pad(moved.narrow(self.axis, 1, x.shape[self.axis] - 1), flat), rest], 1)


@dataclass(frozen=True, repr=False)
class Resize(Op):
    """To a size; `mode` "nearest" or "linear", with its corners on corners or not. `by`: times that instead."""

    mode: str
    size: Sizes = ()
    corners: bool = False
    by: float = 0.0

    def module(self, shape: Shape) -> nn.Module:
        mode = ("linear", "bilinear", "trilinear")[len(shape) - 3] if self.mode == "linear" else self.mode
        corners = self.corners if self.mode == "linear" else None
        return nn.Upsample(self.size or None, self.by or None, mode, corners)


@dataclass(frozen=True, repr=False)
class Literal(Op):
    """x and numbers that forward writes down: "times", "plus", "most", "least", "where" it exceeds 1.

    One a channel, again from the first where they are fewer; a single one is a tensor of rank 0.
    """

    kind: str
    numbers: tuple[float, ...]

    def module(self, shape: Shape) -> nn.Module:
        return _Literal(self, shape)


class _Fn(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fn(x)


class _Pad(Bounded):
    def __init__(self, pad: Pad):
        super().__init__()
        self.flat = [size for pair in reversed(pad.sizes) for size in pair]
        self.mode, self.value = pad.mode, pad.value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pad(x, self.flat, self.mode, self.value if self.mode == "constant" else None)

    def make_positive(self) -> None:
        self.value = abs(self.value)


class _Literal(Bounded):
    def __init__(self, literal: Literal, shape: Shape):
        super().__init__()
        self.kind, numbers = literal.kind, literal.numbers
        channels, several = shape[1], len(numbers) > 1
        self.numbers = [numbers[i % len(numbers)] for i in range(channels)] if several else numbers[0]
        self.shape: Shape = (channels, *(1 for _ in shape[2:])) if several else ()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        literal = torch.tensor(self.numbers, dtype=x.dtype, device=x.device).view(self.shape)
        match self.kind:
            case "times":
                return x * literal
            case "plus":
                return x + literal
            case "most":
                return torch.minimum(x, literal)
            case "least":
                return torch.maximum(x, literal)
            case _:
                return torch.where(x > 1, x, literal)

    def make_positive(self) -> None:
        numbers = self.numbers
        self.numbers = [abs(n) for n in numbers] if isinstance(numbers, list) else abs(numbers)
        # A bound of either choice is the sum of both.
        self.kind = self.kind if self.kind == "times" else "plus"
