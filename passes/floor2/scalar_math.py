"""Scalar ops that vectors do not have, in terms of those that they have, inside the bodies of generics.

    fpowi(x, 3) = powf(x, 3.0) = x * x * x        powf(x, 0.5) = sqrt(x), as PyTorch has it
    extf(x) > 20.0 as f64 = x > 20.0 as f32, where f32 has the number

torch-mlir writes powers for `x ** 3`, as GELU's tanh form has it, and for norms of vectors; the comparison is that with
the threshold of a softplus.
"""

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import arith, math

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, apply_patterns
from rt3d_mlir.passes.ir.build import f32_constant
from rt3d_mlir.passes.ir.match import defining_op, scalar_constant

#: Beyond it a power is better computed by logarithms.
_LARGEST_POWER = 4


def simplify_math(module: ir.Module) -> None:
    """Rewrites powers of small whole numbers and f64 comparisons of f32 numbers, in place."""
    apply_patterns(module, {"math.fpowi": _power, "math.powf": _power_of_float, "arith.cmpf": _compare})


def _power(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    x, exponent = op.operands
    constant = defining_op(exponent)
    if constant is None or constant.name != "arith.constant":
        return NO_MATCH
    return _product(op, x, ir.IntegerAttr(constant.attributes["value"]).value, rewriter)


def _power_of_float(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    x, exponent = op.operands
    power = scalar_constant(exponent)
    if power is None or power not in (0.5, *range(2, _LARGEST_POWER + 1)):
        return NO_MATCH
    if power != 0.5:
        return _product(op, x, int(power), rewriter)
    with rewriter.ip, op.operation.location:
        result = math.sqrt(x)
    rewriter.replace_op(op, [result])
    return None


def _product(op: ir.OpView, x: ir.Value, power: int, rewriter: rewrite.PatternRewriter) -> Failure | None:
    if not 2 <= power <= _LARGEST_POWER:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        result = arith.mulf(x, x)
        for _ in range(power - 2):
            result = arith.mulf(result, x)
    rewriter.replace_op(op, [result])
    return None


def _compare(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    wide, number = defining_op(op.operands[0]), scalar_constant(op.operands[1])
    if op.operands[0].type != ir.F64Type.get() or wide is None or wide.name != "arith.extf" or number is None:
        return NO_MATCH
    if wide.operands[0].type != ir.F32Type.get() or float(np.float32(number)) != number:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        result = arith.CmpFOp(op.attributes["predicate"], wide.operands[0], f32_constant(number)).result
    rewriter.replace_op(op, [result])
    return None
