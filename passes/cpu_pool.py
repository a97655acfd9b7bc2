"""The CPU kernel of a blocked max pool: one vector of C channels an output position, the window unrolled."""

import itertools
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir

from rt3d_mlir.passes import kernel as k
from rt3d_mlir.passes.blocked import Blocked
from rt3d_mlir.passes.max_pool import MaxPool, clamped


@dataclass(frozen=True)
class PoolKernel:
    """A workgroup computes one depth plane of one channel block, or writes its border."""

    pool: MaxPool
    out: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.out.plane_grid

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: input, output."""
        x, target = bindings
        self.out.plane_or_border(target, ids, lambda: self._plane(x, target, *ids))

    def _plane(self, x: ir.Value, target: ir.Value, d: ir.Value, block: ir.Value, n: ir.Value) -> None:
        size, lanes = self.pool.x.type.shape[2:5], self.out.block
        plane = k.at(f"(a * {self.out.blocks} + b) * {prod(size)}", n, block)
        depths = [self._position(0, d, i, size[0]) for i in range(self.pool.kernel[0])]
        with k.loop(k.index(0), k.index(self.out.size[1])) as h:
            heights = [self._position(1, h, i, size[1]) for i in range(self.pool.kernel[1])]
            lines = [
                k.at(f"a + (b * {size[1]} + c) * {size[2]}", plane, kd, kh)
                for kd, kh in itertools.product(depths, heights)
            ]
            out_line = self.out.row_offset(n, block, k.at(f"a * {self.out.size[1]} + b", d, h))
            with k.loop(k.index(0), k.index(self.out.size[2])) as w:
                widths = [self._position(2, w, i, size[2]) for i in range(self.pool.kernel[2])]
                values = [
                    k.load_vector(x, k.at(f"(a + b) * {lanes}", line, kw), lanes)
                    for line, kw in itertools.product(lines, widths)
                ]
                best = values[0]
                for value in values[1:]:
                    best = k.maximum(best, value)
                k.store_vector(best, target, k.at(f"a + b * {lanes}", out_line, w))

    def _position(self, axis: int, out_at: ir.Value, step: int, extent: int) -> ir.Value:
        """Input position of window element `step`; clamped only where the window can leave the input."""
        stride, low = self.pool.strides[axis], self.pool.low[axis]
        last = (self.out.size[axis] - 1) * stride + self.pool.kernel[axis] - 1 - low
        if low == 0 and last < extent:
            return k.at(f"a * {stride} + {step}", out_at)
        return clamped(out_at, k.index(step), stride, low, extent)
