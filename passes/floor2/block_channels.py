"""The rules of block-layout for channels that move where blocks do not stay whole.

    f(unpack(x)) = unpack(gather(x)), where f gives channels of x, or zeros, in any order (channel_gather)

f is a slice, a pad, a shuffle (reshape, transpose, reshape), or a generic that reads at a computed channel. Parts of a
concatenation are first joined as they are, each from a block of its own on; the gather closes the gaps. A gather of a
gather is one.
"""

from collections.abc import Sequence

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.floor2.block_resample import line_of, numbers_of
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import empty, padded
from rt3d_mlir.passes.ir.evaluate import evaluate_body
from rt3d_mlir.passes.ir.match import (
    body_ops,
    defining_op,
    integers,
    is_elementwise,
    is_f32,
    pad_amounts,
    reassociation,
)
from rt3d_mlir.passes.ops import channel_gather
from rt3d_mlir.passes.ops.channel_gather import ChannelGather
from rt3d_mlir.passes.ops.channel_layout import blocked_source, pack_channels, packed_anyway, unpack_channels


def gather_slice(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a static extract_slice of an unpacked tensor that cuts through a block, or steps over channels."""
    blocked, shape = blocked_source(op.operands[0]), list(op.results[0].type.shape)
    if blocked is None or len(op.operands) != 1 or len(shape) != 5:
        return NO_MATCH
    offsets, sizes, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    channels = offsets[1] + np.arange(sizes[1]) * strides[1]
    if sizes != shape or strides[0] != 1:
        return NO_MATCH
    if {*strides[2:]} != {1}:
        return _steps_first(op, offsets, sizes, strides, rewriter)
    with rewriter.ip, op.operation.location:
        source, first = list(blocked.type.shape), [offsets[0], 0, *offsets[2:], 0]
        cut = [sizes[0], source[1], *sizes[2:], source[5]]
        if cut != source:
            kind = ir.RankedTensorType.get(cut, blocked.type.element_type)
            blocked = tensor.extract_slice(kind, blocked, [], [], [], first, cut, [1] * 6)
        plain = unpack_channels(_gathered(state, blocked, channels), shape)
    rewriter.replace_op(op, [plain])
    return None


def _steps_first(
    op: ir.OpView, offsets: list[int], sizes: list[int], strides: list[int], rewriter: rewrite.PatternRewriter
) -> Failure | None:
    """A slice of channels that steps through space, as one along space and one of channels."""
    x, kind = op.operands[0], ir.RankedTensorType(op.results[0].type)
    if [sizes[1], strides[1]] == [x.type.shape[1], 1]:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        whole = [sizes[0], x.type.shape[1], *sizes[2:]]
        step, first = [1, 1, *strides[2:]], [offsets[0], 0, *offsets[2:]]
        inner = ir.RankedTensorType.get(whole, kind.element_type)
        value = tensor.extract_slice(inner, x, [], [], [], first, whole, step)
        place, step = [0, offsets[1], 0, 0, 0], [1, strides[1], 1, 1, 1]
        value = tensor.extract_slice(kind, value, [], [], [], place, sizes, step)
    rewriter.replace_op(op, [value])
    return None


def gather_concat(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a tensor.concat over channels of unpacked tensors whose parts are no whole blocks."""
    parts = [(value, blocked_source(value)) for value in op.operands]
    known = {blocked.type.shape[-1] for _, blocked in parts if blocked is not None}
    shape = list(op.results[0].type.shape)
    if ir.IntegerAttr(op.attributes["dim"]).value != 1 or len(shape) != 5 or len(known) != 1:
        return NO_MATCH
    if any(blocked is None and not packed_anyway(value) for value, blocked in parts):
        return NO_MATCH
    (block,) = known
    counts = [value.type.shape[1] for value in op.operands]
    blocks = [-(-count // block) for count in counts]
    starts = np.cumsum([0, *blocks])[:-1]
    with rewriter.ip, op.operation.location:
        joined = empty([shape[0], sum(blocks), *shape[2:], block])
        for (value, blocked), at in zip(parts, starts, strict=True):
            part = pack_channels(value, block) if blocked is None else blocked
            place = [0, int(at), 0, 0, 0, 0]
            joined = tensor.insert_slice(part, joined, [], [], [], place, list(part.type.shape), [1] * 6)
        channels = [at * block + np.arange(count) for at, count in zip(starts, counts, strict=True)]
        plain = unpack_channels(channel_gather.build(state, joined, np.concatenate(channels)), shape)
    rewriter.replace_op(op, [plain])
    return None


def gather_pad(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a pad of channels by zeros, as shortcuts between layers of different widths have it."""
    amounts = pad_amounts(op)
    blocked = None if amounts is None else blocked_source(amounts.source)
    shape = list(op.results[0].type.shape)
    if amounts is None or blocked is None or amounts.value != 0 or len(shape) != 5:
        return NO_MATCH
    (_, low, *_), (_, high, *_) = amounts.low, amounts.high
    if not low + high:
        return NO_MATCH
    if sum(amounts.low) + sum(amounts.high) > low + high:
        with rewriter.ip, op.operation.location:
            rewriter.replace_op(op, [padded_by_zeros(amounts.source, amounts.low, amounts.high)])
        return None
    channels = [*[-1] * low, *range(amounts.source.type.shape[1]), *[-1] * high]
    with rewriter.ip, op.operation.location:
        plain = unpack_channels(_gathered(state, blocked, np.asarray(channels)), shape)
    rewriter.replace_op(op, [plain])
    return None


def padded_by_zeros(x: ir.Value, low: Sequence[int], high: Sequence[int]) -> ir.Value:
    """[N, C, D, H, W] with zeros around, as a pad of all but the channels and one of these: each has a rule."""
    others = padded(x, [low[0], 0, *low[2:]], [high[0], 0, *high[2:]], 0.0)
    return padded(others, [0, low[1], 0, 0, 0], [0, high[1], 0, 0, 0], 0.0)


def gather_shuffle(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a collapse_shape behind a transpose behind an expand_shape that split the channels and joins them."""
    transpose = defining_op(op.operands[0])
    expand = None if transpose is None or transpose.name != "linalg.transpose" else defining_op(transpose.operands[0])
    if transpose is None or expand is None or expand.name != "tensor.expand_shape":
        return NO_MATCH
    blocked, shape = blocked_source(expand.operands[0]), list(op.results[0].type.shape)
    split, joined = reassociation(expand), reassociation(op)
    if blocked is None or len(shape) != 5 or split != joined or any(len(split[axis]) > 1 for axis in (0, 2, 3, 4)):
        return NO_MATCH
    order = integers(transpose.attributes["permutation"])
    if any(order[axis] != axis for axis in range(len(order)) if axis not in split[1]):
        return NO_MATCH
    extents = [transpose.operands[0].type.shape[axis] for axis in split[1]]
    channels = np.arange(shape[1]).reshape(extents).transpose([order[axis] - 1 for axis in split[1]]).reshape(-1)
    with rewriter.ip, op.operation.location:
        plain = unpack_channels(_gathered(state, blocked, channels), shape)
    rewriter.replace_op(op, [plain])
    return None


def gather_index(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a generic that reads an unpacked tensor at computed channels, each number's position in place."""
    reads = [inner for inner in body_ops(op) if inner.name == "tensor.extract"]
    if len(reads) != 1 or not is_elementwise(op) or not is_f32(op.results[0]):
        return NO_MATCH
    blocked, shape = blocked_source(reads[0].operands[0]), list(op.results[0].type.shape)
    if blocked is None or len(shape) != 5 or list(body_ops(op)[-1].operands) != list(reads[0].results):
        return NO_MATCH
    lines: list[np.ndarray | None] = []

    def keep(inner: ir.OpView, operands: Sequence) -> None:
        if inner.name == "tensor.extract":
            places = zip(operands[1:], shape, strict=True)
            lines.extend(line_of(place, axis, extent) for axis, (place, extent) in enumerate(places))

    inputs = zip(op.inputs, op.attributes["indexing_maps"], strict=False)
    evaluate_body(op, [numbers_of(value, mapping, state) for value, mapping in inputs], other=keep)
    whole = [np.arange(extent) for extent in reads[0].operands[0].type.shape]
    known = [line for line in lines if line is not None]
    if len(lines) != 5 or len(known) != 5 or any(not np.array_equal(known[i], whole[i]) for i in (0, 2, 3, 4)):
        return NO_MATCH
    channels = known[1]
    if (channels < 0).any() or (channels >= len(whole[1])).any():
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        plain = unpack_channels(_gathered(state, blocked, channels), shape)
    rewriter.replace_op(op, [plain])
    return None


def _gathered(state: State, blocked: ir.Value, channels: np.ndarray) -> ir.Value:
    """The channels of a blocked tensor, or of what that gathers."""
    op = defining_op(blocked)
    found = None if op is None or op.name != "linalg.generic" else ChannelGather.match(op)
    table = found and found.table(state.weights)
    if found is None or table is None:
        return channel_gather.build(state, blocked, channels)
    return channel_gather.build(state, found.x, np.where(channels < 0, -1, table.reshape(-1)[channels]))
