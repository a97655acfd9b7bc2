"""The rule of block-layout for reductions over channels: reduce(unpack(x)) = unpack(reduce(x in blocks))."""

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure
from rt3d_mlir.passes.ir.reductions import Reduction
from rt3d_mlir.passes.ops import channel_reduction
from rt3d_mlir.passes.ops.channel_layout import blocked_source, unpack_channels


def block_reduction(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Replaces a sum, maximum or minimum over channels, [N, C, D, H, W] -> [N, 1, D, H, W], of an unpacked tensor."""
    found = Reduction.of(op)
    blocked = None if found is None else blocked_source(found.x)
    if found is None or blocked is None or found.axes != (1,) or not found.kept:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        total = channel_reduction.build(blocked, found.kind, found.x.type.shape[1])
        plain = unpack_channels(total, list(op.results[0].type.shape))
    rewriter.replace_op(op, [plain])
    return None
