"""The interleaves' part of schedule-cpu: one becomes one dispatch, with the arithmetic after it."""

from functools import partial

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.interleave import InterleaveKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.epilogue import epilogue_after
from rt3d_mlir.passes.ops.interleave import Interleave
from rt3d_mlir.passes.schedule.destination import destination


def schedule_interleave(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State
) -> Failure | None:
    """Replaces a blocked interleave; 'no match' for any other op."""
    found = Interleave.match(op)
    if found is None:
        return NO_MATCH
    x, source = view(found.x)
    epilogue = epilogue_after(op.results[0], state)
    to = destination(epilogue.result if epilogue else op.results[0])
    kernel = InterleaveKernel(found, source, to.out)
    with to.place(op, epilogue and epilogue.op):
        channels = to.out.blocks * to.out.block
        inputs = [x, *(epilogue.inputs(state, found.name, channels) if epilogue else ())]
        to.dispatch(rewriter, module, found.name, inputs, kernel.grid, partial(kernel.body, epilogue=epilogue))
    return None
