"""The means and variances of a norm become two dispatches: parts of the activation, then groups of channels."""

from dataclasses import dataclass
from functools import partial

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.cpu.moments import MomentPartsKernel, combination_body
from rt3d_mlir.passes.emit.dispatch import GpuLaunch, KernelCode, emit_dispatch
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure
from rt3d_mlir.passes.gpu.moments import GpuMomentPartsKernel, gpu_combination_body
from rt3d_mlir.passes.ir.build import fused_location
from rt3d_mlir.passes.ir.match import defining_op
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.moment_parts import Combination, Parts
from rt3d_mlir.passes.ops.moments import Mean, Variance
from rt3d_mlir.targets import CpuTarget


def cpu_moments(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, target: CpuTarget
) -> Failure | None:
    """Replaces a variance and the mean that it is taken around; 'no match' for any other op."""
    found = _Moments.of(op)
    if found is None:
        return NO_MATCH
    x, source = view(found.mean.x)
    first = MomentPartsKernel(target, source)
    second = Combination(first.parts, found.mean.groups)
    added = KernelCode(second.grid, partial(combination_body, second))
    found.replace(x, first.parts, (KernelCode(first.parts.grid, first.body), added), module, rewriter)
    return None


def gpu_moments(op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module) -> Failure | None:
    """The same by kernels of threads, for channel blocks of 4."""
    found = _Moments.of(op)
    if found is None:
        return NO_MATCH
    x, source = view(found.mean.x)
    first = GpuMomentPartsKernel(source)
    second, launch = Combination(first.parts, found.mean.groups), GpuLaunch(first.threads)
    added = KernelCode(second.grid, partial(gpu_combination_body, second), launch)
    found.replace(x, first.parts, (KernelCode(first.parts.grid, first.body, launch), added), module, rewriter)
    return None


@dataclass(frozen=True, eq=False)
class _Moments:
    """A variance and the mean that it is taken around."""

    mean: Mean
    variance: Variance

    @staticmethod
    def of(op: ir.OpView) -> "_Moments | None":
        variance = Variance.match(op)
        around = defining_op(variance.mean) if variance is not None else None
        mean = Mean.match(around) if around is not None else None
        return _Moments(mean, variance) if mean is not None and variance is not None else None

    def replace(
        self,
        x: ir.Value,
        parts: Parts,
        kernels: tuple[KernelCode, KernelCode],
        module: ir.Module,
        rewriter: rewrite.PatternRewriter,
    ) -> None:
        """Puts the two dispatches in place of the mean, which comes first; the first of them reads `x`."""
        batch, blocks, *ones, block = sizes = list(self.mean.op.results[0].type.shape)
        f32 = ir.F32Type.get()
        with ir.InsertionPoint(self.mean.op), fused_location(self.mean.op, self.variance.op):
            of_parts = ir.RankedTensorType.get(parts.shape, f32)
            cut = emit_dispatch(module, "norm_parts", [x], of_parts, kernels[0])
            whole = ir.RankedTensorType.get([batch, 2 * blocks, *ones, block], f32)
            both = emit_dispatch(module, "norm_moments", [cut], whole, kernels[1])
            kind = ir.RankedTensorType.get(sizes, f32)
            views = [
                tensor.extract_slice(kind, both, [], [], [], [0, first, 0, 0, 0, 0], sizes, [1] * 6)
                for first in (0, blocks)
            ]
        for old, new in ((self.variance, views[1]), (self.mean, views[0])):
            rewriter.replace_op(old.op, [new])
