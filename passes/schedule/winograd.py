"""schedule-cpu's rule for the steps of a Winograd conv: each becomes a dispatch, the last with what follows it."""

from functools import partial

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.winograd import InputKernel, OutputKernel, ProductKernel
from rt3d_mlir.passes.emit.dispatch import KernelCode, emit_dispatch
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.epilogue import epilogue_after
from rt3d_mlir.passes.ops.winograd_steps import INPUT, PRODUCT, Step
from rt3d_mlir.passes.schedule.destination import destination
from rt3d_mlir.passes.schedule.plan import tiling_pool_after
from rt3d_mlir.targets import CpuTarget


def schedule_winograd(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State, target: CpuTarget
) -> Failure | None:
    """Replaces one step by its dispatch. The product's is called like the layer: it does the layer's work."""
    step = Step.match(op)
    if step is None:
        return NO_MATCH
    if step.step == INPUT:
        return _input(step, module, rewriter, state)
    if step.step == PRODUCT:
        return _product(step, module, rewriter, target)
    return _output(step, module, rewriter, state, target)


def _input(step: Step, module: ir.Module, rewriter: rewrite.PatternRewriter, state: State) -> None:
    result = step.op.results[0]
    x, source = view(step.source)
    kernel = InputKernel(step.facts, source, tuple(result.type.shape))
    with ir.InsertionPoint(step.op), step.op.location:
        inputs = [x, _starts(step, state)]
        name = f"{step.facts.layer}_winograd_input"
        code = KernelCode(kernel.grid, kernel.body)
        value = emit_dispatch(module, name, inputs, ir.RankedTensorType(result.type), code)
    rewriter.replace_op(step.op, [value])


def _product(step: Step, module: ir.Module, rewriter: rewrite.PatternRewriter, target: CpuTarget) -> None:
    result = step.op.results[0]
    kernel = product_kernel(step, target)
    with ir.InsertionPoint(step.op), step.op.location:
        inputs = [step.source, step.factors]
        kind = ir.RankedTensorType(result.type)
        value = emit_dispatch(module, step.facts.layer, inputs, kind, KernelCode(kernel.grid, kernel.body))
    rewriter.replace_op(step.op, [value])


def product_kernel(step: Step, target: CpuTarget) -> ProductKernel:
    """The kernel of a product step."""
    shapes = (tuple(value.type.shape) for value in (step.source, step.factors, step.op.results[0]))
    return ProductKernel(target, step.facts, *shapes)


def _output(step: Step, module: ir.Module, rewriter: rewrite.PatternRewriter, state: State, target: CpuTarget) -> None:
    epilogue = epilogue_after(step.op.results[0], state)
    value = epilogue.result if epilogue else step.op.results[0]
    pool, tile = tiling_pool_after(value), step.facts.tiling.tile
    apart = step.facts.tiling.down * step.facts.tiling.right > 1
    if pool is not None and (apart or any(tile % extent for extent in pool.kernel[1:])):
        pool = None
    to = destination(pool.op.results[0] if pool else value)
    source = tuple(step.source.type.shape)
    kernel = OutputKernel(target, step.facts, source, to.out, pool.kernel if pool else (1, 1, 1))
    with to.place(step.op, epilogue and epilogue.op, pool and pool.op):
        name, filters = f"{step.facts.layer}_winograd_output", source[2] * source[6]
        operands = epilogue.inputs(state, step.facts.layer, filters) if epilogue else []
        inputs = [step.source, _starts(step, state), *operands]
        to.dispatch(rewriter, module, name, inputs, kernel.grid, partial(kernel.body, epilogue=epilogue))


def _starts(step: Step, state: State) -> ir.Value:
    return constant(state, f"{step.facts.layer}.tiles", step.facts.tiling.starts())
