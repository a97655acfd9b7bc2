"""Transposed convs as plain ones: a filter for each place in a step of the output, and a shuffle of channels to places.

Along one axis a transposed conv of stride s, padding p and dilation d is

    y[o] = sum over k with o + p - k * d = i * s of x[i] * w[k]

For outputs o = q * s + r of one phase r only some taps k exist, each at the same distance i - q, so that phase is a
plain conv of x. With s = 2, p = 1 and a kernel of 4:

    r = 0:  y[2q]     = x[q - 1] * w[3] + x[q] * w[1]
    r = 1:  y[2q + 1] =                   x[q] * w[2] + x[q + 1] * w[0]

All phases of all axes are one conv with s^3 times the filters, whose kernel covers the distances of all of them:

    phase    distance -1   0     1
    r = 0             w[3]  w[1]  0
    r = 1             0     w[2]  w[0]

The zeros are the same in all filters of a phase, which is kernel-group sparsity: packing leaves them out, so that no
zero is multiplied. torch-mlir puts zeros between the inputs instead, and has no form for some grouped ones.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from rt3d_mlir.frontend.transposed_axis import TransposedAxis


class _Options(NamedTuple):
    """The operands of `aten.convolution` behind input, weight and bias."""

    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    transposed: bool
    output_padding: Sequence[int]
    groups: int

    def axes(self, sizes: Sequence[int], kernel: Sequence[int]) -> list[TransposedAxis]:
        """Each axis of an input and a kernel of these sizes."""
        by_axis = zip(sizes, kernel, self.stride, self.padding, self.dilation, self.output_padding, strict=True)
        return [
            TransposedAxis(
                size, k, stride, padding, dilation, (size - 1) * stride - 2 * padding + dilation * (k - 1) + more + 1
            )
            for size, k, stride, padding, dilation, more in by_axis
        ]


def transposed_conv(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *operands: Any) -> torch.Tensor:
    """A transposed `aten.convolution` of x [N, C, *sizes] and weight [C, M/G, *kernel], in 1 to 3 dimensions.

    A decomposition: NotImplemented leaves any other conv as it is.
    """
    rank, options = x.ndim - 2, _Options(*operands)
    if not options.transposed or rank not in (1, 2, 3) or not all(isinstance(size, int) for size in x.shape):
        return NotImplemented
    axes, groups = options.axes(x.shape[2:], weight.shape[2:]), options.groups
    batch, filters, phases = x.shape[0], weight.shape[1], [axis.stride for axis in axes]
    conv = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    biases = None if bias is None else torch.cat([bias.view(groups, 1, filters)] * prod(phases), 1).reshape(-1)
    y = conv(_padded(x, [axis.margins for axis in axes]), _filters(weight, axes, groups), biases, groups=groups)
    y = y.view(batch, groups, *phases, filters, *y.shape[2:])
    places = [at for i in range(rank) for at in (3 + rank + i, 2 + i)]
    y = y.permute(0, 1, 2 + rank, *places).reshape(
        batch, groups * filters, *(axis.steps * axis.stride for axis in axes)
    )
    for i, axis in enumerate(axes):
        y = y.narrow(2 + i, 0, axis.out)
    return y


def _filters(weight: torch.Tensor, axes: Sequence[TransposedAxis], groups: int) -> torch.Tensor:
    """The weights of the plain conv: [G * phases * M/G, C/G, *distances]."""
    rank = len(axes)
    channels, filters, *_ = weight.shape
    for i, axis in enumerate(axes):  # each axis of taps becomes one of phases, each with all distances
        dim = 2 + i
        none = torch.zeros_like(weight.narrow(dim, 0, 1))
        weight = torch.cat([none if k is None else weight.narrow(dim, k, 1) for k in axis.filter_taps], dim)
    shape = [extent for axis in axes for extent in (axis.stride, len(axis.distances))]
    weight = weight.view(groups, channels // groups, filters, *shape)
    phases, distances = [3 + 2 * i for i in range(rank)], [4 + 2 * i for i in range(rank)]
    weight = weight.permute(0, *phases, 2, 1, *distances)
    return weight.reshape(-1, channels // groups, *(len(axis.distances) for axis in axes))


def _padded(x: torch.Tensor, margins: Sequence[tuple[int, int]]) -> torch.Tensor:
    """x with zeros around it, and without what no window reads."""
    for i, (before, after) in enumerate(margins):
        cut = max(0, -before)
        x = x.narrow(2 + i, cut, x.shape[2 + i] - cut - max(0, -after))
    amounts = [max(0, side) for pair in reversed(margins) for side in pair]
    return F.pad(x, amounts) if any(amounts) else x
