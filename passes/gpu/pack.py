"""The GPU kernels of the layout conversions on entry and exit: [N, C, D, H, W] to padded channel blocks, and back."""

from dataclasses import dataclass
from math import ceil, prod

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref, vector

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.pointwise import THREADS, PointwiseKernel
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.activation import Blocked


@dataclass(frozen=True)
class GpuPackKernel(PointwiseKernel):
    """The entry: f32 to f32 or f16, missing channels zero. The input is bound as numbers, not as vectors."""

    channels: int
    out: Blocked

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: input, output."""
        x, target = bindings
        depth, height, width = self.out.size

        def compute(n: ir.Value, block: ir.Value, position: list[ir.Value]) -> ir.Value:
            place = k.at(f"(a * {height} + b) * {width} + c", *position)
            numbers = []
            for i in range(LANES):
                channel = k.at(f"a * {LANES} + {i}", block)
                inside = arith.minui(channel, k.index(self.channels - 1))
                at = k.at(f"(a * {self.channels} + b) * {prod((depth, height, width))} + c", n, inside, place)
                number = memref.load(x, [at])
                if self.channels % LANES:
                    zero = arith.constant(ir.F32Type.get(), 0.0)
                    number = arith.select(gpu.below(channel, self.channels), number, zero)
                numbers.append(number)
            return vector.from_elements(gpu.vector_type(ir.F32Type.get()), numbers)

        self.points.body(target, ids, compute)


@dataclass(frozen=True)
class GpuUnpackKernel:
    """The exit conversion: `source` to [N, C, D, H, W] of its type or of f32. The output is bound as numbers."""

    channels: int
    source: Blocked

    @property
    def threads(self) -> int:
        return THREADS

    @property
    def grid(self) -> tuple[int, int, int]:
        return ceil(prod(self.source.size) / self.threads), self.source.blocks, self.source.batch

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: input, output. A thread reads a vector, and writes each lane that is a channel."""
        x, target = bindings
        at, block, n, thread = ids
        positions = prod(self.source.size)
        number = k.at(f"a * {self.threads} + b", at, thread)

        def copy() -> None:
            value = memref.load(x, [gpu.place(self.source, n, block, *gpu.split(number, self.source.size))])
            if ir.MemRefType(target.type).element_type == ir.F32Type.get():
                value = k.widen(value)
            for lane in range(LANES):
                channel = k.at(f"a * {LANES} + {lane}", block)

                def store(channel: ir.Value = channel, lane: int = lane) -> None:
                    place = k.at(f"(a * {self.channels} + b) * {positions} + c", n, channel, number)
                    memref.store(vector.extract(value, [], [lane]), target, [place])

                whole = self.channels % LANES == 0
                store() if whole else k.if_else(gpu.below(channel, self.channels), store)

        k.if_else(gpu.below(number, positions), copy)
