"""The pools' part of schedule-cpu: a max or average pool becomes one dispatch, with the arithmetic after it."""

from collections.abc import Mapping

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.avg_pool import AvgPoolKernel
from rt3d_mlir.passes.cpu.pool import PoolKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.schedule.one_input import ReaderKernel, replace_reader
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

    def make(source: Blocked, out: Blocked) -> tuple[ReaderKernel, Mapping[str, np.ndarray]]:
        if isinstance(pool, MaxPool):
            return PoolKernel(pool, source, out), {}
        return AvgPoolKernel(target, pool, source, out), {} if scale is None else {f"{pool.name}.scale": scale}

    replace_reader(pool, make, rewriter, module, state)
    return None
