"""Kernel groups: the m x n blocks of 3-D kernels that the RT3D paper prunes together (AAAI 2021, sec. 3).

A layer's weights are W[M, N, Kd, Kh, Kw]: M filters, N input channels, one Kd x Kh x Kw kernel for each pair.
A group size m x n cuts the M x N kernels into P = ceil(M/m) rows and Q = ceil(N/n) columns of groups. When m
or n does not divide, the last row or column holds fewer real filters or channels.

    M = 5 filters, N = 4 channels, groups of 2x2:  P = 3, Q = 2, and row p = 2 holds one real filter only.

PyTorch and ONNX keep the weights of a transposed conv the other way round, [N, M, Kd, Kh, Kw]. Its groups are filters
by channels all the same: each kernel location belongs to one place in a step of the output, and for that place the
layer is a plain conv. So a MaskSet says which layers are transposed.
"""

# pyright: strict

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.errors import ConfigError, WeightError


@dataclass(frozen=True)
class GroupSize:
    """m filters by n input channels. Raises ConfigError when either is less than 1."""

    m: int
    n: int

    def __post_init__(self) -> None:
        if min(self.m, self.n) < 1:
            raise ConfigError(f"group size {self.m}x{self.n}: filters and channels must both be at least 1, as in 8x4")

    @classmethod
    def parse(cls, text: str) -> "GroupSize":
        """The group size written as "8x4" (filters x input channels). Raises ConfigError for other text."""
        match = re.fullmatch(r"([0-9]+)x([0-9]+)", text)
        if match is None:
            raise ConfigError(f"group size {text!r}: expected <filters>x<input channels>, as in 8x4")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.m}x{self.n}"

    def rows(self, filters: int) -> int:
        """P, the rows of groups that cover M `filters`."""
        return math.ceil(filters / self.m)

    def cols(self, channels: int) -> int:
        """Q, the columns of groups that cover N input `channels`."""
        return math.ceil(channels / self.n)

    def mask_shape(self, weight_shape: Sequence[int]) -> tuple[int, int, int, int, int]:
        """(P, Q, Kd, Kh, Kw) for weights of `weight_shape`. Raises WeightError as `shape_5d` does."""
        filters, channels, *kernel = shape_5d(weight_shape)
        return (self.rows(filters), self.cols(channels), kernel[0], kernel[1], kernel[2])


def shape_5d(shape: Sequence[int]) -> tuple[int, int, int, int, int]:
    """`shape` as [M, N, Kd, Kh, Kw]: a 2-D conv [M, N, Kh, Kw] or a linear layer [M, N] gets unit kernels.

    Raises WeightError for fewer than 2 or more than 5 dimensions, or an empty one.
    """
    if not 2 <= len(shape) <= 5 or min(shape) < 1:
        raise WeightError(
            f"weights of shape {tuple(shape)} cannot be cut into groups: "
            "expected [M, N, Kd, Kh, Kw], [M, N, Kh, Kw] or [M, N], all at least 1"
        )
    filters, channels, *kernel = shape
    depth, height, width = [1] * (3 - len(kernel)) + kernel
    return (filters, channels, depth, height, width)


def filters_first(shape: Sequence[int], transposed: bool = True) -> tuple[int, ...]:
    """The shape [N, M, *kernel] of a transposed conv's weights as [M, N, *kernel]; any other as it is."""
    return (shape[1], shape[0], *shape[2:]) if transposed and len(shape) > 1 else tuple(shape)


def as_5d(weight: NDArray[Any]) -> NDArray[Any]:
    """`weight` viewed as [M, N, Kd, Kh, Kw]; raises WeightError as `shape_5d` does."""
    return weight.reshape(shape_5d(weight.shape))


def as_groups(weight: NDArray[Any], group: GroupSize) -> NDArray[Any]:
    """`weight` as [P, m, Q, n, Kd, Kh, Kw], border groups padded with zeros; else a view."""
    weight = as_5d(weight)
    rows, cols, *kernel = group.mask_shape(weight.shape)
    missing = (rows * group.m - weight.shape[0], cols * group.n - weight.shape[1])
    if any(missing):
        weight = np.pad(weight, ((0, missing[0]), (0, missing[1]), (0, 0), (0, 0), (0, 0)))
    return weight.reshape(rows, group.m, cols, group.n, *kernel)
