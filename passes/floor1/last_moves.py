"""The rules of channels-first for what moves numbers: f(last(x)) = last(f with its axes in the other order (x))."""

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.floor1.channels_last import ChannelsLast, shown
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure
from rt3d_mlir.passes.ir.build import padded
from rt3d_mlir.passes.ir.match import integers, pad_amounts


def move_concat(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Parts side by side, along any axis of whole values, or along the channels."""
    parts = [ChannelsLast.of(value) for value in op.operands]
    known = [part for part in parts if part is not None]
    axis, first = ir.IntegerAttr(op.attributes["dim"]).value, known[0] if known else None
    if first is None or len(known) < len(parts) or not all(part.is_whole for part in known):
        return NO_MATCH
    kind, rank = op.results[0].type, len(first.lead) + 1
    batch, *rest = kind.shape
    with rewriter.ip, op.operation.location:
        joined = ir.RankedTensorType.get([batch, rest[-1], *rest[:-1]], kind.element_type)
        volume = tensor.concat(joined, _axis(axis, rank), [part.volume for part in known])
        value = shown(volume, list(kind.shape)[:-1])
    rewriter.replace_op(op, [value])
    return None


def _axis(axis: int, rank: int) -> int:
    """Where an axis of [N, *P, C] is in [N, C, *P]."""
    return 0 if axis == 0 else 1 if axis == rank - 1 else axis + 1


def move_pad(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """A pad by a number."""
    amounts = pad_amounts(op)
    last = None if amounts is None else ChannelsLast.of(amounts.source)
    if amounts is None or last is None or not last.is_whole:
        return NO_MATCH
    low, high = (_first(side) for side in (amounts.low, amounts.high))
    with rewriter.ip, op.operation.location:
        value = shown(padded(last.volume, low, high, amounts.value), list(op.results[0].type.shape)[:-1])
    rewriter.replace_op(op, [value])
    return None


def move_slice(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """A part of a whole value."""
    last = ChannelsLast.of(op.operands[0])
    shape = list(op.results[0].type.shape)
    if last is None or not last.is_whole or len(op.operands) != 1 or len(shape) != len(last.lead) + 1:
        return NO_MATCH
    places = [integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides")]
    with rewriter.ip, op.operation.location:
        kind = ir.RankedTensorType.get(_first(shape), op.results[0].type.element_type)
        part = tensor.extract_slice(kind, last.volume, [], [], [], *map(_first, places))
        value = shown(part, shape[:-1])
    rewriter.replace_op(op, [value])
    return None


def _first(last: list[int]) -> list[int]:
    """Numbers by axis of [N, *P, C] as those of [N, C, *P]."""
    batch, *space, channels = last
    return [batch, channels, *space]
