"""The rules of lift-to-3d for channels that are interleaved in space, and for slices.

interleave(lowered(x)) = lowered(interleave(x))        slice(lowered(x)) = lowered(slice(x))
"""

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.floor1.lifting import RANK, lifted_shape, lowered, lowered_source
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure
from rt3d_mlir.passes.ir.match import integers
from rt3d_mlir.passes.ops.phases import PlainInterleave, interleaved


def lift_interleave(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """A collapse_shape that ends the interleave of an image or a line that was lowered."""
    found = PlainInterleave.match(op.results[0])
    source = lowered_source(found.source) if found else None
    if found is None or source is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        result = lowered(interleaved(source, found.phases), op.results[0].type)
    rewriter.replace_op(op, [result])
    return None


def lift_slice(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """A static slice, with or without steps, of a value that was lowered."""
    source, kind = lowered_source(op.operands[0]), op.results[0].type
    offsets, sizes, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    if source is None or len(op.operands) != 1 or sizes != list(kind.shape):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = ir.RankedTensorType.get(lifted_shape(sizes), kind.element_type)
        missing = RANK - len(sizes)
        first, step = ([*side[:2], *[at] * missing, *side[2:]] for side, at in ((offsets, 0), (strides, 1)))
        part = tensor.extract_slice(new, source, [], [], [], first, lifted_shape(sizes), step)
        result = lowered(part, kind)
    rewriter.replace_op(op, [result])
    return None
