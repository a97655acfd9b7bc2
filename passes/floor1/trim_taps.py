"""trim-taps: a dilated conv loses the outer taps that read nothing but its padding, and that padding with them.

A pyramid of dilated convs over a small map, as DeepLab has, pads two positions by 12, 24 and 36 on each side, and all
of a 3x3x3 kernel but its middle reads zeros. The padded tensor would be thousands of times the input. Along an axis of
n positions with low padding p, stride s and dilation d, tap k reads positions o * s + k * d - p for the outputs o. It
is live if one of them is in 0 .. n - 1. Convs without dilation keep all taps: their padding is small, and the kernels
skip what reads only zeros.

Given:
    %p = tensor.pad %x low[0, 0, 12, 12, 12] high[0, 0, 12, 12, 12]
           : tensor<1x4x2x2x2xf32> to tensor<1x4x26x26x26xf32>
    %y = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<12>} ins(%p, %w) outs(%init)
           : tensor<1x4x26x26x26xf32>, tensor<8x4x3x3x3xf32> -> tensor<1x8x2x2x2xf32>
Result:
    %y = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<12>} ins(%x, %middle) outs(%init)
           : tensor<1x4x2x2x2xf32>, tensor<8x4x1x1x1xf32> -> tensor<1x8x2x2x2xf32>
"""

from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import constant, padded
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import defining_op, layer_obstacle, pad_amounts
from rt3d_mlir.passes.ops.conv import Conv, conv_patterns


@dataclass(frozen=True)
class TrimTaps(Pass):
    """Cuts the kernels of dilated convs whose weights are constant and whose padding is a tensor.pad of zeros."""

    name: ClassVar[str] = "trim-taps"

    def run(self, module: ir.Module, state: State) -> None:
        apply_patterns(module, conv_patterns(lambda conv, rewriter: _trim(conv, rewriter, state)))


def _trim(conv: Conv, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    pad = pad_amounts(defining_op(conv.x))
    if layer_obstacle(conv.op) or pad is None or pad.value != 0.0 or any((*pad.low[:2], *pad.high[:2])):
        return NO_MATCH
    kernel = conv.weight.type.shape[2:]
    by_axis = (pad.source.type.shape[2:], kernel, pad.low[2:], conv.strides, conv.dilations, conv.shape[2:])
    axes = [_Axis(*numbers) for numbers in zip(*by_axis, strict=True)]
    value = constant_value(conv.weight, state.weights)
    if value is None or [len(axis.kept) for axis in axes] == list(kernel):
        return NO_MATCH
    array, key = value
    live = array[(..., *(slice(axis.kept.start, axis.kept.stop) for axis in axes))]
    with rewriter.ip, conv.op.operation.location:
        weight = constant(state, f"{key or 'conv'}.live", np.ascontiguousarray(live), origin=key)
        low, high = ([0, 0, *margins] for margins in zip(*(axis.margins for axis in axes), strict=True))
        result = conv.build_on(padded(pad.source, low, high, 0.0), weight)
    rewriter.replace_op(conv.result.owner.opview, [result])
    return None


@dataclass(frozen=True)
class _Axis:
    """One axis: the sizes of the input and the kernel, low padding, stride and dilation, the size of the output."""

    size: int
    kernel: int
    low: int
    stride: int
    dilation: int
    out: int

    @property
    def kept(self) -> range:
        """The taps from the first live one to the last; before those, only what leaves no padding below zero goes."""
        live = [tap for tap in range(self.kernel) if self._is_live(tap)]
        if self.dilation == 1 or not live:
            return range(self.kernel)
        return range(min(live[0], self.low // self.dilation), live[-1] + 1)

    @property
    def margins(self) -> tuple[int, int]:
        """The padding that is left, low and high."""
        low = self.low - self.kept.start * self.dilation
        last = (self.out - 1) * self.stride + (len(self.kept) - 1) * self.dilation
        return low, max(0, last + 1 - low - self.size)

    def _is_live(self, tap: int) -> bool:
        first = tap * self.dilation - self.low
        return any(0 <= first + at * self.stride < self.size for at in range(self.out))
