"""The gathers' part of schedule-cpu: one becomes one dispatch, with the arithmetic after it."""

from functools import partial

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.channel_gather import ChannelGatherKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.channel_gather import NOT_AT_HAND, ChannelGather
from rt3d_mlir.passes.ops.epilogue import epilogue_after
from rt3d_mlir.passes.schedule.destination import destination


def schedule_channel_gather(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State
) -> Failure | None:
    """Replaces a gather of channels; 'no match' for any other op."""
    found = ChannelGather.match(op)
    if found is None:
        return NO_MATCH
    table = found.table(state.weights)
    if table is None:
        return state.refuse("schedule-cpu", found.name, NOT_AT_HAND)
    x, source = view(found.x)
    epilogue = epilogue_after(op.results[0], state)
    to = destination(epilogue.result if epilogue else op.results[0])
    kernel = ChannelGatherKernel(table, source, to.out)
    with to.place(op, epilogue and epilogue.op):
        flat = constant(state, "channel_gather.channels", np.ascontiguousarray(table.reshape(-1)))
        channels = to.out.blocks * to.out.block
        inputs = [x, flat, *(epilogue.inputs(state, found.name, channels) if epilogue else ())]
        to.dispatch(rewriter, module, found.name, inputs, kernel.grid, partial(kernel.body, epilogue=epilogue))
    return None
