"""GPU kernels of blocked pools: a thread an output vector; a workgroup where one window is most of the work."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.epilogue import GpuFinisher
from rt3d_mlir.passes.gpu.pointwise import PointwiseKernel
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.max_pool import MaxPool, clamped

#: Threads that share a window, and the positions from which on it pays.
TEAM, LARGE = 64, 128


@dataclass(frozen=True)
class GpuPoolKernel(PointwiseKernel):
    """A max or average pool of `source`; `scale` are the average's factors, [1, 1, 1] or by position [D, H, W]."""

    pool: MaxPool | AvgPool
    source: Blocked
    out: Blocked
    scale: np.ndarray | None = None

    @property
    def team(self) -> bool:
        """Whether a workgroup shares a window: the average of a whole clip."""
        whole = prod(self.pool.kernel) >= LARGE and self.out.size == (1, 1, 1) and not self.out.padded
        return whole and isinstance(self.pool, AvgPool)

    @property
    def threads(self) -> int:
        return TEAM if self.team else super().threads

    @property
    def grid(self) -> tuple[int, int, int]:
        return (1, self.out.blocks, self.out.batch) if self.team else super().grid

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, then a table of factors where there is one, the epilogue's inputs, the output."""
        x, *rest, target = bindings
        factors = rest.pop(0) if self.table is not None else None
        finisher = GpuFinisher(epilogue, rest, self.out, target)
        if self.team:
            self._team(x, ids, finisher)
            return

        def compute(n: ir.Value, block: ir.Value, position: list[ir.Value]) -> ir.Value:
            total = self._window(x, n, block, position, factors)
            return finisher.value(total, n, block, position)

        self.points.body(target, ids, compute)

    @property
    def table(self) -> np.ndarray | None:
        """The average's factors as a binding, [D*H*W] of f32; None where there is one number, or none."""
        return None if self.scale is None or self.scale.size == 1 else self.scale.reshape(-1).astype(np.float32)

    @property
    def _factor(self) -> float:
        """The one number that an average's sums are multiplied by."""
        assert self.scale is not None
        return float(self.scale.reshape(-1)[0])

    def _window(
        self, x: ir.Value, n: ir.Value, block: ir.Value, position: list[ir.Value], factors: ir.Value | None
    ) -> ir.Value:
        """The maximum of a window, or its scaled sum."""
        pool, size = self.pool, self.source.size
        mean = isinstance(pool, AvgPool)
        initial = k.splat(0.0 if mean else float("-inf"), LANES)

        def add(steps: list[ir.Value], total: ir.Value) -> ir.Value:
            axes = list(zip(position, steps, pool.strides, pool.low, size, strict=True))
            value = k.widen(memref.load(x, [gpu.place(self.source, n, block, *(clamped(*axis) for axis in axes))]))
            for at, step, stride, low, extent in axes if isinstance(pool, AvgPool) or pool.zeros else ():
                inside = gpu.below(k.at(f"a * {stride} + b - {low}", at, step), extent)
                value = gpu.select(inside, value, gpu.zero(ir.F32Type.get()))
            return arith.addf(total, value) if mean else k.maximum(total, value)

        total = _nested(pool.kernel, initial, add)
        if not mean:
            return total
        if factors is None:
            return arith.mulf(total, k.splat(self._factor, LANES))
        _, height, width = self.out.size
        factor = memref.load(factors, [k.at(f"(a * {height} + b) * {width} + c", *position)])
        return arith.mulf(total, k.broadcast(factor, LANES))

    def _team(self, x: ir.Value, ids: list[ir.Value], finisher: GpuFinisher) -> None:
        """The average of all positions: every TEAMth a thread, then thread 0 adds up."""
        _, block, n, thread = ids
        assert isinstance(self.pool, AvgPool)
        size = self.source.size
        table = gpu.shared([TEAM], gpu.vector_type(ir.F32Type.get()))

        def add(number: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            place = gpu.place(self.source, n, block, *gpu.split(number, size))
            return [arith.addf(sums[0], k.widen(memref.load(x, [place])))]

        zero = gpu.zero(ir.F32Type.get())
        (mine,) = k.reduce_loop(thread, k.index(prod(size)), [zero], lambda i, sums: add(i, list(sums)), TEAM)
        memref.store(mine, table, [thread])
        gpu.barrier()

        def finish() -> None:
            (total,) = k.reduce_loop(
                k.index(0), k.index(TEAM), [zero], lambda i, sums: [arith.addf(sums[0], memref.load(table, [i]))]
            )
            assert isinstance(self.pool, AvgPool)
            scaled = arith.mulf(total, k.splat(self._factor, LANES))
            finisher.store(scaled, n, block, [k.index(0)] * 3)

        k.if_else(gpu.below(thread, 1), finish)


def _nested(
    sizes: tuple[int, ...], initial: ir.Value, body: Callable[[list[ir.Value], ir.Value], ir.Value]
) -> ir.Value:
    """A reduction over a box: loops, which the driver unrolls where they are short."""

    def level(axes: tuple[int, ...], steps: list[ir.Value], total: ir.Value) -> ir.Value:
        if not axes:
            return body(steps, total)
        (result,) = k.reduce_loop(
            k.index(0), k.index(axes[0]), [total], lambda i, sums: [level(axes[1:], [*steps, i], sums[0])]
        )
        return result

    return level(sizes, [], initial)
