"""The depthwise part of schedule-cpu: a depthwise conv and its epilogue become one dispatch."""

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.blocked import destination
from rt3d_mlir.passes.cpu_depthwise import DepthwiseKernel
from rt3d_mlir.passes.cpu_plan import conv_halo
from rt3d_mlir.passes.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.dispatch import emit_dispatch
from rt3d_mlir.passes.epilogue import epilogue_after
from rt3d_mlir.targets import Target


def schedule_depthwise(
    op: ir.OpView, module: ir.Module, rewriter: rewrite.PatternRewriter, state: State, target: Target
) -> Failure | None:
    """Replaces a depthwise conv of a module that `note_halos` has seen; 'no match' for any other op."""
    conv = DepthwiseConv.match(op)
    if conv is None:
        return NO_MATCH
    epilogue = epilogue_after(op.results[0], state)
    last, out = destination(epilogue.result if epilogue else op.results[0])
    kernel = DepthwiseKernel(
        target=target,
        window=conv.kernel,
        filters=conv.filters,
        channels=conv.channels,
        source=tuple(conv.x.type.shape[1:5]),
        halo=conv_halo(conv),
        strides=conv.strides,
        dilations=conv.dilations,
        out=out,
    )
    with ir.InsertionPoint(last.owner), last.owner.location:
        vectors = epilogue.flat_vectors(state, conv.layer, out.blocks * out.block) if epilogue else ()
        result = emit_dispatch(
            module,
            conv.layer,
            [conv.x, conv.weights, *vectors],
            ir.RankedTensorType(last.type),
            kernel.grid,
            lambda bindings, ids: kernel.body(bindings, ids, epilogue and epilogue.apply),
        )
    rewriter.replace_op(last.owner, [result])
    return None
