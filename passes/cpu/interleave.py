"""The CPU kernel of channels that are interleaved in space: one vector of C channels an output position.

Where a phase has whole channel blocks each vector is one of the input's. Else it is put together number by number, from
up to C blocks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref, vector

from rt3d_mlir.passes.cpu.epilogue import Finish, Finisher
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.interleave import Interleave

#: The vector at a column of the input's row.
_Load = Callable[[ir.Value], ir.Value]


@dataclass(frozen=True)
class InterleaveKernel:
    """A workgroup writes one depth plane of one channel block, or its border."""

    interleave: Interleave
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
        (d, block, n), (sd, sh, sw) = ids, self.interleave.phases.steps
        (low_d, low_h, low_w), (_, height, width), lanes = self.interleave.low, self.out.size, self.out.block
        with k.loop(k.index(0), k.index(height)) as h:
            row = k.at(f"a * {height} + b", d, h)
            line = self.out.row_offset(n, block, row)
            depth, top = f"(a + {low_d})", f"(b + {low_h})"
            from_row = k.at(f"({depth} floordiv {sd}) * {self.source.size[1]} + {top} floordiv {sh}", d, h)
            for pw in range(sw):
                phase = k.at(f"(({depth} mod {sd}) * {sh} + {top} mod {sh}) * {sw} + {pw}", d, h)
                load = self._by_block(x, n, block, phase, from_row)
                first, last = (-((pw - low_w - at) // sw) for at in (0, width))
                with k.loop(k.index(first), k.index(last)) as column:
                    w = k.at(f"a * {sw} + {pw - low_w}", column)
                    (result,) = finish([load(column)], row, w)
                    k.store_vector(result, target, k.at(f"a + b * {lanes}", line, w))

    def _by_block(self, x: ir.Value, n: ir.Value, block: ir.Value, phase: ir.Value, row: ir.Value) -> _Load:
        """Vectors of the input's block of a phase that an output block comes from."""
        if not self.interleave.by_blocks:
            return self._by_lane(x, n, block, phase, row)
        lanes, phases = self.source.block, self.interleave.phases
        together = phases.filters // lanes
        where = f"((a floordiv {together}) * {phases.count} + b) * {together} + a mod {together}"
        line = self.source.row_offset(n, k.at(where, block, phase), row)
        return lambda column: k.load_vector(x, k.at(f"a + b * {lanes}", line, column), lanes)

    def _by_lane(self, x: ir.Value, n: ir.Value, block: ir.Value, phase: ir.Value, row: ir.Value) -> _Load:
        """Vectors each of whose numbers lies in a block of its own; zero behind the last channel."""
        lanes, phases, (channels,) = self.source.block, self.interleave.phases, self.interleave.channels
        filters, element = phases.filters, k.element_type(x)
        numbers = [k.at(f"a * {lanes} + {c}", block) for c in range(lanes)]
        inside = [k.less(m, k.index(channels)) for m in numbers]
        lines = []
        for m in (arith.minsi(m, k.index(channels - 1)) for m in numbers):
            q = k.at(f"((a floordiv {filters}) * {phases.count} + b) * {filters} + a mod {filters}", m, phase)
            line = self.source.row_offset(n, k.at(f"a floordiv {lanes}", q), row)
            lines.append(k.at(f"a + b mod {lanes}", line, q))
        zero = arith.constant(element, 0.0)

        def load(column: ir.Value) -> ir.Value:
            found = [memref.load(x, [k.at(f"a + b * {lanes}", line, column)]) for line in lines]
            if channels % lanes:
                found = [arith.select(there, number, zero) for there, number in zip(inside, found, strict=True)]
            return vector.from_elements(ir.VectorType.get([lanes], element), found)

        return load
