"""The rules of block-layout for channels that are interleaved in space, as behind transposed convs.

interleave(unpack(x)) = unpack(interleave of the blocks)      slice(unpack(interleave)) = unpack(a smaller interleave)
"""

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure
from rt3d_mlir.passes.ir.build import fused_location
from rt3d_mlir.passes.ir.match import defining_op, integers
from rt3d_mlir.passes.ops import interleave
from rt3d_mlir.passes.ops.channel_layout import blocked_source, unpack_channels
from rt3d_mlir.passes.ops.interleave import Interleave
from rt3d_mlir.passes.ops.phases import PlainInterleave


def block_interleave(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Replaces a collapse_shape that ends an interleave of an unpacked tensor by one of the blocked tensor."""
    found = PlainInterleave.match(op.results[0])
    blocked = blocked_source(found.source) if found else None
    shape = list(op.results[0].type.shape)
    if found is None or blocked is None or len(shape) != 5:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = interleave.build(blocked, shape[1], shape[2:], found.phases, [0, 0, 0])
        plain = unpack_channels(new, shape)
    rewriter.replace_op(op, [plain])
    return None


def cut_interleave(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Replaces a slice in space of an unpacked interleave by an interleave that makes no more than that."""
    blocked = blocked_source(op.operands[0])
    owner = None if blocked is None else defining_op(blocked)
    found = None if owner is None else Interleave.match(owner)
    kind = op.results[0].type
    if found is None or owner is None or len(op.operands) != 1 or len(kind.shape) != 5:
        return NO_MATCH
    offsets, sizes, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    if set(strides) != {1} or sizes != list(kind.shape) or sizes[:2] != list(op.operands[0].type.shape)[:2]:
        return NO_MATCH
    with rewriter.ip, fused_location(owner, op):
        low = [a + b for a, b in zip(found.low, offsets[2:], strict=True)]
        new = interleave.build(found.x, found.channels[0], sizes[2:], found.phases, low)
        plain = unpack_channels(new, sizes)
    rewriter.replace_op(op, [plain])
    return None
