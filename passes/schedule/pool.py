"""The pools' part of schedule-cpu: a max or average pool becomes one dispatch, with the arithmetic after it."""

from functools import partial

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.avg_pool import AvgPoolKernel
from rt3d_mlir.passes.cpu.pool import PoolKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.epilogue import epilogue_after
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.schedule.destination import destination
from rt3d_mlir.targets import CpuTarget


def schedule_pool(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State, target: CpuTarget
) -> Failure | None:
    """Replaces a blocked pool; 'no match' for any other op."""
    pool = MaxPool.match(op) or AvgPool.match(op)
    if pool is None:
        return NO_MATCH
    scale = pool.factors(state.weights) if isinstance(pool, AvgPool) else None
    if isinstance(pool, AvgPool) and scale is None:
        return state.refuse("schedule-cpu", pool.name, "its scale is no constant at hand")
    x, source = view(pool.x)
    epilogue = epilogue_after(op.results[0], state)
    to = destination(epilogue.result if epilogue else op.results[0])
    if isinstance(pool, AvgPool):
        kernel = AvgPoolKernel(target, pool, source, to.out)
    else:
        kernel = PoolKernel(pool, source, to.out)
    with to.place(op, epilogue and epilogue.op):
        factors = [] if scale is None else [constant(state, f"{pool.name}.scale", scale)]
        channels = to.out.blocks * to.out.block
        inputs = [x, *factors, *(epilogue.inputs(state, pool.name, channels) if epilogue else ())]
        to.dispatch(rewriter, module, pool.name, inputs, kernel.grid, partial(kernel.body, epilogue=epilogue))
    return None
