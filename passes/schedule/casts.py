"""Casts of whole numbers and of f16 to f32, in front of matrix products on a GPU.

IREE computes such a cast again in each matmul that reads it. Where the matmul reads it transposed, as attention does
with its input, the shaders that iree-compile 3.13 makes for Vulkan read memory that nothing was written to.

    %f = linalg.generic { sitofp } ins(%x : tensor<1x7x2xi8>) -> tensor<1x7x2xf32>
    %y = linalg.batch_matmul ins(%a, %f)
becomes
    %f = linalg.generic { sitofp } ins(%x : tensor<1x7x2xi8>) -> tensor<1x7x2xf32>
    %c = flow.tensor.clone %f
    %y = linalg.batch_matmul ins(%a, %c)
"""

import iree.compiler.ir as ir

from rt3d_mlir.iree import internals
from rt3d_mlir.passes.ir.match import body_ops, static_shape

_CASTS = ("arith.sitofp", "arith.uitofp", "arith.extf")


def hold_casts(module: ir.Module) -> None:
    """Puts a clone after each generic that only casts to a wider float, in place; static shapes only."""
    casts: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "linalg.generic" and static_shape(op.results[0]) is not None and _only_casts(op.opview):
            casts.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in casts:
        value = op.results[0]
        with ir.InsertionPoint.after(op), op.location:
            clone = ir.Operation.create(internals.CLONE, [value.type], [value])
        value.replace_all_uses_except(clone.results[0], clone)


def _only_casts(op: ir.OpView) -> bool:
    first, *rest = body_ops(op)
    return first.name in _CASTS and len(rest) == 1  # the terminator
