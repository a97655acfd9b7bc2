"""The packed convolution of floor 2: a portable linalg.generic that gathers over each row's kept taps.

    out[n, o, d, h, w, c] = sum over t in taps(p), i of
        x[n, q_t, d*sd + kd_t*dd, h*sh + kh_t*dh, w*sw + kw_t*dw, i] * packed[t, i, m]
    with p = (o*C + c) floordiv gM, m = (o*C + c) mod gM, C the channel block

`x` is channel-blocked and padded already, [N, Q, Dp, Hp, Wp, C]; `packed` is [T, C, gM]; `taps` is [T, 4] with
(q, kd, kh, kw); `ptr` is [P + 1]. Where groups have gN < C channels, `packed` is [T, gN, gM], q counts gN channels, and
a tap reads x[n, q_t floordiv (C/gN), ..., q_t mod (C/gN) * gN + i]. The reduction loop runs to the longest row;
shorter rows add zero. `x` and `packed` are f32 or f16, the sums f32. Any IREE backend compiles it, slowly: it is the
reference that the scheduled kernels are checked against.
"""

from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import (
    WindowGrid,
    constant,
    empty,
    f32_constant,
    filled,
    generic,
    index_constant,
    maps,
    widened,
)
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ops.marked import Marked, read, read_index
from rt3d_mlir.sparsity import GroupSize, Packed

_MAPS = (
    "(n, o, d, h, w, c, t, i) -> (t, i)",
    "(n, o, d, h, w, c, t, i) -> (n, o, d, h, w, c)",
)


#: Why a conv whose `constants` are None is left alone.
NOT_AT_HAND = "its packed weights or its taps are no constants at hand"


@dataclass(frozen=True, eq=False)
class PackedConv(Marked):
    """A packed conv in the IR; `group` is gM x gN."""

    name: ClassVar[str] = "packed_conv"
    x: ir.Value
    packed: ir.Value
    taps: ir.Value
    ptr: ir.Value
    layer: str
    group: GroupSize
    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    def constants(self, weights: WeightTable) -> tuple[Packed, str | None] | None:
        """The numbers of packed weights, taps and row starts, and the name of the weights; None where they are not at
        hand. The weights' shape is in whole rows of groups and whole channel blocks, as far as the output has them."""
        found = [constant_value(value, weights) for value in (self.packed, self.taps, self.ptr)]
        known = [each for each in found if each is not None]
        if len(known) < len(found):
            return None
        (packed, key), (taps, _), (ptr, _) = known
        (_, in_blocks, *_, block), (_, out_blocks, *_) = self.x.type.shape, self.op.results[0].type.shape
        filters = min((len(ptr) - 1) * self.group.m, out_blocks * block)
        kernel = (int(extent) + 1 for extent in taps[:, 1:].max(axis=0))
        return Packed(packed, taps, ptr, self.group, (filters, in_blocks * block, *kernel)), key


def build(
    state: State,
    x: ir.Value,
    packed: Packed,
    layer: str,
    windows: WindowGrid,
    key: str | None,
) -> ir.Value:
    """The packed conv of `x` with output [N, ceil(M/C), *windows.spatial, C] of f32; `packed.group` is gM x gN, gN a
    part of C."""
    gm, gn = packed.group.m, packed.group.n
    block = x.type.shape[5]
    parts = block // gn
    batch, filters = x.type.shape[0], packed.weight_shape[0]
    weights, taps = packed.weights, packed.taps
    if len(taps) == 0:  # a tensor must not be empty; ptr still says that no row has a tap
        weights, taps = np.zeros((1, gn, gm), weights.dtype), np.zeros((1, 4), np.int32)
    longest = max(1, int(np.diff(packed.ptr).max()))
    w = constant(state, f"{layer}.packed", weights, origin=key)
    tap_list = constant(state, f"{layer}.taps", taps, origin=key)
    ptr = constant(state, f"{layer}.ptr", packed.ptr, origin=key)
    out = filled([batch, -(-filters // block), *windows.spatial, block], 0.0)

    def body(_window: ir.Value, acc: ir.Value) -> ir.Value:
        n, o, d, h, width, c, t, i = (linalg.IndexOp(axis).result for axis in range(8))
        m = arith.addi(arith.muli(o, index_constant(block)), c)
        row = arith.divui(m, index_constant(gm))
        first = read_index("ptr", ptr, row)
        last = read_index("ptr", ptr, arith.addi(row, index_constant(1)))
        tap = arith.addi(first, t)
        live = arith.cmpi(arith.CmpIPredicate.ult, tap, last)
        tap = arith.minui(tap, index_constant(len(taps) - 1))
        q, kd, kh, kw = (read_index("taps", tap_list, tap, index_constant(axis)) for axis in range(4))
        position = windows.position((d, h, width), (kd, kh, kw))
        at, channel = q, i
        if parts > 1:
            at = arith.divui(q, index_constant(parts))
            part = arith.muli(arith.remui(q, index_constant(parts)), index_constant(gn))
            channel = arith.addi(part, i)
        value = widened(read("x", x, [n, at, *position, channel]))
        weight = widened(read("packed", w, [tap, i, arith.remui(m, index_constant(gm))]))
        product = arith.select(live, arith.mulf(value, weight), f32_constant(0.0))
        return arith.addf(acc, product)

    op = generic([empty([longest, gn])], out, maps(*_MAPS), 2, body)
    steps = {"strides": windows.strides, "dilations": windows.dilations}
    PackedConv.mark(op, ["window"], layer=layer, group=packed.group, **steps)
    return op.results[0]
