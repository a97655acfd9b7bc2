"""Average pooling on the blocked layout, floor 2: a linalg.generic that adds up a window, each term already scaled.

    out[n, o, d, h, w, c] = sum over kd, kh, kw with the position inside the input of
        x[n, o, d*sd + kd - pd, h*sh + kh - ph, w*sw + kw - pw, c] * scale[d, h, w]

`scale` is one over the divisor. Where all windows have the same one, it is [1, 1, 1]; else it is [D, H, W] of the
output, for a window cut by the input's border (`count_include_pad=False`, `ceil_mode`) has a smaller divisor. Sums are
f32, also of an f16 input. A global average is the pool whose kernel is the input's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import constant, empty, f32_constant, filled, generic, maps, widened
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ops.marked import Marked, read
from rt3d_mlir.passes.ops.max_pool import clamped, inside

_LOOPS = "(n, o, d, h, w, c, i, j, k)"


@dataclass(frozen=True, eq=False)
class AvgPool(Marked):
    """A blocked average pool in the IR: its input and, for (d, h, w), kernel, strides and low padding.

    `scale` is [1, 1, 1] or [D, H, W] of f32, what a window's sum is multiplied by.
    """

    name: ClassVar[str] = "avg_pool"
    x: ir.Value
    scale: ir.Value
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]

    @property
    def uniform(self) -> bool:
        """Whether all windows have the same divisor."""
        return prod(self.scale.type.shape) == 1

    def factors(self, weights: WeightTable) -> np.ndarray | None:
        """The numbers of `scale`; None where they are no constant at hand."""
        found = constant_value(self.scale, weights)
        return None if found is None else found[0]


def build(
    state: State,
    x: ir.Value,
    spatial: Sequence[int],
    scale: np.ndarray,
    kernel: Sequence[int],
    strides: Sequence[int],
    low: Sequence[int],
) -> ir.Value:
    """Average pool of a blocked `x` [N, Q, D, H, W, C], f32 or f16, to [N, Q, *spatial, C] of f32.

    `scale` is [1, 1, 1] or `spatial`, f32.
    """
    batch, blocks, *size, block = x.type.shape
    out = filled([batch, blocks, *spatial, block], 0.0)
    table = constant(state, "avg_pool.scale", scale.astype(np.float32))
    place = "(0, 0, 0)" if scale.size == 1 else "(d, h, w)"
    windows = zip(size, spatial, kernel, strides, low, strict=True)
    leaves = [pad > 0 or (count - 1) * stride + k - pad > extent for extent, count, k, stride, pad in windows]

    def body(_window: ir.Value, factor: ir.Value, acc: ir.Value) -> ir.Value:
        n, o, d, h, w, c, *window = (linalg.IndexOp(axis).result for axis in range(9))
        axes = list(zip((d, h, w), window, strides, low, size, strict=True))
        value = widened(read("x", x, [n, o, *(clamped(*axis) for axis in axes), c]))
        for axis, may_leave in zip(axes, leaves, strict=True):
            if may_leave:
                value = arith.select(inside(*axis), value, f32_constant(0.0))
        return arith.addf(acc, arith.mulf(value, factor))

    mapping = maps(f"{_LOOPS} -> (i, j, k)", f"{_LOOPS} -> {place}", f"{_LOOPS} -> (n, o, d, h, w, c)")
    op = generic([empty(kernel), table], out, mapping, 3, body)
    AvgPool.mark(op, ["window", "scale"], kernel=kernel, strides=strides, low=low)
    return op.results[0]
