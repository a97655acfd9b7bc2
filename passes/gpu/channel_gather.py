"""The GPU kernel of a gather of channels: a thread an output vector, each number from the vector of its channel."""

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


@dataclass(frozen=True)
class GpuChannelGatherKernel(PointwiseKernel):
    """Reads `source` number by number."""

    source: Blocked
    out: Blocked

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, as numbers, table, then the epilogue's inputs, then the output."""
        x, table, *operands, target = bindings
        finisher = GpuFinisher(epilogue, operands, self.out, target)

        def compute(n: ir.Value, block: ir.Value, position: list[ir.Value]) -> ir.Value:
            return finisher.value(self._vector(x, table, n, block, position), n, block, position)

        self.points.body(target, ids, compute)

    def _vector(self, x: ir.Value, table: ir.Value, n: ir.Value, block: ir.Value, at: list[ir.Value]) -> ir.Value:
        numbers = []
        for lane in range(LANES):
            channel = k.load_index(table, k.at(f"a * {LANES} + {lane}", block))
            inside = arith.cmpi(arith.CmpIPredicate.sge, channel, k.index(0))
            there = arith.maxsi(channel, k.index(0))
            place = gpu.place(self.source, n, k.at(f"a floordiv {LANES}", there), *at)
            number = memref.load(x, [k.at(f"a * {LANES} + b mod {LANES}", place, there)])
            numbers.append(arith.select(inside, number, arith.constant(number.type, 0.0)))
        return vector.from_elements(gpu.vector_type(numbers[0].type), numbers)
