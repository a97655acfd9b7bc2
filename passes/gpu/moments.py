"""The GPU kernels of norms' means and variances (passes/ops/moment_parts.py): a workgroup a part, then some groups.

Threads of a workgroup take every so many-th position or part; what they have is added up in shared memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.moment_parts import Combination, MomentAccess, Parts, Vectors, part_moments

#: Threads of a workgroup.
TEAM = 64
#: Workgroups that fill a large GPU, and the fewest positions a thread of a part takes.
ENOUGH, FEWEST = 512, 4


@dataclass(frozen=True)
class GpuMomentPartsKernel:
    """A workgroup adds up one part of one channel block of `source`."""

    source: Blocked
    threads = TEAM

    @cached_property
    def parts(self) -> Parts:
        source = self.source
        positions = source.rows * source.size[2]
        run = ceil(positions * source.blocks * source.batch / ENOUGH)
        run = min(max(run, TEAM * FEWEST), positions)
        return Parts(source.batch, source.blocks, source.block, positions, run)

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: the activation, then the parts."""
        x, target = bindings
        part, block, n, thread = ids
        length = self.parts.length(part)
        first = k.at(f"a * {self.parts.run}", part)

        def read(number: ir.Value) -> ir.Value:
            place = gpu.place(self.source, n, block, *gpu.split(number, self.source.size))
            return k.widen(memref.load(x, [place]))

        pivot = read(first)
        zero = gpu.zero(ir.F32Type.get())

        def add(i: ir.Value, sums: Vectors) -> Vectors:
            off = arith.subf(read(k.at("a + b", first, i)), pivot)
            return [arith.addf(sums[0], off), arith.addf(sums[1], arith.mulf(off, off))]

        mine = k.reduce_loop(thread, length, [zero, zero], add, TEAM)
        sums, squares = _together(mine, thread)

        def store() -> None:
            for i, value in enumerate(part_moments(pivot, sums, squares, length)):
                memref.store(value, target, [self.parts.at(n, block, part, i)])

        k.if_else(gpu.below(thread, 1), store)


def gpu_combination_body(kernel: Combination, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
    """The second kernel; bindings: the parts, then the means and variances."""
    parts, target = bindings
    unit, _, n, thread = ids

    def total(count: int, terms: Callable[[ir.Value], Vectors]) -> Vectors:
        zeros = [gpu.zero(ir.F32Type.get())] * (kernel.blocks if kernel.shares_blocks else 1)

        def add(i: ir.Value, sums: Vectors) -> Vectors:
            return [arith.addf(a, b) for a, b in zip(sums, terms(i), strict=True)]

        return _together(k.reduce_loop(thread, k.index(count), zeros, add, TEAM), thread)

    def each(count: int, act: Callable[[ir.Value], None]) -> None:
        def step(i: ir.Value, _: Vectors) -> Vectors:
            act(i)
            return []

        k.reduce_loop(thread, k.index(count), [], step, TEAM)

    def store(value: ir.Value, at: ir.Value) -> None:
        memref.store(value, target, [at])

    access = MomentAccess(
        load=lambda at: memref.load(parts, [at]),
        store=store,
        total=total,
        each=each,
    )
    kernel.body(access, unit, n)


def _together(mine: Vectors, thread: ir.Value) -> list[ir.Value]:
    """The sums of vectors over all threads, in all threads."""
    table = gpu.shared([TEAM], gpu.vector_type(ir.F32Type.get()))
    sums = []
    for i, value in enumerate(mine):
        if i:
            gpu.barrier()  # the sum before has been read
        memref.store(value, table, [thread])
        gpu.barrier()
        (total,) = k.reduce_loop(
            k.index(0),
            k.index(TEAM),
            [gpu.zero(ir.F32Type.get())],
            lambda j, sums: [arith.addf(sums[0], memref.load(table, [j]))],
        )
        sums.append(total)
    return sums
