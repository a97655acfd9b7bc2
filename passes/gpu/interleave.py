"""The GPU kernel of channels that are interleaved in space: a thread an output vector."""

from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref, vector

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.epilogue import GpuFinisher
from rt3d_mlir.passes.gpu.pointwise import PointwiseKernel
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.interleave import Interleave


@dataclass(frozen=True)
class GpuInterleaveKernel(PointwiseKernel):
    """Reads `source` by vectors where a phase has whole channel blocks, else number by number."""

    interleave: Interleave
    source: Blocked
    out: Blocked

    @property
    def scalar(self) -> frozenset[int]:
        """The bindings that are of numbers, not of vectors."""
        return frozenset() if self.interleave.by_blocks else frozenset({0})

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, then the epilogue's inputs, then the output."""
        x, *operands, target = bindings
        finisher = GpuFinisher(epilogue, operands, self.out, target)
        read = self._vector if self.interleave.by_blocks else self._numbers

        def compute(n: ir.Value, block: ir.Value, position: list[ir.Value]) -> ir.Value:
            phases, low = self.interleave.phases, self.interleave.low
            at = [k.at(f"a + {first}", axis) for axis, first in zip(position, low, strict=True)]
            steps = [k.index(step) for step in phases.steps]
            phase = k.index(0)
            for axis, step in zip(at, steps, strict=True):
                phase = arith.addi(arith.muli(phase, step), arith.remui(axis, step))
            source = [arith.divui(axis, step) for axis, step in zip(at, steps, strict=True)]
            return finisher.value(read(x, n, block, phase, source), n, block, position)

        self.points.body(target, ids, compute)

    def _channel(self, number: ir.Value, phase: ir.Value, filters: int) -> ir.Value:
        """The input's channel, or block of `filters` a phase, that an output's comes from."""
        count = self.interleave.phases.count
        return k.at(f"((a floordiv {filters}) * {count} + b) * {filters} + a mod {filters}", number, phase)

    def _vector(self, x: ir.Value, n: ir.Value, block: ir.Value, phase: ir.Value, at: list[ir.Value]) -> ir.Value:
        where = self._channel(block, phase, self.interleave.phases.filters // LANES)
        return memref.load(x, [gpu.place(self.source, n, where, *at)])

    def _numbers(self, x: ir.Value, n: ir.Value, block: ir.Value, phase: ir.Value, at: list[ir.Value]) -> ir.Value:
        (channels,), numbers = self.interleave.channels, []
        for lane in range(LANES):
            m = k.at(f"a * {LANES} + {lane}", block)
            q = self._channel(arith.minui(m, k.index(channels - 1)), phase, self.interleave.phases.filters)
            place = gpu.place(self.source, n, k.at(f"a floordiv {LANES}", q), *at)
            number = memref.load(x, [k.at(f"a * {LANES} + b mod {LANES}", place, q)])
            if channels % LANES:
                number = arith.select(gpu.below(m, channels), number, arith.constant(number.type, 0.0))
            numbers.append(number)
        return vector.from_elements(gpu.vector_type(numbers[0].type), numbers)
