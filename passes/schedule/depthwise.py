"""The depthwise part of schedule-cpu: a depthwise conv and its epilogue become one dispatch."""

from functools import partial

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.depthwise import DepthwiseKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.epilogue import Epilogue, epilogue_after
from rt3d_mlir.passes.ops.halo import conv_halo
from rt3d_mlir.passes.schedule.destination import Destination, destination
from rt3d_mlir.targets import CpuTarget


def schedule_depthwise(
    op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State, target: CpuTarget
) -> Failure | None:
    """Replaces a depthwise conv of a module that `note_halos` has seen; 'no match' for any other op."""
    conv = DepthwiseConv.match(op)
    if conv is None:
        return NO_MATCH
    x, epilogue, kernel, to = depthwise_kernel(conv, state, target)
    with to.place(op, epilogue and epilogue.op):
        channels = to.out.blocks * to.out.block
        inputs = [x, conv.weights, *(epilogue.inputs(state, conv.layer, channels) if epilogue else ())]
        to.dispatch(rewriter, module, conv.layer, inputs, kernel.grid, partial(kernel.body, epilogue=epilogue))
    return None


def depthwise_kernel(
    conv: DepthwiseConv, state: State, target: CpuTarget
) -> tuple[ir.Value, Epilogue | None, DepthwiseKernel, Destination]:
    """What a depthwise conv reads, the epilogue that it takes along, its kernel, and where that writes."""
    epilogue = epilogue_after(conv.op.results[0], state)
    x, source = view(conv.x)
    to = destination(epilogue.result if epilogue else conv.op.results[0])
    kernel = DepthwiseKernel(
        target=target,
        window=conv.kernel,
        filters=conv.filters,
        channels=conv.channels,
        source=source,
        halo=conv_halo(conv),
        strides=conv.strides,
        dilations=conv.dilations,
        out=to.out,
    )
    return x, epilogue, kernel, to
