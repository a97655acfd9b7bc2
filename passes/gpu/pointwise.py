"""GPU kernels in which a thread makes one output vector: pools, depthwise convs, elementwise ops, the entry conversion.

A thread takes one position of a channel block of the tensor that is written, border included: inside it computes, in
the border it writes zeros.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.epilogue import narrow
from rt3d_mlir.passes.ops.activation import Blocked

THREADS = 128
Compute = Callable[[ir.Value, ir.Value, list[ir.Value]], ir.Value]


@dataclass(frozen=True)
class Pointwise:
    """The grid of a tensor's vectors."""

    out: Blocked
    threads: int = THREADS

    @cached_property
    def grid(self) -> tuple[int, int, int]:
        return ceil(prod(self.out.full[1:]) / self.threads), self.out.blocks, self.out.batch

    def body(self, target: ir.Value, ids: list[ir.Value], compute: Compute) -> None:
        """Writes compute(n, block, (d, h, w)), a vector of f32 or of the stored type, or zeros in the border."""
        x, block, n, thread = ids
        out, element = self.out, gpu.element(target)
        number = k.at(f"a * {self.threads} + b", x, thread)
        position = gpu.split(number, out.full[1:])
        position = [k.at(f"a - {low}", at) for at, low in zip(position, out.low[1:], strict=True)]

        def inside() -> list[ir.Value]:
            return [narrow(compute(n, block, position), element)]

        def write() -> None:
            (value,) = (
                inside() if not out.padded else gpu.choose(self._inside(position), inside, lambda: [gpu.zero(element)])
            )
            memref.store(value, target, [gpu.place(out, n, block, *position)])

        whole = prod(out.full[1:]) % self.threads == 0
        write() if whole else k.if_else(gpu.below(number, prod(out.full[1:])), write)

    def _inside(self, position: list[ir.Value]) -> ir.Value:
        d, h, w = (gpu.below(at, size) for at, size in zip(position, self.out.size, strict=True))
        return arith.andi(d, arith.andi(h, w))


class PointwiseKernel:
    """A kernel that gives each vector of `out` a thread."""

    out: Blocked

    @property
    def points(self) -> Pointwise:
        return Pointwise(self.out)

    @property
    def threads(self) -> int:
        return self.points.threads

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.points.grid
