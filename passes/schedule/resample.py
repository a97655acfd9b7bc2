"""The resampling part of schedule-cpu: a map along space becomes one dispatch, with the arithmetic after it."""

from collections.abc import Mapping

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.resample import ResampleKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.resample import NOT_AT_HAND, Resample
from rt3d_mlir.passes.schedule.one_input import ReaderKernel, replace_reader
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

    def make(source: Blocked, out: Blocked) -> tuple[ReaderKernel, Mapping[str, np.ndarray]]:
        kernel = ResampleKernel(target, separable, source, out)
        return kernel, {"resample.positions": kernel.positions, "resample.weights": kernel.weights}

    replace_reader(found, make, rewriter, module, state)
    return None
