"""Descriptions of small networks, and the PyTorch modules that they stand for.

A description is a value: it compares, and its repr is the Python that makes it, so a failing one can be read, pasted
and shrunk.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields

import torch
from torch import nn

Shape = tuple[int, ...]
Sizes = tuple[int, ...]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "hardswish": nn.Hardswish,
    "silu": nn.SiLU,
    "leaky": nn.LeakyReLU,
}


class Described:
    """A repr without the fields that have their default."""

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={value!r}"
            for field in fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, field.name)) != field.default or field.default is MISSING
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class Conv(Described):
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
        layer = (nn.Conv2d, nn.Conv3d)[rank - 2](
            *(shape[1], self.filters, self.kernel, self.stride or ones),  # type: ignore[arg-type]
            padding=tuple(low for low, _ in padding) if even else 0,  # type: ignore[arg-type]
            dilation=self.dilation or ones,  # type: ignore[arg-type]
            groups=self.groups,
            bias=self.bias,
        )
        layer.density = self.density  # type: ignore[assignment]
        return nn.Sequential(
            *([] if even else [_zero_pad(padding)]),
            layer,
            *([(nn.BatchNorm2d, nn.BatchNorm3d)[rank - 2](self.filters)] if self.norm else []),
            *([ACTIVATIONS[self.act]()] if self.act else []),
        )


@dataclass(frozen=True, repr=False)
class Pool(Described):
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
            return (nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[rank - 2](self.kernel)  # type: ignore[arg-type]
        stride, padding = self.stride or self.kernel, self.padding or (0,) * rank
        if self.kind == "max":
            return (nn.MaxPool2d, nn.MaxPool3d)[rank - 2](self.kernel, stride, padding, ceil_mode=self.ceil)
        return (nn.AvgPool2d, nn.AvgPool3d)[rank - 2](self.kernel, stride, padding, self.ceil, self.include_pad)  # type: ignore[arg-type]


@dataclass(frozen=True, repr=False)
class Join(Described):
    """Branches from one value, "add"ed or "cat"enated; an empty branch is the value itself."""

    kind: str
    branches: tuple[tuple["Op", ...], ...]
    act: str = ""

    def module(self, shape: Shape) -> nn.Module:
        return _Join(self.kind, [chain(ops, shape) for ops in self.branches], ACTIVATIONS[self.act]())


@dataclass(frozen=True, repr=False)
class Gate(Described):
    """Squeeze-excite: each channel times a number in [0, 1] that all means decide, by a bottleneck."""

    squeezed: int
    hard: bool = False

    def module(self, shape: Shape) -> nn.Module:
        layer = (nn.Conv2d, nn.Conv3d)[len(shape) - 4]
        return _Gate(
            (nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[len(shape) - 4](1),
            nn.Sequential(layer(shape[1], self.squeezed, 1), nn.ReLU(), layer(self.squeezed, shape[1], 1)),
            nn.Hardsigmoid() if self.hard else nn.Sigmoid(),
        )


@dataclass(frozen=True, repr=False)
class Frames(Described):
    """A 2D conv on each frame of a clip."""

    conv: Conv

    def module(self, shape: Shape) -> nn.Module:
        return _Frames(self.conv.module((shape[0] * shape[2], shape[1], *shape[3:])))


@dataclass(frozen=True, repr=False)
class Squeeze(Described):
    """Drops a depth of 1: what follows is 2D."""

    def module(self, shape: Shape) -> nn.Module:
        return nn.Flatten(1, 2)


@dataclass(frozen=True, repr=False)
class Linear(Described):
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


Op = Conv | Pool | Join | Gate | Frames | Squeeze | Linear


@dataclass(frozen=True, repr=False)
class Net(Described):
    """Ops in a row on an input of `shape`; op number `also` is a second output.

    `group` is the one that its masks have, which need not be the one that is packed by.
    """

    shape: Shape
    ops: tuple[Op, ...]
    also: int | None = None
    kind: str = "integers"
    group: str = "4x4"
    seed: int = 0

    def module(self) -> nn.Module:
        return _Net(chain(self.ops, self.shape), self.also)

    def walk(self) -> Iterator[Op]:
        """All its ops, those of branches too."""
        yield from _walk(self.ops)


def chain(ops: Sequence[Op], shape: Shape) -> nn.Sequential:
    """The ops in a row, the first on an input of `shape`."""
    modules = []
    for op in ops:
        modules.append(op.module(shape))
        shape = after(op, shape)
    return nn.Sequential(*modules)


def after(op: Op, shape: Shape) -> Shape:
    """The shape that an op makes of a shape, as PyTorch says."""
    with torch.device("meta"):
        return tuple(op.module(shape).eval()(torch.empty(shape)).shape)


def _walk(ops: Sequence[Op]) -> Iterator[Op]:
    for op in ops:
        yield op
        if isinstance(op, Join):
            for branch in op.branches:
                yield from _walk(branch)
        elif isinstance(op, Frames):
            yield op.conv


def _zero_pad(padding: Sequence[tuple[int, int]]) -> nn.Module:
    flat = [size for pair in reversed(padding) for size in pair]
    return (nn.ConstantPad2d, nn.ConstantPad3d)[len(padding) - 2](tuple(flat), 0.0)  # type: ignore[arg-type]


class _Net(nn.Module):
    def __init__(self, ops: nn.Sequential, also: int | None):
        super().__init__()
        self.ops, self.also = ops, also

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        second = []
        for i, op in enumerate(self.ops):
            x = op(x)
            if i == self.also:
                second.append(x)
        return (x, *second)


class _Join(nn.Module):
    def __init__(self, kind: str, branches: Sequence[nn.Module], act: nn.Module):
        super().__init__()
        self.kind, self.branches, self.act = kind, nn.ModuleList(branches), act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [branch(x) for branch in self.branches]
        return self.act(torch.cat(parts, 1) if self.kind == "cat" else parts[0] + parts[1])


class _Gate(nn.Module):
    def __init__(self, mean: nn.Module, bottleneck: nn.Module, gate: nn.Module):
        super().__init__()
        self.mean, self.bottleneck, self.gate = mean, bottleneck, gate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(self.bottleneck(self.mean(x)))


class _Frames(nn.Module):
    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x.transpose(1, 2).flatten(0, 1))
        return y.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)
