"""The rules of block-layout for concatenation, slices, and slices that are written: copies of whole channel blocks.

    concat(unpack(x), unpack(y)) = unpack(x and y inserted into one tensor)        slice(unpack(x)) = unpack(slice(x))
    write(unpack(x), unpack(y)) = unpack(x inserted into y)

Along channels, all parts but the last have whole blocks, and a slice starts at one. Others are block_channels'
business. What is written into zeros elsewhere is a pad.
"""

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.floor2.block_channels import padded_by_zeros
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import empty
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import integers
from rt3d_mlir.passes.ops.channel_layout import blocked_source, pack_channels, packed_anyway, unpack_channels


def block_concat(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Replaces a tensor.concat over channels of unpacked tensors by a chain of insert_slices of the blocked ones."""
    if ir.IntegerAttr(op.attributes["dim"]).value != 1 or len(op.results[0].type.shape) != 5:
        return NO_MATCH
    parts = [(value, blocked_source(value)) for value in op.operands]
    known = {blocked.type.shape[-1] for _, blocked in parts if blocked is not None}
    if len(known) != 1 or any(blocked is None and not packed_anyway(value) for value, blocked in parts):
        return NO_MATCH
    (block,) = known
    channels = [value.type.shape[1] for value in op.operands]
    if any(count % block for count in channels[:-1]):
        return NO_MATCH
    shape = list(op.results[0].type.shape)
    batch, total, *spatial = shape
    with rewriter.ip, op.operation.location:
        joined = empty([batch, -(-total // block), *spatial, block])
        at = 0
        for value, blocked in parts:
            part = pack_channels(value, block) if blocked is None else blocked
            joined = tensor.insert_slice(part, joined, [], [], [], [0, at, 0, 0, 0, 0], list(part.type.shape), [1] * 6)
            at += part.type.shape[1]
        plain = unpack_channels(joined, shape)
    rewriter.replace_op(op, [plain])
    return None


def join_along_space(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Replaces a tensor.concat over clips or along space of unpacked tensors by a chain of insert_slices."""
    axis, shape = ir.IntegerAttr(op.attributes["dim"]).value, list(op.results[0].type.shape)
    parts = [(value, blocked_source(value)) for value in op.operands]
    known = {blocked.type.shape[-1] for _, blocked in parts if blocked is not None}
    if axis == 1 or len(shape) != 5 or len(known) != 1:
        return NO_MATCH
    if any(blocked is None and not packed_anyway(value) for value, blocked in parts):
        return NO_MATCH
    (block,) = known
    with rewriter.ip, op.operation.location:
        joined = empty([shape[0], -(-shape[1] // block), *shape[2:], block])
        offsets = [0] * 6
        for value, blocked in parts:
            part = pack_channels(value, block) if blocked is None else blocked
            joined = tensor.insert_slice(part, joined, [], [], [], offsets, list(part.type.shape), [1] * 6)
            offsets[axis] += part.type.shape[axis]
        plain = unpack_channels(joined, shape)
    rewriter.replace_op(op, [plain])
    return None


def block_write(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a static insert_slice of an unpacked tensor, of whole blocks or into zeros."""
    (part, dest, *dynamic), shape = op.operands, list(op.results[0].type.shape)
    blocked, home = blocked_source(part), blocked_source(dest)
    offsets, sizes, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    if blocked is None or dynamic or len(shape) != 5 or {*strides} != {1} or sizes != list(part.type.shape):
        return NO_MATCH
    found = constant_value(dest, state.weights)
    if found is not None and not found[0].any():
        high = [extent - first - size for extent, first, size in zip(shape, offsets, sizes, strict=True)]
        with rewriter.ip, op.operation.location:
            rewriter.replace_op(op, [padded_by_zeros(part, offsets, high)])
        return None
    block = blocked.type.shape[-1]
    ends = offsets[1] + sizes[1] == shape[1] or sizes[1] % block == 0
    if offsets[1] % block or not ends or (home is None and not packed_anyway(dest)):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        into = pack_channels(dest, block) if home is None else home
        place = [offsets[0], offsets[1] // block, *offsets[2:], 0]
        written = tensor.insert_slice(blocked, into, [], [], [], place, list(blocked.type.shape), [1] * 6)
        plain = unpack_channels(written, shape)
    rewriter.replace_op(op, [plain])
    return None


def block_slice(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Moves an unpack through a static extract_slice without strides."""
    blocked = blocked_source(op.operands[0])
    if blocked is None or len(op.operands) != 1 or len(op.results[0].type.shape) != 5:
        return NO_MATCH
    offsets, sizes, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    block = blocked.type.shape[-1]
    whole = offsets[1] + sizes[1] == op.operands[0].type.shape[1] or sizes[1] % block == 0
    if set(strides) != {1} or sizes != list(op.results[0].type.shape) or offsets[1] % block or not whole:
        return NO_MATCH
    offsets = [offsets[0], offsets[1] // block, *offsets[2:], 0]
    sizes = [sizes[0], -(-sizes[1] // block), *sizes[2:], block]
    kind = ir.RankedTensorType.get(sizes, blocked.type.element_type)
    with rewriter.ip, op.operation.location:
        view = tensor.extract_slice(kind, blocked, [], [], [], offsets, sizes, [1] * 6)
        plain = unpack_channels(view, list(op.results[0].type.shape))
    rewriter.replace_op(op, [plain])
    return None
