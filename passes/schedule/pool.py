"""The pools' part of schedule-cpu: a max or average pool becomes one dispatch, with the arithmetic behind it."""

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
from rt3d_mlir.targets import Target


def schedule_pool(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State, target: Target
) -> Failure | None:
    """Replaces a blocked pool; 'no match' for any other op."""
    pool = MaxPool.match(op) or AvgPool.match(op, state)
    if pool is None:
        return NO_MATCH
    x, source = view(pool.x)
    epilogue = epilogue_after(op.results[0], state)
    to = destination(epilogue.result if epilogue else op.results[0])
    if isinstance(pool, AvgPool):
        name, kernel = "avg_pool", AvgPoolKernel(target, pool, source, to.out)
    else:
        name, kernel = "max_pool", PoolKernel(pool, source, to.out)
    with to.place(op, epilogue and epilogue.op):
        scale = [constant(state, "avg_pool.scale", pool.scale)] if isinstance(pool, AvgPool) else []
        channels = to.out.blocks * to.out.block
        inputs = [x, *scale, *(epilogue.inputs(state, name, channels) if epilogue else ())]
        to.dispatch(rewriter, module, name, inputs, kernel.grid, partial(kernel.body, epilogue=epilogue))
    return None
