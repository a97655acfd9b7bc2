"""lift-to-3d of reductions over channels: reduce(lowered(x)) = lowered(reduce(x)), [N, C, H, W] -> [N, 1, H, W]."""

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.floor1.lifting import lowered, lowered_source
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure
from rt3d_mlir.passes.ir.reductions import Reduction, reduce_axis


def lift_reduction(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Replaces a reduction over axis 1, which it keeps, of a lowered value."""
    found = Reduction.of(op)
    source = None if found is None else lowered_source(found.x)
    if found is None or source is None or found.axes != (1,) or not found.kept:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        result = lowered(reduce_axis(source, found.kind, 1), op.results[0].type)
    rewriter.replace_op(op, [result])
    return None
