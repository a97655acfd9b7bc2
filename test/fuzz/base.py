"""What descriptions of ops have in common.

A description is a value: it compares, and its repr is the Python that makes it, so a failing one can be read, pasted
and shrunk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any

import torch
from torch import nn

Shape = tuple[int, ...]
Sizes = tuple[int, ...]


class Described:
    """A repr without the fields that have their default."""

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={value!r}"
            for field in fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, field.name)) != field.default or field.default is MISSING
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


class Op(Described):
    """An op on a tensor of N x C x positions."""

    def module(self, shape: Shape) -> nn.Module:
        """What it stands for, on an input of that shape."""
        raise NotImplementedError

    def after(self, shape: Shape) -> Shape:
        """The shape that it makes of a shape, as PyTorch says."""
        with torch.device("meta"):
            return tuple(self.module(shape).eval()(torch.empty(shape)).shape)

    def inner(self) -> "tuple[Op, ...]":
        """The ops that it is made of."""
        return ()


class Bounded(nn.Module):
    """A module with numbers of its own that are no parameters."""

    def make_positive(self) -> None:
        """Changes it so that on positive numbers it answers what no answer of before exceeds, in absolute value."""


def chain(ops: Sequence[Op], shape: Shape) -> nn.Sequential:
    """The ops in a row, the first on an input of `shape`."""
    modules = []
    for op in ops:
        modules.append(op.module(shape))
        shape = op.after(shape)
    return nn.Sequential(*modules)


def walk(ops: Sequence[Op]) -> Iterator[Op]:
    """The ops, and those that they are made of."""
    for op in ops:
        yield op
        yield from walk(op.inner())


def of_rank(name: str, rank: int) -> Any:
    """torch.nn's class of that name for so many axes of positions: of_rank("Conv", 3) is nn.Conv3d."""
    return getattr(nn, f"{name}{rank}d")
