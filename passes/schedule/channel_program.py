"""Programs over channels become one dispatch each: first those that end in all channels, then those of one number."""

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.channel_program import ChannelProgramKernel
from rt3d_mlir.passes.emit.dispatch import GpuLaunch
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State, apply_patterns
from rt3d_mlir.passes.gpu.channel_program import GpuChannelProgramKernel
from rt3d_mlir.passes.ir.match import is_elementwise, is_pure_scalar
from rt3d_mlir.passes.ops.channel_program import ChannelProgram, is_reduced_only, program_of, readers, spreads_reduction
from rt3d_mlir.passes.ops.channel_reduction import ChannelReduction
from rt3d_mlir.passes.schedule.destination import Destination, destination
from rt3d_mlir.targets import CpuTarget, GpuTarget, Target


def schedule_channel_programs(module: ir.Module, state: State, target: Target) -> None:
    """Replaces all reductions over channels, with the arithmetic around them."""

    def whole(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        """Ends in arithmetic on all channels that takes what was reduced."""
        if len(op.results) != 1 or not _is_blocked(op.results[0]) or not spreads_reduction(op) or is_reduced_only(op):
            return NO_MATCH
        return _replace(op, rewriter, module, state, target)

    def reduced(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        """Ends in one number a position, of a reduction or of arithmetic behind it."""
        if len(op.results) != 1 or not _is_blocked(op.results[0]) or _goes_on(op):
            return NO_MATCH
        is_one = ChannelReduction.marks(op) or (is_elementwise(op) and op.results[0].type.shape[1] == 1)
        return _replace(op, rewriter, module, state, target) if is_one else NO_MATCH

    def alone(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        return _replace(op, rewriter, module, state, target) if ChannelReduction.marks(op) else NO_MATCH

    for rule in (whole, reduced, alone):
        apply_patterns(module, {"linalg.generic": rule})


def _replace(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State, target: Target
) -> Failure | None:
    """Puts a dispatch in place of the program that ends in `op`; 'no match' where it reduces nothing."""
    program = program_of(op, state)
    if program is None or (isinstance(target, GpuTarget) and op.results[0].type.shape[5] != target.lanes):
        return NO_MATCH
    aligned = target.offset_alignment if isinstance(target, GpuTarget) else None
    to = destination(op.results[0], aligned)
    with to.place(*program.ops):
        inputs = program.inputs(state)
        kernel, launch = _kernel(program, [len(each) for each in inputs], to, target)
        flat = [value for each in inputs for value in each]
        to.dispatch(rewriter, module, "channels", flat, kernel.grid, kernel.body, launch)
    return None


def _kernel(
    program: ChannelProgram, counts: list[int], to: Destination, target: Target
) -> tuple[ChannelProgramKernel | GpuChannelProgramKernel, GpuLaunch | None]:
    if isinstance(target, CpuTarget):
        return ChannelProgramKernel(target, program, counts, to.out), None
    kernel = GpuChannelProgramKernel(program, counts, to.out)
    return kernel, GpuLaunch(kernel.threads)


def _is_blocked(value: ir.Value) -> bool:
    return isinstance(value.type, ir.RankedTensorType) and len(value.type.shape) == 6


def _goes_on(op: ir.OpView) -> bool:
    """Whether all that reads numbers, one a position, is arithmetic on such numbers, or is reduced again."""
    found = readers(op.results[0])
    return bool(found) and all(map(_is_in_between, found))


def _is_in_between(op: ir.OpView) -> bool:
    if op.name != "linalg.generic" or not is_elementwise(op) or not is_pure_scalar(op):
        return False
    return is_reduced_only(op) or (op.results[0].type.shape[1] == 1 and not spreads_reduction(op))
