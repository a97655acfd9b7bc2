"""The CPU kernel of a blocked max pool: one vector of C channels an output position, the window unrolled."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.cpu.epilogue import Finish, Finisher
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.max_pool import MaxPool, clamped


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

            def column(w: ir.Value, step: int) -> ir.Value:
                """The maximum over depth and height, of column `step` of the window at w."""
                place = self._position(2, w, step, size[2])
                return k.largest([k.load_vector(x, k.at(f"(a + b) * {lanes}", line, place), lanes) for line in lines])

            def window(w: ir.Value, shared: Sequence[ir.Value]) -> Sequence[ir.Value]:
                columns = [*shared, *(column(w, step) for step in range(len(shared), kernel))]
                border = [self._border((d, h, w), k.element_type(x))] if self.pool.zeros else []
                (result,) = finish([k.largest([*border, *columns])], row, w)
                k.store_vector(result, target, k.at(f"a + b * {lanes}", out_line, w))
                return columns[self.pool.strides[2] :]

            # Columns that the next window has too are carried on to it.
            kernel, zero = self.pool.kernel[2], k.index(0)
            shared = [column(zero, step) for step in range(kernel - self.pool.strides[2])]
            k.reduce_loop(zero, k.index(self.out.size[2]), shared, window)

    def _border(self, out_at: Sequence[ir.Value], element: ir.Type) -> ir.Value:
        """0 for a window that reaches the zeros around the input, else -inf: what the maximum is taken with."""
        leaves = None
        for axis, (at, extent) in enumerate(zip(out_at, self.source.size, strict=True)):
            first = k.at(f"a * {self.pool.strides[axis]} - {self.pool.low[axis]}", at)
            last = k.at(f"a + {self.pool.kernel[axis] - 1}", first)
            outside = arith.ori(k.less(first, k.index(0)), k.less(k.index(extent - 1), last))
            leaves = outside if leaves is None else arith.ori(leaves, outside)
        zero, none = (k.splat(number, self.out.block, element) for number in (0.0, float("-inf")))
        return arith.select(leaves, zero, none)

    def _position(self, axis: int, out_at: ir.Value, step: int, extent: int) -> ir.Value:
        """Input position of window element `step`; clamped only where the window can leave the input."""
        stride, low = self.pool.strides[axis], self.pool.low[axis]
        last = (self.out.size[axis] - 1) * stride + self.pool.kernel[axis] - 1 - low
        if low == 0 and last < extent:
            return k.at(f"a * {stride} + {step}", out_at)
        return clamped(out_at, k.index(step), stride, low, extent)
