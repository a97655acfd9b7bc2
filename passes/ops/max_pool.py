"""Max pooling on the blocked layout, floor 2: a linalg.generic whose window is clamped to the input.

    out[n, o, d, h, w, c] = max over kd, kh, kw of
        x[n, o, clamp(d*sd + kd - pd), clamp(h*sh + kh - ph), clamp(w*sw + kw - pw), c]

Clamping replaces padding with -inf: a position outside the input is moved to its nearest one inside, which belongs to
the same window (every window meets the input), so the maximum is the same and no padded copy is made. With `zeros`, as
where a model pads with zeros first, a position outside counts as 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.passes.ir.build import empty, filled, generic, index_constant, maps
from rt3d_mlir.passes.ops.marked import Marked, read

_MAPS = (
    "(n, o, d, h, w, c, i, j, k) -> (i, j, k)",
    "(n, o, d, h, w, c, i, j, k) -> (n, o, d, h, w, c)",
)


@dataclass(frozen=True, eq=False)
class MaxPool(Marked):
    """A blocked max pool in the IR: its input and, for (d, h, w), kernel, strides and low padding.

    `zeros`: the padding is zeros, and some window reaches it; else it counts nothing.
    """

    name: ClassVar[str] = "max_pool"
    x: ir.Value
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    zeros: bool


def build(
    x: ir.Value,
    spatial: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    low: Sequence[int],
    zeros: bool = False,
) -> ir.Value:
    """Max pool of a blocked `x` [N, Q, D, H, W, C] to [N, Q, *spatial, C], of x's element type."""
    batch, blocks, *size, block = x.type.shape
    out = filled([batch, blocks, *spatial, block], float("-inf"), x.type.element_type)

    def body(_window: ir.Value, acc: ir.Value) -> ir.Value:
        n, o, d, h, w, c, *window = (linalg.IndexOp(axis).result for axis in range(9))
        axes = list(zip((d, h, w), window, strides, low, size, strict=True))
        value = read("x", x, [n, o, *(clamped(*axis) for axis in axes), c])
        if zeros:
            for axis in axes:
                value = arith.select(inside(*axis), value, arith.constant(value.type, 0.0))
        return arith.maximumf(acc, value)

    op = generic([empty(kernel)], out, maps(*_MAPS), 3, body)
    MaxPool.mark(op, ["window"], kernel=kernel, strides=strides, low=low, zeros=zeros)
    return op.results[0]


def inside(at: ir.Value, k: ir.Value, stride: int, pad: int, extent: int) -> ir.Value:
    """Whether 0 <= at * stride + k - pad < extent; as an unsigned number, one compare."""
    start = arith.addi(arith.muli(at, index_constant(stride)), k)
    position = arith.subi(start, index_constant(pad))
    return arith.cmpi(arith.CmpIPredicate.ult, position, index_constant(extent))


def clamped(at: ir.Value, k: ir.Value, stride: int, pad: int, extent: int) -> ir.Value:
    """clamp(at * stride + k - pad, 0, extent - 1)."""
    start = arith.addi(arith.muli(at, index_constant(stride)), k)
    position = arith.subi(start, index_constant(pad))
    return arith.minsi(arith.maxsi(position, index_constant(0)), index_constant(extent - 1))
