"""Numbers of Python, which are float64, where a net computes in float32 with them.

    %0 = arith.truncf %third : f64 to f32

is how torch-mlir writes 1/3 down. MLIR folds it where nothing is lost. What is left IREE makes float32 of by cutting
digits off, where PyTorch rounds to the nearest: 3 * (1/3) is then less than 1, and a `nearest` resize by 3 takes the
position before. So such constants are rounded here.
"""

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith


def round_scalars(module: ir.Module) -> None:
    """Replaces each arith.truncf of a float64 constant to float32 by the nearest float32, in place."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "arith.truncf" and op.results[0].type == ir.F32Type.get(op.context) and _constant(op.operands[0]):
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        number = ir.FloatAttr(op.operands[0].owner.attributes["value"]).value
        with np.errstate(over="ignore"):  # the lowest float64 stands for none, and becomes -inf
            nearest = float(np.float32(number))
        with ir.InsertionPoint(op), op.location:
            op.results[0].replace_all_uses_with(arith.constant(ir.F32Type.get(), nearest))
        op.erase()


def _constant(value: ir.Value) -> bool:
    owner = value.owner
    return isinstance(owner, ir.Operation | ir.OpView) and owner.name == "arith.constant"
