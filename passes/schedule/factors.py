"""What a matrix product on a GPU multiplies is in memory before the product begins.

IREE computes some of what a matmul reads again within the matmul: casts from f16 and whole numbers, and products of one
channel. Shaders that iree-compile 3.13 makes of that for Vulkan read memory that nothing was written to: attention over
f16 inputs and attention with heads of one channel answer wrongly, without a word. So a clone follows each cast to a
wider float, and stands before each product.

    %f = linalg.generic { extf } ins(%x : tensor<1x7x2xf16>)
    %p = linalg.generic { divf } ins(%exponentials, %sums)
    %y = linalg.batch_matmul ins(%p, %f)
becomes
    %f = linalg.generic { extf } ins(%x : tensor<1x7x2xf16>)
    %c = flow.tensor.clone %f
    %p = linalg.generic { divf } ins(%exponentials, %sums)
    %d = flow.tensor.clone %p
    %y = linalg.batch_matmul ins(%d, %c)
"""

import iree.compiler.ir as ir

from rt3d_mlir.passes.framework.provenance import function_blocks
from rt3d_mlir.passes.ir.build import clone, clone_for_readers
from rt3d_mlir.passes.ir.match import body_ops, reads_any, static_shape

_PRODUCTS = ("linalg.batch_matmul", "linalg.matmul", "linalg.vecmat", "linalg.matvec", "linalg.dot")
_CASTS = ("arith.sitofp", "arith.uitofp", "arith.extf")


def hold_factors(module: ir.Module) -> None:
    """Clones both, in all functions, in place; what is constant and what has no static shape stays."""
    for block in function_blocks(module):
        _hold(block)


def _hold(block: ir.Block) -> None:
    given = {*block.arguments}
    variable = set(given)
    for op in list(block.operations):
        if not reads_any(op, variable):
            continue
        variable.update(op.results)
        if op.operation.name in _PRODUCTS:
            for i, factor in enumerate(op.inputs):
                if factor in variable - given and static_shape(factor) is not None:
                    with ir.InsertionPoint(op), op.operation.location:
                        op.operation.operands[i] = clone(factor)
        elif op.operation.name == "linalg.generic" and static_shape(op.results[0]) is not None and _only_casts(op):
            variable.add(clone_for_readers(op.results[0]))


def _only_casts(op: ir.OpView) -> bool:
    first, *rest = body_ops(op)
    return first.name in _CASTS and len(rest) == 1  # the terminator
