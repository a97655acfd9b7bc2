"""A conv's GPU kernel whose channels are interleaved in space: where a thread's vectors go."""

from collections.abc import Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu.epilogue import GpuFinisher
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.places import Places


@dataclass(frozen=True, eq=False)
class InterleavedFinisher(GpuFinisher):
    """Builds the conv's epilogue, and what is `behind` the interleave at the place where a vector goes."""

    places: Places
    behind: GpuFinisher

    def store(self, total: ir.Value, n: ir.Value, block: ir.Value, position: Sequence[ir.Value]) -> None:
        result, places = self.value(total, n, block, position), self.places
        phase = places.phase(block)
        at = [places.place(axis, *pair) for axis, pair in enumerate(zip(position, phase, strict=True))]
        inside = [places.inside(axis, place) for axis, place in enumerate(at)]
        k.if_all(inside, lambda: self.behind.store(result, n, places.block(block), at))

    def border(self, n: ir.Value, block: ir.Value, number: ir.Value) -> None:
        """Of the output's block, for the first of the phases that go there."""
        first = arith.cmpi(arith.CmpIPredicate.eq, self.places.number(block), k.index(0))
        k.if_else(first, lambda: self.behind.border(n, self.places.block(block), number))


def conv_finisher(
    out: Blocked,
    places: Places | None,
    operands: Sequence[ir.Value],
    target: ir.Value,
    epilogue: Epilogue | None,
    behind: Epilogue | None,
) -> GpuFinisher:
    """What stores a conv's sums, interleaved where there are `places`; `operands` are the inputs of both epilogues."""
    if places is None:
        return GpuFinisher(epilogue, operands, out, target)
    own = len(epilogue.operands) if epilogue else 0
    sums = Blocked(out.batch, places.blocks, places.size, (places.blocks, *places.size), (0, 0, 0, 0), out.block)
    last = GpuFinisher(behind, operands[own:], out, target)
    return InterleavedFinisher(epilogue, operands[:own], sums, target, places, last)
