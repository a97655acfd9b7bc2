"""The interleaves' part of schedule-cpu: one becomes one dispatch, with the arithmetic after it."""

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.interleave import InterleaveKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ops.interleave import Interleave
from rt3d_mlir.passes.schedule.one_input import replace_reader


def schedule_interleave(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State
) -> Failure | None:
    """Replaces a blocked interleave; 'no match' for any other op."""
    found = Interleave.match(op)
    if found is None:
        return NO_MATCH
    replace_reader(found, lambda source, out: (InterleaveKernel(found, source, out), {}), rewriter, module, state)
    return None
