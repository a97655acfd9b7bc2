"""The CPU kernel of a blocked average pool: the sum over a window, in f32, times one over its divisor.

A window's columns are contiguous, so a line of it is added up in whole vector registers, four of them in turn, which
also hides the latency of the additions; C lanes are left at the end. Where windows leave the input along W, they are
added up column by column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.cpu.epilogue import Finish, Finisher
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.targets import CpuTarget

#: Vectors of sums of a window.
TURNS = 4

Sums = Sequence[ir.Value]


@dataclass(frozen=True)
class AvgPoolKernel:
    """A workgroup computes one depth plane of one channel block, or writes its border."""

    target: CpuTarget
    pool: AvgPool
    source: Blocked
    out: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.out.plane_grid

    @property
    def columns(self) -> int:
        """Input columns of a vector."""
        return max(1, self.target.lanes // self.out.block)

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, the scale of each output position or of all, then the epilogue's inputs, then the output."""
        x, scale, *operands, target = bindings
        finisher = Finisher(epilogue, operands, self.out.blocks)

        def plane() -> None:
            self._plane(x, scale, target, ids, finisher.of(ids[2], ids[1]))

        self.out.plane_or_border(target, ids, plane)

    def _plane(self, x: ir.Value, scale: ir.Value, target: ir.Value, ids: list[ir.Value], finish: Finish) -> None:
        d, block, n = ids
        _, rows, width = self.out.size
        lanes = self.out.block
        with k.loop(k.index(0), k.index(rows)) as h, k.loop(k.index(0), k.index(width)) as w:
            row = k.at(f"a * {rows} + b", d, h)
            total = self._window(x, n, block, (d, h, w))
            at_scale = k.index(0) if self.pool.uniform else k.at(f"a * {width} + b", row, w)
            total = arith.mulf(total, k.broadcast(memref.load(scale, [at_scale]), lanes))
            (result,) = finish([total], row, w)
            k.store_vector(result, target, k.at(f"a + b * {lanes}", self.out.row_offset(n, block, row), w))

    def _window(self, x: ir.Value, n: ir.Value, block: ir.Value, position: Sequence[ir.Value]) -> ir.Value:
        """The sum of C lanes over the window of an output position."""
        lanes, source = self.out.block, self.source
        spans = [self._span(axis, at) for axis, at in enumerate(position)]
        fixed = not self._leaves(2)
        blocks, _, height, width = source.full
        plane = k.at(f"(a * {blocks} + b) * {prod(source.full[1:])} + {source.start}", n, block)

        def line(kd: ir.Value, kh: ir.Value, sums: Sums) -> Sums:
            start = k.at(f"a + (b * {height} + c) * {width}", plane, kd, kh)
            if fixed:
                return self._line(x, k.at(f"(a + b) * {lanes}", start, spans[2][0]), sums)

            def column(kw: ir.Value, sums: Sums) -> Sums:
                return [arith.addf(sums[0], self._load(x, k.at(f"(a + b) * {lanes}", start, kw), 1))]

            return k.reduce_loop(*spans[2], sums, column)

        def depth(kd: ir.Value, sums: Sums) -> Sums:
            return k.reduce_loop(*spans[1], sums, lambda kh, sums: line(kd, kh, sums))

        wide = [k.splat(0.0, self.columns * lanes)] * TURNS if fixed else []
        *wide, narrow = k.reduce_loop(*spans[0], [*wide, k.splat(0.0, lanes)], depth)
        if not wide:
            return narrow
        total = reduce(arith.addf, wide)
        return reduce(arith.addf, [k.slice_vector(total, i * lanes, lanes) for i in range(self.columns)], narrow)

    def _line(self, x: ir.Value, start: ir.Value, sums: Sums) -> Sums:
        """Adds a window's columns of a line to TURNS vectors of sums, and those that fill none to one of C lanes."""
        columns, lanes = self.columns, self.out.block
        count, turn = self.pool.kernel[2], columns * TURNS
        whole = count // turn * turn

        def add(at: ir.Value, sums: Sums, vectors: int) -> Sums:
            parts = [self._load(x, k.at(f"a + {i * columns * lanes}", at), columns) for i in range(vectors)]
            return [arith.addf(total, part) for total, part in zip(sums, parts, strict=False)] + list(sums[vectors:])

        if whole:
            sums = k.reduce_loop(
                k.index(0),
                k.index(whole),
                sums,
                lambda c, sums: add(k.at(f"a + b * {lanes}", start, c), sums, TURNS),
                step=turn,
            )
        sums = list(add(k.at(f"a + {whole * lanes}", start), sums, (count - whole) // columns))
        for column in range(count - (count - whole) % columns, count):
            sums[-1] = arith.addf(sums[-1], self._load(x, k.at(f"a + {column * lanes}", start), 1))
        return sums

    def _load(self, x: ir.Value, at: ir.Value, columns: int) -> ir.Value:
        return k.widen(k.load_vector(x, at, columns * self.out.block))

    def _leaves(self, axis: int) -> bool:
        """Whether a window can leave the input along an axis."""
        pool = self.pool
        end = (self.out.size[axis] - 1) * pool.strides[axis] + pool.kernel[axis] - pool.low[axis]
        return pool.low[axis] > 0 or end > self.source.size[axis]

    def _span(self, axis: int, out_at: ir.Value) -> tuple[ir.Value, ir.Value]:
        """The window's first input position on an axis, and the one behind its last, inside the input."""
        pool = self.pool
        first = k.at(f"a * {pool.strides[axis]} - {pool.low[axis]}", out_at)
        last = k.at(f"a + {pool.kernel[axis]}", first)
        if not self._leaves(axis):
            return first, last
        return arith.maxsi(first, k.index(0)), arith.minsi(last, k.index(self.source.size[axis]))
