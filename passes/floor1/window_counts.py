"""lift-to-3d's rule for adaptive average pools: how many elements each window has becomes a constant.

torch-mlir's adaptive_avg_pool3d is one generic with two results, sums and counts, and a division after them. IREE 3.13
loses the second result where a transpose follows, and then refuses its own IR.

Given:
    %y:2 = linalg.generic { addf, and a count by position } outs(%zeros, %e) -> tensor<1x2x2x1x2xf32>, tensor<2x1x2xf32>
Result:
    %n = arith.constant dense<5.0> : tensor<2x1x2xf32>
    %y = linalg.generic { addf } outs(%zeros) -> tensor<1x2x2x1x2xf32>
"""

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import clone_body, constant, generic
from rt3d_mlir.passes.ir.evaluate import evaluate_body
from rt3d_mlir.passes.ir.match import generic_body, static_shape


def fold_window_counts(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Takes the second result from a generic where it follows from the position alone."""
    if len(op.results) != 2 or any(static_shape(value) is None for value in op.results):
        return NO_MATCH
    *mappings, sums_map, counts_map = op.attributes["indexing_maps"]
    loops = len(op.results[0].type.shape)
    kept = _axes(counts_map)
    if _axes(sums_map) != list(range(loops)) or any(axis not in range(loops) for axis in kept):
        return NO_MATCH
    counts = evaluate_body(op, [], result=1)
    if counts is None:
        return NO_MATCH
    order = [*kept, *(axis for axis in range(loops) if axis not in kept)]
    by_position = np.broadcast_to(counts, op.results[0].type.shape).transpose(order)
    table = by_position.reshape(*op.results[1].type.shape, -1)
    if (table != table[..., :1]).any():
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        reductions = sum("reduction" in str(kind) for kind in op.attributes["iterator_types"])
        sums = generic(
            list(op.inputs),
            op.outputs[0],
            ir.ArrayAttr.get([*mappings, sums_map]),
            reductions,
            lambda *arguments: clone_body(generic_body(op), arguments),
        )
        known = constant(state, "window_counts", np.ascontiguousarray(table[..., 0]))
    rewriter.replace_op(op, [sums.results[0], known])
    return None


def _axes(attribute: ir.Attribute) -> list[int]:
    """The loop that each axis is indexed by; -1 for an axis of another form."""
    results = ir.AffineMapAttr(attribute).value.results
    return [ir.AffineDimExpr(axis).position if isinstance(axis, ir.AffineDimExpr) else -1 for axis in results]
