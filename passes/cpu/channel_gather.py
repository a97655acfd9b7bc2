"""The CPU kernel of a gather of channels: a vector of C numbers an output position, each from the line of its channel.

Where each block of the result is a block of the input, a position is one load.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, memref, vector

from rt3d_mlir.passes.cpu.epilogue import Finish, Finisher
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue


@dataclass(frozen=True, eq=False)
class ChannelGatherKernel:
    """A workgroup writes one depth plane of one channel block, or its border; `table` is [O, C]."""

    table: np.ndarray
    source: Blocked
    out: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.out.plane_grid

    @cached_property
    def by_blocks(self) -> bool:
        """Whether each block is one of the input."""
        first = self.table[:, :1]
        return bool((first % self.out.block == 0).all() and (self.table == first + np.arange(self.out.block)).all())

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, table, then the epilogue's inputs, then the output."""
        x, table, *operands, target = bindings
        _, block, n = ids
        finish = Finisher(epilogue, operands, self.out.blocks).of(n, block)
        self.out.plane_or_border(target, ids, lambda: self._plane(x, table, target, ids, finish))

    def _plane(self, x: ir.Value, table: ir.Value, target: ir.Value, ids: list[ir.Value], finish: Finish) -> None:
        (d, block, n), (_, height, width), lanes = ids, self.out.size, self.out.block
        read = self._blocks if self.by_blocks else self._numbers
        load = read(x, table, n, block)
        with k.loop(k.index(0), k.index(height)) as h:
            row = k.at(f"a * {height} + b", d, h)
            line, column = self.out.row_offset(n, block, row), load(row)
            with k.loop(k.index(0), k.index(width)) as w:
                (result,) = finish([column(w)], row, w)
                k.store_vector(result, target, k.at(f"a + b * {lanes}", line, w))

    def _blocks(self, x: ir.Value, table: ir.Value, n: ir.Value, block: ir.Value) -> "_Load":
        lanes = self.out.block
        q = k.at(f"a floordiv {lanes}", k.load_index(table, k.at(f"a * {lanes}", block)))

        def row_of(row: ir.Value) -> Callable[[ir.Value], ir.Value]:
            line = self.source.row_offset(n, q, row)
            return lambda w: k.load_vector(x, k.at(f"a + b * {lanes}", line, w), lanes)

        return row_of

    def _numbers(self, x: ir.Value, table: ir.Value, n: ir.Value, block: ir.Value) -> "_Load":
        """Number by number; zero where there is no channel."""
        lanes, element = self.out.block, k.element_type(x)
        channels = [k.load_index(table, k.at(f"a * {lanes} + {c}", block)) for c in range(lanes)]
        inside = [k.less(k.index(-1), q) for q in channels]
        there = [arith.maxsi(q, k.index(0)) for q in channels]
        blocks = [k.at(f"a floordiv {lanes}", q) for q in there]
        zero = arith.constant(element, 0.0)

        def row_of(row: ir.Value) -> Callable[[ir.Value], ir.Value]:
            starts = [
                k.at(f"a + b mod {lanes}", self.source.row_offset(n, q_block, row), q)
                for q_block, q in zip(blocks, there, strict=True)
            ]

            def column(w: ir.Value) -> ir.Value:
                found = [memref.load(x, [k.at(f"a + b * {lanes}", start, w)]) for start in starts]
                if (self.table < 0).any():
                    found = [arith.select(is_in, each, zero) for is_in, each in zip(inside, found, strict=True)]
                return vector.from_elements(ir.VectorType.get([lanes], element), found)

            return column

        return row_of


#: By row, what gives the vector at a column.
_Load = Callable[[ir.Value], Callable[[ir.Value], ir.Value]]
