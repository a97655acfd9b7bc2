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

from collections.abc import Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg, tensor

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import (
    constant,
    empty,
    f32_constant,
    filled,
    generic,
    index_constant,
    maps,
    read_index,
    widened,
    window_position,
)
from rt3d_mlir.passes.ir.match import body_ops, defining_op, integers
from rt3d_mlir.passes.ops.marked import mark
from rt3d_mlir.sparsity import GroupSize, Packed

_MAPS = (
    "(n, o, d, h, w, c, t, i) -> (t, i)",
    "(n, o, d, h, w, c, t, i) -> (n, o, d, h, w, c)",
)


@dataclass(frozen=True)
class PackedConv:
    """A packed conv in the IR, read back from its generic."""

    op: ir.OpView
    x: ir.Value
    packed: ir.Value
    ptr: ir.Value
    taps: np.ndarray
    layer: str
    group: GroupSize
    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    @staticmethod
    def match(op: ir.OpView, state: State) -> "PackedConv | None":
        """The packed conv behind a generic made by `build`; None for any other op."""
        if "packed_conv" not in op.attributes:
            return None
        facts = ir.DictAttr(op.attributes["packed_conv"])
        reads = [inner for inner in body_ops(op) if inner.name == "tensor.extract"]
        ptr, taps, x, packed = (reads[i].operands[0] for i in (0, 2, 6, 7))
        taps_op = defining_op(taps)
        table = taps_op and state.weights.read(taps_op.attributes["value"])
        if not table:
            state.refuse("schedule-cpu", ir.StringAttr(facts["layer"]).value, "its tap list is no constant at hand")
            return None
        return PackedConv(
            op=op,
            x=x,
            packed=packed,
            ptr=ptr,
            taps=table[0],
            layer=ir.StringAttr(facts["layer"]).value,
            group=GroupSize(*integers(facts["group"])),
            strides=tuple(integers(facts["strides"])),
            dilations=tuple(integers(facts["dilations"])),
        )


def build(
    state: State,
    x: ir.Value,
    packed: Packed,
    layer: str,
    spatial: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    key: str | None,
) -> ir.Value:
    """The packed conv of `x` with output [N, ceil(M/C), *spatial, C] of f32; `packed.group` gM x gN, gN a part of C."""
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
    out = filled([batch, -(-filters // block), *spatial, block], 0.0)

    def body(_window: ir.Value, acc: ir.Value) -> ir.Value:
        n, o, d, h, width, c, t, i = (linalg.IndexOp(axis).result for axis in range(8))
        m = arith.addi(arith.muli(o, index_constant(block)), c)
        row = arith.divui(m, index_constant(gm))
        first = read_index(ptr, row)
        last = read_index(ptr, arith.addi(row, index_constant(1)))
        tap = arith.addi(first, t)
        live = arith.cmpi(arith.CmpIPredicate.ult, tap, last)
        tap = arith.minui(tap, index_constant(len(taps) - 1))
        q, kd, kh, kw = (read_index(tap_list, tap, index_constant(axis)) for axis in range(4))
        position = window_position((d, h, width), (kd, kh, kw), strides, dilations)
        at, channel = q, i
        if parts > 1:
            at = arith.divui(q, index_constant(parts))
            part = arith.muli(arith.remui(q, index_constant(parts)), index_constant(gn))
            channel = arith.addi(part, i)
        value = widened(tensor.extract(x, [n, at, *position, channel]))
        weight = widened(tensor.extract(w, [tap, i, arith.remui(m, index_constant(gm))]))
        product = arith.select(live, arith.mulf(value, weight), f32_constant(0.0))
        return arith.addf(acc, product)

    op = generic([empty([longest, gn])], out, maps(*_MAPS), 2, body)
    mark(op, "packed_conv", layer=layer, group=[gm, gn], strides=strides, dilations=dilations)
    return op.results[0]
