"""narrow-f16: activations between the convs, and weights, are stored as f16; sums and epilogues stay f32.

This halves the bytes, and a core with fullfp16 does twice the multiplications in one instruction. A conv reads f16
and still sums in f32; its epilogue computes in f32 and ends with a truncf. Every other op of the blocked layout reads
f16, computes in f32 and stores f16, so that conversions move outwards until they cancel, as in block-layout:

    f(extf(x)) = extf(f(x)) for max pools, padding, moves, concatenations and views
    truncf(extf(x)) = x

An average pool and an interpolation sum in f32, as a conv does.

The model's inputs and outputs stay f32: the entry conversion truncates, the exit extends.

An f16 has 11 bits and reaches 65504. An activation beyond it becomes infinite, as arithmetic beyond f32 does, and is
seen in the output as an infinity or NaN; a weight beyond it is seen here, and its layer stays f32.

Given (after block-layout):
    %c = linalg.generic { gather over taps } attrs = {packed_conv} -> tensor<1x2x1x4x8x4xf32>
    %r = linalg.generic { addf, maximumf } ins(%c, %bias) -> tensor<1x2x1x4x8x4xf32>
Result:
    %h = arith.truncf %x : tensor<1x1x1x4x8x4xf32> to tensor<1x1x1x4x8x4xf16>
    %c = linalg.generic { gather over taps, extf } attrs = {packed_conv}
           -> tensor<1x2x1x4x8x4xf32>
    %r = linalg.generic { addf, maximumf, truncf } ins(%c, %bias) -> tensor<1x2x1x4x8x4xf16>
    %w = arith.extf %r : tensor<1x2x1x4x8x4xf16> to tensor<1x2x1x4x8x4xf32>
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns, first_match
from rt3d_mlir.passes.ir.build import (
    WindowGrid,
    clone_body,
    empty,
    f16,
    filled,
    generic,
    identity_text,
    maps,
    narrowed,
    widened,
)
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import (
    defining_op,
    generic_body,
    integers,
    is_elementwise,
    is_f32,
    is_fill,
    is_float,
    is_pure_scalar,
)
from rt3d_mlir.passes.ops import (
    avg_pool,
    channel_gather,
    depthwise_conv,
    interleave,
    max_pool,
    packed_conv,
    resample,
)
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.channel_gather import ChannelGather
from rt3d_mlir.passes.ops.channel_layout import is_channel_layout, pack_channels, unpack_channels
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.epilogue import epilogue_after
from rt3d_mlir.passes.ops.interleave import Interleave
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.ops.moments import Mean, Variance, build_mean, build_variance
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.ops.resample import Resample

#: The largest finite f16.
LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class NarrowF16(Pass):
    """Stores the blocked layout as f16; refuses a conv with a weight beyond f16's range."""

    name: ClassVar[str] = "narrow-f16"

    def run(self, module: ir.Module, state: State) -> None:
        rules = (self._conv, self._depthwise, _average, _resample, _gather)
        layers = (partial(rule, state=state) for rule in rules)
        patterns = {
            "linalg.generic": first_match(*layers, _pool, _interleave, _moments, _elementwise),
            "linalg.pack": _pack,
            "linalg.unpack": _unpack,
            "tensor.insert_slice": _insert,
            "tensor.extract_slice": _view,
            "arith.truncf": _cancel,
        }
        apply_patterns(module, patterns)

    def _conv(self, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        conv = PackedConv.match(op)
        if conv is None or not is_f32(conv.x):
            return NO_MATCH
        found = conv.constants(state.weights)
        if found is None:
            return state.refuse(self.name, conv.layer, packed_conv.NOT_AT_HAND)
        packed, key = found
        weights = self._narrowed(packed.weights, conv.layer, state)
        if weights is None:
            return NO_MATCH
        half = replace(packed, weights=weights)
        windows = WindowGrid(conv.op.results[0].type.shape[2:5], conv.strides, conv.dilations)
        with rewriter.ip, conv.op.operation.location:
            x = narrowed(conv.x)
            new = packed_conv.build(state, x, half, conv.layer, windows, key)
        _store_half(conv.op, new, rewriter, state)
        return None

    def _depthwise(self, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        conv = DepthwiseConv.match(op)
        if conv is None or not is_f32(conv.x):
            return NO_MATCH
        found = constant_value(conv.weights, state.weights)
        if found is None:
            return state.refuse(self.name, conv.layer, "its packed weights are no constant at hand")
        array, key = found
        half, layer = self._narrowed(array, conv.layer, state), conv.layer
        if half is None:
            return NO_MATCH
        windows = WindowGrid(conv.op.results[0].type.shape[2:5], conv.strides, conv.dilations)
        with rewriter.ip, conv.op.operation.location:
            x = narrowed(conv.x)
            new = depthwise_conv.build(state, x, half, conv.group, layer, windows, key)
        _store_half(conv.op, new, rewriter, state)
        return None

    def _narrowed(self, array: np.ndarray, layer: str, state: State) -> np.ndarray | None:
        """A layer's weights as f16; None where one is too large, which is said."""
        if (largest := np.abs(array).max()) > LARGEST:
            reason = f"a weight of {largest:g} is beyond f16's range of {LARGEST:g}; the layer stays f32"
            state.refuse(self.name, layer, reason)
            return None
        return array.astype(np.float16)


def _store_half(op: ir.OpView, new: ir.Value, rewriter: rewrite.PatternRewriter, state: State) -> None:
    """Replaces an op by `new`, f32 sums, whose epilogue, or a generic of its own, then ends with a truncf."""
    epilogue = epilogue_after(op.results[0], state)
    last = epilogue.op if epilogue else op
    with ir.InsertionPoint(last.operation), last.operation.location:
        if epilogue:
            others = [_half_or_same(value) for value in last.inputs]
            inputs = [
                new if value == op.results[0] else other for value, other in zip(last.inputs, others, strict=True)
            ]
            result = _half_generic(last, inputs)
        else:
            result = generic([new], empty(new.type.shape, f16()), maps(*[identity_text(6)] * 2), 0, _first_narrowed)
        stored = result.results[0]
        value = widened(stored) if is_f32(last.results[0]) else stored
    rewriter.replace_op(last, [value])


def _first_narrowed(*arguments: ir.Value) -> ir.Value:
    return narrowed(arguments[0])


def _half_generic(op: ir.OpView, inputs: Sequence[ir.Value]) -> ir.OpView:
    """An elementwise generic on other inputs of the same shapes, f16 or f32: it computes f32 and yields f16.

    It may do so already, where two convs meet in it: only what it reads changes then.
    """

    def body(*arguments: ir.Value) -> ir.Value:
        old = generic_body(op).arguments  # the last argument, the output's, is not read
        given = [a if o.type == f16() else widened(a) for a, o in zip(arguments[:-1], list(old)[:-1], strict=True)]
        result = clone_body(generic_body(op), given)
        return result if result.type == f16() else narrowed(result)

    return generic(inputs, empty(op.results[0].type.shape, f16()), op.attributes["indexing_maps"], 0, body)


def _half_source(value: ir.Value) -> ir.Value | None:
    """The f16 tensor that `value` is the extf of; None for any other value."""
    op = defining_op(value)
    return (
        op.operands[0]
        if op is not None and op.name == "arith.extf" and op.operands[0].type.element_type == f16()
        else None
    )


def _half_or_same(value: ir.Value) -> ir.Value:
    half = _half_source(value)
    return value if half is None else half


def _pool(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    pool = MaxPool.match(op)
    half = pool and _half_source(pool.x)
    if pool is None or half is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        spatial = op.results[0].type.shape[2:5]
        new = widened(max_pool.build(half, spatial, pool.kernel, pool.strides, pool.low, pool.zeros))
    rewriter.replace_op(op, [new])
    return None


def _interleave(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    found = Interleave.match(op)
    half = found and _half_source(found.x)
    if found is None or half is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        size = op.results[0].type.shape[2:5]
        new = widened(interleave.build(half, found.channels[0], size, found.phases, found.low))
    rewriter.replace_op(op, [new])
    return None


def _gather(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    found = ChannelGather.match(op)
    half, table = (found and _half_source(found.x)), (found and found.table(state.weights))
    if half is None or table is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = widened(channel_gather.build(state, half, table.reshape(-1)))
    rewriter.replace_op(op, [new])
    return None


def _average(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    pool = AvgPool.match(op)
    half, scale = (pool and _half_source(pool.x)), (pool and pool.factors(state.weights))
    if pool is None or half is None or scale is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        spatial = op.results[0].type.shape[2:5]
        new = avg_pool.build(state, half, spatial, scale, pool.kernel, pool.strides, pool.low)
    _store_half(op, new, rewriter, state)
    return None


def _moments(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Means and variances read f16, and stay f32."""
    moments = Mean.match(op) or Variance.match(op)
    half = moments and _half_source(moments.x)
    if moments is None or half is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        if isinstance(moments, Mean):
            new = build_mean(half, moments.groups)
        else:
            new = build_variance(half, moments.mean, moments.groups)
    rewriter.replace_op(op, [new])
    return None


def _resample(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """What is interpolated is summed in f32; numbers that only move are stored as they are."""
    found = Resample.match(op)
    half, separable = (found and _half_source(found.x)), (found and found.numbers(state.weights))
    if found is None or half is None or separable is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = resample.build(state, half, separable)
        moved = widened(new) if separable.moves else None
    if moved is None:
        _store_half(op, new, rewriter, state)
    else:
        rewriter.replace_op(op, [moved])
    return None


def _elementwise(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """An elementwise generic of the blocked layout that reads an extf, and maybe what a layer that stays f32 gives."""
    if not is_elementwise(op) or not is_pure_scalar(op) or not is_float(op.results[0]):
        return NO_MATCH
    if len(op.results[0].type.shape) != 6 or all(_half_source(value) is None for value in op.inputs):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = _half_generic(op, [_half_or_same(value) for value in op.inputs]).results[0]
        value = widened(new) if is_f32(op.results[0]) else new
    rewriter.replace_op(op, [value])
    return None


def _pack(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """The entry conversion: pack(x) -> extf(pack(truncf(x)))."""
    if not is_channel_layout(op) or not is_f32(op.operands[0]):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = widened(pack_channels(narrowed(op.operands[0]), op.results[0].type.shape[-1]))
    rewriter.replace_op(op, [new])
    return None


def _unpack(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    half = _half_source(op.operands[0])
    if half is None or not is_channel_layout(op):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = widened(unpack_channels(half, op.results[0].type.shape))
    rewriter.replace_op(op, [new])
    return None


def _insert(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Padding and concatenation: an insert of a blocked tensor into zeros, nothing, or the part before."""
    shape = op.results[0].type.shape
    if len(shape) != 6 or len(op.operands) != 2:
        return NO_MATCH
    (part, before), (half, dest) = op.operands, map(_half_source, op.operands)
    start = defining_op(before)
    if half is None and dest is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        if is_fill(before, 0.0):
            dest = filled(shape, 0.0, f16())
        elif start is not None and start.name == "tensor.empty":
            dest = empty(shape, f16())
        elif dest is None:
            return NO_MATCH
        inserted = tensor.insert_slice(narrowed(part) if half is None else half, dest, [], [], [], *_place(op))
        new = widened(inserted)
    rewriter.replace_op(op, [new])
    return None


def _view(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    half, shape = _half_source(op.operands[0]), op.results[0].type.shape
    if half is None or len(shape) != 6 or len(op.operands) != 1:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = widened(tensor.extract_slice(ir.RankedTensorType.get(shape, f16()), half, [], [], [], *_place(op)))
    rewriter.replace_op(op, [new])
    return None


def _place(op: ir.OpView) -> list[list[int]]:
    """The static offsets, sizes and strides of an insert_slice or extract_slice."""
    return [integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides")]


def _cancel(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    half = _half_source(op.operands[0]) if isinstance(op.results[0].type, ir.RankedTensorType) else None
    if half is None or half.type != op.results[0].type:
        return NO_MATCH
    rewriter.replace_op(op, [half])
    return None
