"""The CPU kernel of a blocked max pool: one vector of C channels an output position, the window unrolled."""

import itertools
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir

from rt3d_mlir.passes import kernel as k
from rt3d_mlir.passes.blocked import Blocked
from rt3d_mlir.passes.cpu_epilogue import Finish, Finisher
from rt3d_mlir.passes.epilogue import Epilogue
from rt3d_mlir.passes.max_pool import MaxPool, clamped


@dataclass(frozen=True)
class PoolKernel:
    """A workgroup computes one depth plane of one channel block, or writes its border."""

    pool: MaxPool
    source: Blocked
    out: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.out.plane_grid

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, then the epilogue's inputs, then the output."""
        x, *operands, target = bindings
        _, block, n = ids
        finish = Finisher(epilogue, operands, self.out.blocks)

        def plane() -> None:
            self._plane(x, target, ids, finish.of(n, block))

        self.out.plane_or_border(target, ids, plane)

    def _plane(self, x: ir.Value, target: ir.Value, ids: list[ir.Value], finish: Finish) -> None:
        (d, block, n), size, lanes = ids, self.source.size, self.out.block
        blocks, _, height, width = self.source.full
        plane = k.at(f"(a * {blocks} + b) * {prod(self.source.full[1:])} + {self.source.start}", n, block)
        depths = [self._position(0, d, i, size[0]) for i in range(self.pool.kernel[0])]
        with k.loop(k.index(0), k.index(self.out.size[1])) as h:
            heights = [self._position(1, h, i, size[1]) for i in range(self.pool.kernel[1])]
            lines = [
                k.at(f"a + (b * {height} + c) * {width}", plane, kd, kh)
                for kd, kh in itertools.product(depths, heights)
            ]
            row = k.at(f"a * {self.out.size[1]} + b", d, h)
            out_line = self.out.row_offset(n, block, row)
            with k.loop(k.index(0), k.index(self.out.size[2])) as w:
                widths = [self._position(2, w, i, size[2]) for i in range(self.pool.kernel[2])]
                values = [
                    k.load_vector(x, k.at(f"(a + b) * {lanes}", line, kw), lanes)
                    for line, kw in itertools.product(lines, widths)
                ]
                best = values[0]
                for value in values[1:]:
                    best = k.maximum(best, value)
                (result,) = finish([best], row, w)
                k.store_vector(result, target, k.at(f"a + b * {lanes}", out_line, w))

    def _position(self, axis: int, out_at: ir.Value, step: int, extent: int) -> ir.Value:
        """Input position of window element `step`; clamped only where the window can leave the input."""
        stride, low = self.pool.strides[axis], self.pool.low[axis]
        last = (self.out.size[axis] - 1) * stride + self.pool.kernel[axis] - 1 - low
        if low == 0 and last < extent:
            return k.at(f"a * {stride} + {step}", out_at)
        return clamped(out_at, k.index(step), stride, low, extent)
