"""The depthwise convolution of floor 2: groups of few channels on the blocked layout, one product a lane.

    out[n, o, d, h, w, l] = sum over kd, kh, kw, j of
        x[n, i floordiv C, d*sd + kd*dd, h*sh + kh*dh, w*sw + kw*dw, i mod C] * weights[o, kd, kh, kw, j, l]
    with i = ((o*C + l) floordiv m) * c + j, m filters and c input channels a group, C the channel block

A packed conv multiplies blocks of filters x channels, which for these layers are nearly all zero. Here lane l of an
output block reads one channel for each of its group's c (usually one: i = o*C + l). `x` is padded already,
[N, Q, Dp, Hp, Wp, C]; `weights` is [O, Kd, Kh, Kw, c, C], zero in missing lanes. c divides C and m, so an output block
reads one input block. Any IREE backend compiles it; it is the reference for the scheduled kernels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import WindowGrid, constant, filled, generic, index_constant, maps, widened
from rt3d_mlir.passes.ops.marked import Marked, read

_LOOPS = "(n, o, d, h, w, l, i, j, k, c)"
_MAPS = (f"{_LOOPS} -> (o, i, j, k, c, l)", f"{_LOOPS} -> (n, o, d, h, w, l)")


@dataclass(frozen=True, eq=False)
class DepthwiseConv(Marked):
    """A depthwise conv in the IR; `group` is (filters, channels) of a group."""

    name: ClassVar[str] = "depthwise_conv"
    x: ir.Value
    weights: ir.Value
    layer: str
    group: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def filters(self) -> int:
        return self.group[0]

    @property
    def channels(self) -> int:
        return self.group[1]

    @property
    def kernel(self) -> tuple[int, ...]:
        """(Kd, Kh, Kw)"""
        return tuple(self.weights.type.shape[1:4])


def fits(filters: int, channels: int, block: int) -> bool:
    """Whether a conv with that many filters and channels a group has this form in channel blocks of `block`.

    Of whole blocks of channels a packed conv is as good, and of many filters for each channel.
    """
    few = channels == 1 or (channels < block and block % channels == 0)
    return few and filters % channels == 0 and filters // channels <= block


def in_blocks(weight: np.ndarray, block: int) -> np.ndarray:
    """[M, c, Kd, Kh, Kw] -> [O, Kd, Kh, Kw, c, block], zeros behind the last filter."""
    missing = -len(weight) % block
    padded = np.pad(weight, ((0, missing), *[(0, 0)] * 4))
    blocks = padded.reshape(-1, block, *weight.shape[1:]).transpose(0, 3, 4, 5, 2, 1)
    return np.ascontiguousarray(blocks)


def build(
    state: State,
    x: ir.Value,
    weights: np.ndarray,
    group: Sequence[int],
    layer: str,
    windows: WindowGrid,
    key: str | None,
) -> ir.Value:
    """The conv of a blocked `x` with `weights` as `in_blocks` gives them, to [N, O, *windows.spatial, C] of f32.

    `group` is (filters, channels) of a group.
    """
    filters, channels = group
    block = weights.shape[-1]
    out = filled([x.type.shape[0], weights.shape[0], *windows.spatial, block], 0.0)
    packed = constant(state, f"{layer}.packed", weights, origin=key)

    def body(weight: ir.Value, acc: ir.Value) -> ir.Value:
        n, o, d, h, w, lane, *window, c = (linalg.IndexOp(axis).result for axis in range(10))
        filter_at = arith.addi(arith.muli(o, index_constant(block)), lane)
        group_at = arith.divui(filter_at, index_constant(filters))
        channel = arith.addi(arith.muli(group_at, index_constant(channels)), c)
        position = windows.position((d, h, w), window)
        q, i = (op(channel, index_constant(block)) for op in (arith.divui, arith.remui))
        value = widened(read("x", x, [n, q, *position, i]))
        return arith.addf(acc, arith.mulf(value, widened(weight)))

    op = generic([packed], out, maps(*_MAPS), 4, body)
    DepthwiseConv.mark(op, ["weights"], layer=layer, group=group, strides=windows.strides, dilations=windows.dilations)
    return op.results[0]
