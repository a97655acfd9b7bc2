"""clone-slices: a slice that is copied to another place in the same tensor becomes a tensor of its own first.

    y = x with x[0:2] at x[1:3]     reads x[0], x[1], and writes x[1], x[2]

IREE makes one dispatch of it that reads and writes one buffer in place. Where the two parts overlap, as here,
iree-compile 3.13 gives wrong numbers on CPUs, without a word; on Vulkan it cannot compile any such dispatch ("failed to
legalize operation 'hal.interface.binding.subspan'"). Circular padding is made of such copies, one for each side of each
axis.

Given:
    %e = tensor.extract_slice %x[0] [2] [1] : tensor<3xf32> to tensor<2xf32>
    %y = tensor.insert_slice %e into %x[1] [2] [1] : tensor<2xf32> into tensor<3xf32>
Result:
    %e = tensor.extract_slice %x[0] [2] [1] : tensor<3xf32> to tensor<2xf32>
    %c = flow.tensor.clone %e : tensor<2xf32>
    %y = tensor.insert_slice %c into %x[1] [2] [1] : tensor<2xf32> into tensor<3xf32>
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir

from rt3d_mlir.iree import internals
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.ir.match import static_shape

#: What moves no data, and what IREE takes for the same copy.
_RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape")
_COPIES = (*_RESHAPES, "tensor.extract_slice", "linalg.copy")


@dataclass(frozen=True)
class CloneSlices(Pass):
    """Separates the two; static shapes only."""

    name: ClassVar[str] = "clone-slices"

    def run(self, module: ir.Module, state: State) -> None:
        inserts: list[ir.Operation] = []

        def visit(op: ir.Operation) -> ir.WalkResult:
            if op.name == "tensor.insert_slice":
                inserts.append(op)
            return ir.WalkResult.ADVANCE

        module.operation.walk(visit)
        for op in inserts:
            part, whole = op.operands[0], op.operands[1]
            if static_shape(part) is not None and _origin(part, _COPIES) == _origin(whole, _RESHAPES):
                with ir.InsertionPoint(op), op.location:
                    op.operands[0] = ir.Operation.create(internals.CLONE, [part.type], [part]).results[0]


def _origin(value: ir.Value, through: Container[str]) -> ir.Value:
    """What a value is made of by ops of these names alone."""
    while isinstance(value, ir.OpResult) and value.owner.name in through:
        value = value.owner.operands[0]
    return value
