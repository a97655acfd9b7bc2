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

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg, tensor

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import constant, filled, generic, index_constant, maps, widened, window_position
from rt3d_mlir.passes.ir.match import body_ops, integers
from rt3d_mlir.passes.ops.marked import mark

_LOOPS = "(n, o, d, h, w, l, i, j, k, c)"
_MAPS = (f"{_LOOPS} -> (o, i, j, k, c, l)", f"{_LOOPS} -> (n, o, d, h, w, l)")


@dataclass(frozen=True)
class DepthwiseConv:
    """A depthwise conv in the IR; `filters` and `channels` are those of a group."""

    op: ir.OpView
    x: ir.Value
    weights: ir.Value
    layer: str
    filters: int
    channels: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    @staticmethod
    def match(op: ir.OpView) -> "DepthwiseConv | None":
        """The depthwise conv behind a generic made by `build`; None for any other op."""
        if "depthwise_conv" not in op.attributes:
            return None
        facts = ir.DictAttr(op.attributes["depthwise_conv"])
        x = next(inner.operands[0] for inner in body_ops(op) if inner.name == "tensor.extract")
        filters, channels = integers(facts["group"])
        strides, dilations = (tuple(integers(facts[name])) for name in ("strides", "dilations"))
        layer = ir.StringAttr(facts["layer"]).value
        return DepthwiseConv(op, x, op.operands[0], layer, filters, channels, strides, dilations)

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
    group: tuple[int, int],
    layer: str,
    spatial: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    key: str | None,
) -> ir.Value:
    """The conv of a blocked `x` with `weights` as `in_blocks` gives them, to [N, O, *spatial, C] of f32.

    `group` is (filters, channels) of a group.
    """
    filters, channels = group
    block = weights.shape[-1]
    out = filled([x.type.shape[0], weights.shape[0], *spatial, block], 0.0)
    packed = constant(state, f"{layer}.packed", weights, origin=key)

    def body(weight: ir.Value, acc: ir.Value) -> ir.Value:
        n, o, d, h, w, lane, *window, c = (linalg.IndexOp(axis).result for axis in range(10))
        filter_at = arith.addi(arith.muli(o, index_constant(block)), lane)
        group_at = arith.divui(filter_at, index_constant(filters))
        channel = arith.addi(arith.muli(group_at, index_constant(channels)), c)
        position = window_position((d, h, w), window, strides, dilations)
        q, i = (op(channel, index_constant(block)) for op in (arith.divui, arith.remui))
        value = widened(tensor.extract(x, [n, q, *position, i]))
        return arith.addf(acc, arith.mulf(value, widened(weight)))

    op = generic([packed], out, maps(*_MAPS), 4, body)
    mark(op, "depthwise_conv", layer=layer, group=[filters, channels], strides=strides, dilations=dilations)
    return op.results[0]
