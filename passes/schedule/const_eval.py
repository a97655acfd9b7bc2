"""Kernels on constants alone, such as on the zeros that a recurrent state begins as, run when the module runs.

IREE evaluates what depends on constants alone when it compiles, on this machine: it cannot take a shader for that.

    %y = flow.dispatch @conv::@conv(%zeros, %weights, ...)
becomes
    %held = util.optimization_barrier %zeros
    %y = flow.dispatch @conv::@conv(%held, %weights, ...)
"""

import iree.compiler.ir as ir

from rt3d_mlir.iree import internals
from rt3d_mlir.passes.framework.provenance import function_blocks
from rt3d_mlir.passes.ir.match import reads_any


def hold_constants(module: ir.Module) -> None:
    """Puts a barrier on the first input of each dispatch that reads nothing else, in all functions, in place."""
    for block in function_blocks(module):
        _hold(block)


def _hold(block: ir.Block) -> None:
    variable = {*block.arguments}
    for op in list(block.operations):
        if op.operation.name == internals.DISPATCH and len(op.operands) and not reads_any(op, variable):
            first = op.operands[0]
            with ir.InsertionPoint(op), op.operation.location:
                held = ir.Operation.create(internals.BARRIER, [first.type], [first]).result
            op.operation.operands[0] = held
            variable.update(op.results)
        elif reads_any(op, variable):
            variable.update(op.results)
