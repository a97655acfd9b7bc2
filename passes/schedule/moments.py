"""The means and variances of a norm become two dispatches: parts of the activation, then groups of channels."""

from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.emit.dispatch import KernelCode, emit_dispatch
from rt3d_mlir.passes.ir.build import fused_location
from rt3d_mlir.passes.ir.match import defining_op
from rt3d_mlir.passes.ops.moment_parts import Parts
from rt3d_mlir.passes.ops.moments import Mean, Variance


@dataclass(frozen=True)
class MomentKernels:
    """Both kernels of a target."""

    parts: Parts
    first: KernelCode
    second: KernelCode


def moments_of(op: ir.OpView) -> tuple[Mean, Variance] | None:
    """A variance and the mean that it is taken around; None for any other op."""
    variance = Variance.match(op)
    around = defining_op(variance.mean) if variance is not None else None
    mean = Mean.match(around) if around is not None else None
    return (mean, variance) if mean is not None and variance is not None else None


def replace_moments(
    moments: tuple[Mean, Variance],
    x: ir.Value,
    kernels: MomentKernels,
    module: ir.Module,
    rewriter: rewrite.PatternRewriter,
) -> None:
    """Puts the two dispatches in place of the mean, which comes first; `x` is the tensor that the first one reads."""
    mean, variance = moments
    batch, blocks, *ones, block = mean.op.results[0].type.shape
    f32 = ir.F32Type.get()
    with ir.InsertionPoint(mean.op), fused_location(mean.op, variance.op):
        parts = emit_dispatch(
            module, "norm_parts", [x], ir.RankedTensorType.get(kernels.parts.shape, f32), kernels.first
        )
        whole = ir.RankedTensorType.get([batch, 2 * blocks, *ones, block], f32)
        both = emit_dispatch(module, "norm_moments", [parts], whole, kernels.second)
        sizes = [batch, blocks, *ones, block]
        kind = ir.RankedTensorType.get(sizes, f32)
        views = [
            tensor.extract_slice(kind, both, [], [], [], [0, first, 0, 0, 0, 0], sizes, [1] * 6)
            for first in (0, blocks)
        ]
    for old, new in zip((variance.op, mean.op), reversed(views), strict=True):
        rewriter.replace_op(old, [new])
