"""The GPU kernel of a program over channels (passes/ops/channel_program.py): a thread takes a position."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, prod

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref, vector

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.epilogue import GpuFinisher, narrow
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ir.reductions import COMBINE, KINDS
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.channel_program import ChannelProgram, ProgramStep

THREADS = 64


@dataclass(frozen=True)
class GpuChannelProgramKernel:
    """A thread computes all channels of one position, or writes their zeros in the border; `counts` says how many
    bindings each step has."""

    program: ChannelProgram
    counts: Sequence[int]
    out: Blocked
    threads = THREADS

    @property
    def grid(self) -> tuple[int, int, int]:
        return ceil(prod(self.out.full[1:]) / self.threads), 1, self.out.batch

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: those of the steps, then the output."""
        *inputs, target = bindings
        group, _, n, thread = ids
        number, out = k.at(f"a * {self.threads} + b", group, thread), self.out
        at = gpu.split(number, out.full[1:])
        position = [k.at(f"a - {low}", axis) for axis, low in zip(at, out.low[1:], strict=True)]

        def compute() -> None:
            _Position(self, inputs, target, n, position).build()

        def clear() -> None:
            with k.loop(k.index(0), k.index(out.blocks)) as block:
                memref.store(gpu.zero(gpu.element(target)), target, [gpu.place(out, n, block, *position)])

        def write() -> None:
            d, h, w = (gpu.below(axis, size) for axis, size in zip(position, out.size, strict=True))
            k.if_else(arith.andi(d, arith.andi(h, w)), compute, clear) if out.padded else compute()

        whole = prod(out.full[1:]) % self.threads == 0
        write() if whole else k.if_else(gpu.below(number, prod(out.full[1:])), write)


class _Position:
    """Builds the steps at one position (d, h, w)."""

    def __init__(
        self,
        kernel: GpuChannelProgramKernel,
        inputs: list[ir.Value],
        target: ir.Value,
        n: ir.Value,
        position: list[ir.Value],
    ):
        self.kernel, self.inputs, self.target = kernel, inputs, target
        self.n, self.position = n, position
        self.held: dict[ir.Value, ir.Value] = {}

    def build(self) -> None:
        inputs = iter(self.inputs)
        bound = [[next(inputs) for _ in range(count)] for count in self.kernel.counts]
        *steps, (last, bindings) = zip(self.kernel.program.steps, bound, strict=True)
        for step, own in steps:
            self.held[step.result] = self._one(step, own)
        if last.reduction is not None:
            self._store(self._one(last, bindings), k.index(0))
            return
        with k.loop(k.index(0), k.index(self.kernel.out.blocks)) as block:
            self._store(self._value(last, bindings, block), block)

    def _store(self, value: ir.Value, block: ir.Value) -> None:
        place = gpu.place(self.kernel.out, self.n, block, *self.position)
        memref.store(narrow(value, gpu.element(self.target)), self.target, [place])

    def _one(self, step: ProgramStep, bindings: list[ir.Value]) -> ir.Value:
        """The vector of a step that gives one number a position, in its first lane."""
        if step.reduction is None:
            return self._value(step, bindings, k.index(0))
        combine, number = COMBINE[step.reduction.kind], KINDS[step.reduction.kind][1]
        whole, rest = divmod(step.reduction.channels.count, LANES)

        def read(block: ir.Value) -> ir.Value:
            return k.widen(self._value(step, bindings, block))

        (total,) = k.reduce_loop(
            k.index(0),
            k.index(whole),
            [k.splat(number, LANES)],
            lambda block, totals: [combine(totals[0], read(block))],
        )
        numbers = [vector.extract(total, [], [i]) for i in range(LANES)]
        if rest:
            behind = read(k.index(whole))
            numbers += [vector.extract(behind, [], [i]) for i in range(rest)]
        zero = arith.constant(ir.F32Type.get(), 0.0)
        kind = gpu.vector_type(ir.F32Type.get())
        return vector.from_elements(kind, [reduce(combine, numbers), *[zero] * (LANES - 1)])

    def _value(self, step: ProgramStep, bindings: list[ir.Value], block: ir.Value) -> ir.Value:
        """What a step's arithmetic gives, or what it reads, for a channel block."""
        if step.arithmetic is not None:
            finisher = GpuFinisher(step.arithmetic, bindings, self.kernel.out, self.target, held=self.held)
            return finisher.value(None, self.n, block, self.position)
        assert step.x is not None
        assert step.x.view is not None
        return memref.load(bindings[0], [gpu.place(step.x.view, self.n, block, *self.position)])
