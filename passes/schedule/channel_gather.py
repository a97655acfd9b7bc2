"""The gathers' part of schedule-cpu: one becomes one dispatch, with the arithmetic after it."""

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.channel_gather import ChannelGatherKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ops.channel_gather import NOT_AT_HAND, ChannelGather
from rt3d_mlir.passes.schedule.one_input import replace_reader


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
    tables = {"channel_gather.channels": np.ascontiguousarray(table.reshape(-1))}
    replace_reader(
        found, lambda source, out: (ChannelGatherKernel(table, source, out), tables), rewriter, module, state
    )
    return None
