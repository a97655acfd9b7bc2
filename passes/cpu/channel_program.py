"""The CPU kernel of a program over channels (passes/ops/channel_program.py): a tile of columns with all its channels.

Vectors hold neighbouring columns x the channels of a block. A reduction adds up vectors block by block, and then the
lanes of each column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, vector

from rt3d_mlir.passes.cpu.epilogue import Finisher
from rt3d_mlir.passes.cpu.row_tile import tile_vectors, vector_columns
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ir.reductions import COMBINE, KINDS
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.channel_program import ChannelProgram, ProgramStep
from rt3d_mlir.targets import CpuTarget


@dataclass(frozen=True)
class ChannelProgramKernel:
    """A workgroup takes a run of tiles, or writes the border; `counts` says how many bindings each step has."""

    target: CpuTarget
    program: ChannelProgram
    counts: Sequence[int]
    out: Blocked

    @cached_property
    def columns(self) -> int:
        """Columns of a vector, a power of two."""
        return vector_columns(self.target, self.out)

    @cached_property
    def vectors(self) -> int:
        """Vectors of a tile."""
        return tile_vectors(self.out.size[2], self.columns)

    @property
    def _tile(self) -> int:
        """Columns of a tile."""
        return self.vectors * self.columns

    @property
    def _tiles(self) -> int:
        return self.out.rows * ceil(self.out.size[2] / self._tile)

    @property
    def _run(self) -> int:
        return ceil(self._tiles / self.target.workgroups)

    @property
    def grid(self) -> tuple[int, int, int]:
        return ceil(self._tiles / self._run) + self.out.padded, 1, self.out.batch

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: those of the steps, then the output."""
        *inputs, target = bindings
        run, _, n = ids

        def tiles() -> None:
            first = k.at(f"a * {self._run}", run)
            last = arith.minsi(k.at(f"a + {self._run}", first), k.index(self._tiles))
            with k.loop(first, last) as tile:
                across, width = ceil(self.out.size[2] / self._tile), self.out.size[2]
                row, start = k.at(f"a floordiv {across}", tile), k.at(f"(a mod {across}) * {self._tile}", tile)
                column = start if width % self._tile == 0 else arith.minsi(start, k.index(width - self._tile))
                _Tile(self, inputs, target, n, row, column).build()

        def border() -> None:
            with k.loop(k.index(0), k.index(self.out.blocks)) as block:
                self.out.zero_border(target, n, block)

        if self.out.padded:
            k.if_else(k.less(run, k.index(ceil(self._tiles / self._run))), tiles, border)
        else:
            tiles()


class _Tile:
    """Builds the steps for the columns from `column` on of a row."""

    def __init__(
        self,
        kernel: ChannelProgramKernel,
        inputs: list[ir.Value],
        target: ir.Value,
        n: ir.Value,
        row: ir.Value,
        column: ir.Value,
    ):
        self.kernel, self.inputs, self.target = kernel, inputs, target
        self.n, self.row, self.column = n, row, column
        self.held: dict[ir.Value, Sequence[ir.Value]] = {}

    def build(self) -> None:
        *steps, last = zip(self.kernel.program.steps, self._bindings(), strict=True)
        for step, bindings in steps:
            self.held[step.result] = self._one(step, bindings)
        step, bindings = last
        if step.reduction is not None:
            self._store(self._one(step, bindings), k.index(0))
            return
        with k.loop(k.index(0), k.index(self.kernel.out.blocks)) as block:
            self._store(self._values(step, bindings, block), block)

    def _bindings(self) -> list[list[ir.Value]]:
        """Those of each step."""
        inputs = iter(self.inputs)
        return [[next(inputs) for _ in range(count)] for count in self.kernel.counts]

    def _store(self, values: Sequence[ir.Value], block: ir.Value) -> None:
        out, columns = self.kernel.out, self.kernel.columns
        line = k.at(f"a + b * {out.block}", out.row_offset(self.n, block, self.row), self.column)
        for v, value in enumerate(values):
            k.store_vector(value, self.target, k.at(f"a + {v * columns * out.block}", line))

    def _one(self, step: ProgramStep, bindings: list[ir.Value]) -> Sequence[ir.Value]:
        """The vectors of a step that gives one number a position, in the first lane of each column."""
        if step.reduction is None:
            return self._values(step, bindings, k.index(0))
        kind, channels, lanes = step.reduction.kind, step.reduction.channels.count, self.kernel.out.block
        combine, neutral = COMBINE[kind], k.splat(KINDS[kind][1], lanes * self.kernel.columns)
        whole, rest = divmod(channels, lanes)

        def add(totals: Sequence[ir.Value], block: ir.Value, present: int = lanes) -> list[ir.Value]:
            values = [k.widen(value) for value in self._values(step, bindings, block)]
            if present < lanes:
                order = [i if i % lanes < present else i + len(_lanes(neutral)) for i in _lanes(neutral)]
                values = [vector.shuffle(value, neutral, order) for value in values]
            return [combine(total, value) for total, value in zip(totals, values, strict=True)]

        start = [neutral] * self.kernel.vectors
        totals = k.reduce_loop(k.index(0), k.index(whole), start, lambda block, sums: add(sums, block))
        totals = add(totals, k.index(whole), rest) if rest else totals
        return [self._first_lanes(total, kind) for total in totals]

    def _first_lanes(self, total: ir.Value, kind: str) -> ir.Value:
        """The lanes of each column together in its first one, zero in the others."""
        size, lanes = self.kernel.out.block, _lanes(total)
        parts = [
            vector.shuffle(total, total, [i // size * size + (i + by) % size for i in lanes]) for by in range(size)
        ]
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=False)
            parts = [*(COMBINE[kind](a, b) for a, b in pairs), *(parts[-1:] if len(parts) % 2 else [])]
        return vector.shuffle(parts[0], k.splat(0.0, len(lanes)), [i if i % size == 0 else len(lanes) for i in lanes])

    def _values(self, step: ProgramStep, bindings: list[ir.Value], block: ir.Value) -> list[ir.Value]:
        """What a step's arithmetic gives, or what it reads, for a channel block: a vector for each of the tile."""
        kernel, size = self.kernel, self.kernel.out.block
        if step.arithmetic is not None:
            finisher = Finisher(step.arithmetic, bindings, step.arithmetic.result.type.shape[1], self.held)
            return finisher.of(self.n, block, columns=kernel.columns)([None] * kernel.vectors, self.row, self.column)
        assert step.x is not None
        assert step.x.view is not None
        line = k.at(f"a + b * {size}", step.x.view.row_offset(self.n, block, self.row), self.column)
        width = kernel.columns * size
        return [k.load_vector(bindings[0], k.at(f"a + {v * width}", line), width) for v in range(kernel.vectors)]


def _lanes(value: ir.Value) -> range:
    return range(ir.VectorType(value.type).shape[0])
