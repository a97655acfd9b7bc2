"""channels-first: what is computed in channels-last order is computed in the order of the convs, channels first.

    f(last(x), last(y), bias) = last(f(x, y, bias))
    sum over the last axis of last(x) = last(sum over axis 1 of x)
    matmul(last(x), W) = last(conv1x1x1(x, W))
    first(last(x)) = x      where last(x) is the transpose of [N, C, *P] to [N, *P, C]

torch-mlir writes a layer norm or a linear layer between two permutations as PyTorch does, and TensorFlow's exports to
ONNX have two around each conv. Transposes sink through elementwise ops, reductions, linear layers, concatenations,
pads and slices until they meet their inverse or the end of the net. The blocked layout then holds from conv to conv.

Reductions over channels take one form here (channel_reductions): one op, whose result keeps its axis.

Given:
    %t = linalg.transpose ins(%x) permutation = [0, 2, 3, 4, 1] : to tensor<1x4x6x8x16xf32>
    %r = linalg.generic { maximumf } ins(%t) -> tensor<1x4x6x8x16xf32>
    %y = linalg.transpose ins(%r) permutation = [0, 4, 1, 2, 3] : to tensor<1x16x4x6x8xf32>
Result:
    %y = linalg.generic { maximumf } ins(%x) -> tensor<1x16x4x6x8xf32>
"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import linalg, tensor

from rt3d_mlir.passes.floor1.channel_reductions import (
    before_axis_drops,
    keep_axis,
    read_for_all_channels,
    split_reduction,
    without_index,
)
from rt3d_mlir.passes.floor1.channels_last import RESHAPES, ChannelsLast, shown
from rt3d_mlir.passes.floor1.last_elementwise import move_elementwise
from rt3d_mlir.passes.floor1.last_moves import move_concat, move_pad, move_slice
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, Pattern, State, apply_patterns, first_match
from rt3d_mlir.passes.ir.build import clone_body, constant, empty, filled, generic, maps
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import (
    defining_op,
    generic_body,
    integers,
    is_elementwise,
    is_f32,
    is_fill,
    static_shape,
)
from rt3d_mlir.passes.ir.reductions import Reduction, reduce_axis

_CONVS = {3: linalg.conv_1d_ncw_fcw, 4: linalg.conv_2d_nchw_fchw, 5: linalg.conv_3d_ncdhw_fcdhw}
_MATMUL = ("(m, n, k) -> (m, k)", "(m, n, k) -> (k, n)", "(m, n, k) -> (m, n)")


@dataclass(frozen=True)
class ChannelsFirst(Pass):
    """Sinks transposes to channels-last order; static shapes only."""

    name: ClassVar[str] = "channels-first"

    def run(self, module: ir.Module, state: State) -> None:
        reductions = (without_index, split_reduction, keep_axis, read_for_all_channels, before_axis_drops)
        moves = (_over_channels, _over_positions, partial(move_elementwise, state=state))
        patterns: dict[str, Pattern] = {
            "linalg.generic": first_match(*(partial(rule, state=state) for rule in reductions), *moves),
            "linalg.transpose": _cancel,
            "linalg.matmul": partial(_matmul, state=state),
            "linalg.batch_matmul": partial(_matmul, state=state),
            "tensor.concat": move_concat,
            "tensor.pad": move_pad,
            "tensor.extract_slice": move_slice,
            **dict.fromkeys(RESHAPES, _cancel_reshape),
        }
        for function in module.body.operations:
            for block in (block for region in function.operation.regions for block in region):
                _enter_channels_first(block)
        apply_patterns(module, patterns)


def _enter_channels_first(block: ir.Block) -> None:
    """What enters the net channels-last, and is transposed after arithmetic alone, is transposed first."""
    for argument in block.arguments:
        shape = static_shape(argument)
        if shape is None or not 3 <= len(shape) <= 5 or not is_f32(argument) or not _is_transposed_later(argument):
            continue
        batch, *space, channels = shape
        with ir.InsertionPoint.at_block_begin(block), block.owner.operation.location:
            volume = [batch, channels, *space]
            order = [0, len(shape) - 1, *range(1, len(shape) - 1)]
            first = linalg.transpose(argument, outs=[empty(volume)], permutation=order).results[0]
            value = shown(first, list(shape)[:-1])
        argument.replace_all_uses_except(value, first.owner.operation)


def _is_transposed_later(value: ir.Value) -> bool:
    """Whether elementwise arithmetic on a value, and on constants perhaps, is transposed to channels first."""
    rank = len(value.type.shape)
    users = [use.owner.opview for use in value.uses]
    computed = [op for op in users if op.name == "linalg.generic" and is_elementwise(op)]
    results = [op.results[0] for op in computed if list(op.results[0].type.shape) == list(value.type.shape)]
    order = [0, rank - 1, *range(1, rank - 1)]
    after = [use.owner.opview for result in results for use in result.uses]
    if any(op.name == "linalg.transpose" and integers(op.attributes["permutation"]) == order for op in after):
        return True
    return any(map(_is_transposed_later, results))


def _over_channels(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """A reduction over the last axis."""
    found = Reduction.of(op)
    last = None if found is None else ChannelsLast.of(found.x)
    if found is None or last is None or found.axes != (len(last.lead),):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        value = shown(reduce_axis(last.volume, found.kind, 1), last.lead)
        if not found.kept:
            *groups, behind = [[at] for at in range(len(last.lead))]
            kind = op.results[0].type
            value = tensor.collapse_shape(kind, value, [*groups, [*behind, len(last.lead)]])
    rewriter.replace_op(op, [value])
    return None


def _over_positions(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """A sum or maximum over all positions of a value that shows them, as a mean over them has it."""
    found = Reduction.of(op)
    last = None if found is None else ChannelsLast.of(found.x)
    if found is None or last is None or not last.is_whole or found.axes != tuple(range(1, len(last.lead))):
        return NO_MATCH
    rank, (batch, channels) = len(last.lead) + 1, last.volume.type.shape[:2]
    head = ", ".join(f"d{at}" for at in range(rank))
    written = ["d0", "d1", *["0"] * (rank - 2 if found.kept else 0)]
    with rewriter.ip, op.operation.location:
        start = filled([batch, channels, *[1] * (len(written) - 2)], _number(op))
        mapping = maps(f"({head}) -> ({head})", f"({head}) -> ({', '.join(written)})")
        total = generic([last.volume], start, mapping, rank - 2, lambda *given: clone_body(generic_body(op), given))
        value = total.results[0]
        result = shown(value, list(op.results[0].type.shape)[:-1]) if found.kept else value
    rewriter.replace_op(op, [result])
    return None


def _number(op: ir.OpView) -> float:
    """What a reduction starts with."""
    fill = defining_op(op.operands[1])
    assert fill is not None, "a Reduction starts with a number"
    return ir.FloatAttr(fill.operands[0].owner.attributes["value"]).value


def _cancel(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """The transpose back: to the volume, or to its flatten, [N, C, L]."""
    last = ChannelsLast.of(op.operands[0])
    if last is None or last.lead[0] != last.positions[0]:
        return NO_MATCH
    rank, shape = len(last.lead) + 1, list(op.results[0].type.shape)
    if integers(op.attributes["permutation"]) != [0, rank - 1, *range(1, rank - 1)]:
        return NO_MATCH
    if last.is_whole:
        rewriter.replace_op(op, [last.volume])
        return None
    if rank != 3:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        space = list(range(2, len(last.volume.type.shape)))
        flat = tensor.collapse_shape(op.results[0].type, last.volume, [[0], [1], space])
    assert shape == list(flat.type.shape)
    rewriter.replace_op(op, [flat])
    return None


def _cancel_reshape(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """expand(collapse(x)) of x's own shape is x: [N, C, D, H, W] by way of [N, C, L], or [N, 1, *P] of [N, *P]."""
    before = defining_op(op.operands[0])
    if before is None or before.name != "tensor.collapse_shape" or before.operands[0].type != op.results[0].type:
        return NO_MATCH
    if static_shape(op.results[0]) is None or not 3 <= len(op.results[0].type.shape) <= 5:
        return NO_MATCH
    rewriter.replace_op(op, [before.operands[0]])
    return None


def _matmul(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """A linear layer: a conv of one position."""
    last = ChannelsLast.of(op.operands[0])
    if last is None or not all(map(is_f32, op.operands)) or not is_fill(op.operands[2], 0.0):
        return NO_MATCH
    if op.name == "linalg.matmul" and op.attributes["indexing_maps"] != maps(*_MATMUL):
        return NO_MATCH
    weight = _unbroadcast(op.operands[1])
    found = None if weight is None else constant_value(weight, state.weights)
    if found is None:
        return state.refuse("channels-first", "matmul", "its weights are not constant", op)
    array, key = found
    batch, channels, *space = last.volume.type.shape
    filters = array.shape[1]
    with rewriter.ip, op.operation.location:
        kernel = array.T.reshape(filters, channels, *[1] * len(space))
        w = constant(state, f"{key or f'linear_{filters}x{channels}'}.conv", kernel, origin=key)
        ones = [1] * len(space)
        start = filled([batch, filters, *space], 0.0)
        conv = _CONVS[len(space) + 2](last.volume, w, outs=[start], strides=ones, dilations=ones)
        value = shown(conv, last.lead)
    rewriter.replace_op(op, [value])
    return None


def _unbroadcast(value: ir.Value) -> ir.Value | None:
    """The matrix [C, M] that a value is, or repeats, [*B, C, M]; None for any other value."""
    shape = static_shape(value)
    op = defining_op(value)
    if shape is None or len(shape) <= 2 or op is None:
        return value if shape is not None else None
    if op.name in RESHAPES:
        return _unbroadcast(op.operands[0]) if list(op.operands[0].type.shape)[-2:] == list(shape)[-2:] else None
    if op.name == "linalg.broadcast":
        outer = list(range(len(shape) - 2))
        return _unbroadcast(op.operands[0]) if set(integers(op.attributes["dimensions"])) <= set(outer) else None
    if op.name != "linalg.generic" or len(op.inputs) != 1 or len(list(generic_body(op).operations)) != 1:
        return None
    behind = [f"d{len(shape) - 2}", f"d{len(shape) - 1}"]
    read = [str(e) for e in ir.AffineMapAttr(op.attributes["indexing_maps"][0]).value.results]
    return _unbroadcast(op.inputs[0]) if read[-2:] == behind and is_elementwise(op) else None
