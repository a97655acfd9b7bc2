"""The GPU kernel of a depthwise conv: a thread an output vector, a product a lane for each kernel position."""

from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, math, memref, vector

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.epilogue import GpuFinisher
from rt3d_mlir.passes.gpu.pointwise import PointwiseKernel
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.epilogue import Epilogue


@dataclass(frozen=True)
class GpuDepthwiseKernel(PointwiseKernel):
    """`conv` reads `source`, which is padded; weights are [O, Kd, Kh, Kw, c, 4]."""

    conv: DepthwiseConv
    source: Blocked
    out: Blocked

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, weights, then the epilogue's inputs, then the output."""
        x, weights, *operands, target = bindings
        finisher = GpuFinisher(epilogue, operands, self.out, target)

        def compute(n: ir.Value, block: ir.Value, position: list[ir.Value]) -> ir.Value:
            return finisher.value(self._sum(x, weights, n, block, position), n, block, position)

        self.points.body(target, ids, compute)

    def _sum(self, x: ir.Value, weights: ir.Value, n: ir.Value, block: ir.Value, position: list[ir.Value]) -> ir.Value:
        conv = self.conv
        kd, kh, kw = conv.kernel
        group = conv.channels
        read = k.at(f"((a * {LANES}) floordiv {conv.filters}) * {group} floordiv {LANES}", block)
        total = gpu.zero(ir.F32Type.get())

        def tap(steps: list[ir.Value], total: ir.Value) -> ir.Value:
            at = [
                k.at(f"a * {stride} + b * {dilation}", out_at, step)
                for out_at, step, stride, dilation in zip(position, steps, conv.strides, conv.dilations, strict=True)
            ]
            value = k.widen(memref.load(x, [gpu.place(self.source, n, read, *at)]))
            place = k.at(f"(((a * {kd} + b) * {kh} + c) * {kw} + d) * {group}", block, *steps)
            for c in range(group):
                weight = k.widen(memref.load(weights, [k.at(f"a + {c}", place)]))
                total = math.fma(self._lanes(value, block, c), weight, total)
            return total

        loops = (kd, kh, kw)

        def level(axis: int, steps: list[ir.Value], total: ir.Value) -> ir.Value:
            if axis == 3:
                return tap(steps, total)
            (result,) = k.reduce_loop(
                k.index(0), k.index(loops[axis]), [total], lambda i, sums: [level(axis + 1, [*steps, i], sums[0])]
            )
            return result

        return level(0, [], total)

    def _lanes(self, value: ir.Value, block: ir.Value, c: int) -> ir.Value:
        """For each output lane the input channel that it reads as its group's channel c.

        Lane l of output block o reads channel ((o*4 + l) floordiv filters) * channels + c, and all of its lanes one
        input block; which lanes of it repeats after filters / channels output blocks.
        """
        conv, period = self.conv, self.conv.filters // self.conv.channels
        chosen = None
        for turn in range(period):
            numbers = [turn * LANES + lane for lane in range(LANES)]
            lanes = [(number // conv.filters * conv.channels + c) % LANES for number in numbers]
            read = value if lanes == list(range(LANES)) else vector.shuffle(value, value, lanes)
            mine = arith.cmpi(arith.CmpIPredicate.eq, k.at(f"a mod {period}", block), k.index(turn))
            chosen = read if chosen is None else gpu.select(mine, read, chosen)
        assert chosen is not None
        return chosen
