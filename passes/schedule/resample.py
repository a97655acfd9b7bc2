"""The resampling part of schedule-cpu: a map along space becomes one dispatch, with the arithmetic after it."""

from functools import partial

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.resample import ResampleKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.epilogue import epilogue_after
from rt3d_mlir.passes.ops.resample import NOT_AT_HAND, Resample
from rt3d_mlir.passes.schedule.destination import destination
from rt3d_mlir.targets import CpuTarget


def schedule_resample(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State, target: CpuTarget
) -> Failure | None:
    """Replaces a blocked resampling; 'no match' for any other op."""
    found = Resample.match(op)
    if found is None:
        return NO_MATCH
    separable = found.numbers(state.weights)
    if separable is None:
        return state.refuse("schedule-cpu", found.name, NOT_AT_HAND)
    x, source = view(found.x)
    epilogue = epilogue_after(op.results[0], state)
    to = destination(epilogue.result if epilogue else op.results[0])
    kernel = ResampleKernel(target, separable, source, to.out)
    with to.place(op, epilogue and epilogue.op):
        tables = [
            constant(state, "resample.positions", kernel.positions),
            constant(state, "resample.weights", kernel.weights),
        ]
        channels = to.out.blocks * to.out.block
        inputs = [x, *tables, *(epilogue.inputs(state, found.name, channels) if epilogue else ())]
        to.dispatch(rewriter, module, found.name, inputs, kernel.grid, partial(kernel.body, epilogue=epilogue))
    return None
