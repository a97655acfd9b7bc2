"""An epilogue inside a GPU kernel: on one vector of 4 channels of one position at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue, Operand


@dataclass(frozen=True, eq=False)
class GpuFinisher:
    """Builds `epilogue`, if there is one, and stores; `bindings` are those of its operands, but for those that the
    kernel has computed, which are `held`."""

    epilogue: Epilogue | None
    bindings: Sequence[ir.Value]
    out: Blocked
    target: ir.Value
    held: Mapping[ir.Value, ir.Value] = field(default_factory=dict, kw_only=True)

    def value(self, total: ir.Value | None, n: ir.Value, block: ir.Value, position: Sequence[ir.Value]) -> ir.Value:
        """The result for the sums of a channel block at (d, h, w); there are none where all is read."""
        if self.epilogue is None:
            assert total is not None
            return total
        bindings = iter(self.bindings)

        def read(operand: Operand) -> ir.Value:
            if operand.value in self.held:
                value = self.held[operand.value]
            else:
                at = block if operand.view is None else self._place(operand, n, block, position)
                value = memref.load(next(bindings), [at])
            return gpu.lane(value, 0) if operand.spread else value

        operands = [read(operand) for operand in self.epilogue.operands]
        return self.epilogue.apply(total, operands)

    def store(self, total: ir.Value, n: ir.Value, block: ir.Value, position: Sequence[ir.Value]) -> None:
        """The epilogue, and its result to where the consumer reads it, in the type it is stored in."""
        result = narrow(self.value(total, n, block, position), gpu.element(self.target))
        memref.store(result, self.target, [gpu.place(self.out, n, block, *position)])

    def border(self, n: ir.Value, block: ir.Value, number: ir.Value) -> None:
        """Zero at one position of the padded channel block, counted along it, unless it is inside."""
        at = gpu.split(number, self.out.full[1:])
        position = [k.at(f"a - {low}", axis) for axis, low in zip(at, self.out.low[1:], strict=True)]
        d, h, w = (gpu.below(axis, size) for axis, size in zip(position, self.out.size, strict=True))
        outside = arith.xori(arith.andi(d, arith.andi(h, w)), k.true())

        def clear() -> None:
            zero = gpu.zero(gpu.element(self.target))
            memref.store(zero, self.target, [gpu.place(self.out, n, block, *position)])

        k.if_else(outside, clear)

    def _place(self, operand: Operand, n: ir.Value, block: ir.Value, position: Sequence[ir.Value]) -> ir.Value:
        view = operand.view
        assert view is not None
        gate = view.size == (1, 1, 1) and self.out.size != (1, 1, 1)
        of_first = k.index(0) if operand.spread else block
        return gpu.place(view, n, of_first, *([k.index(0)] * 3 if gate else position))


def narrow(value: ir.Value, element: ir.Type) -> ir.Value:
    """A vector of f32 in the type that is stored."""
    kind = gpu.vector_type(element)
    return value if value.type == kind else arith.truncf(kind, value)
