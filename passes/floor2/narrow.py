"""What narrow-f16 and narrow-bf16 share: activations between the convs, and weights, are stored in 16 bits.

A conv reads them and sums in f32; its epilogue computes in f32 and ends with a truncf. Every other op of the blocked
layout reads 16 bits, computes in f32 and stores 16 bits, so that conversions move outwards until they cancel, as in
block-layout:

    f(extf(x)) = extf(f(x)) for max pools, padding, moves, concatenations and views
    truncf(extf(x)) = x

An average pool and an interpolation sum in f32, as a conv does. The model's inputs and outputs stay f32: the entry
conversion truncates, the exit extends.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.floor2.half_type import HalfType
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns, first_match
from rt3d_mlir.passes.ir.build import WindowGrid, empty, filled, widened
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import (
    defining_op,
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
    channel_reduction,
    depthwise_conv,
    interleave,
    max_pool,
    packed_conv,
    resample,
)
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.channel_gather import ChannelGather
from rt3d_mlir.passes.ops.channel_layout import is_channel_layout, pack_channels, unpack_channels
from rt3d_mlir.passes.ops.channel_program import is_reduced_only
from rt3d_mlir.passes.ops.channel_reduction import ChannelReduction
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.interleave import Interleave
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.ops.moments import Mean, Variance, build_mean, build_variance
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.ops.resample import Resample


@dataclass(frozen=True)
class Narrow(Pass):
    """Stores the blocked layout as `half`; refuses a conv with a weight beyond its range."""

    half: ClassVar[HalfType]

    def run(self, module: ir.Module, state: State) -> None:
        layers = (partial(rule, state=state) for rule in (self._conv, self._depthwise))
        with_tables = (partial(rule, self.half, state=state) for rule in (_average, _resample, _gather))
        others = (partial(rule, self.half) for rule in (_pool, _interleave, _moments, _elementwise))
        patterns = {
            "linalg.generic": first_match(*layers, *with_tables, *others),
            "linalg.pack": partial(_pack, self.half),
            "linalg.unpack": partial(_unpack, self.half),
            "tensor.insert_slice": partial(_insert, self.half),
            "tensor.extract_slice": partial(_view, self.half),
            "arith.truncf": partial(_cancel, self.half),
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
        if reason := self._obstacle(conv):
            return state.refuse(self.name, conv.layer, reason)
        weights = self._narrowed(packed.weights, conv.layer, state)
        if weights is None:
            return NO_MATCH
        windows = WindowGrid(conv.op.results[0].type.shape[2:5], conv.strides, conv.dilations)
        with rewriter.ip, conv.op.operation.location:
            x, narrow = self.half.narrowed(conv.x), replace(packed, weights=weights)
            new = packed_conv.build(state, x, narrow, conv.layer, windows, key)
        self.half.store(conv.op, new, rewriter, state)
        return None

    def _obstacle(self, conv: PackedConv) -> str | None:
        """Why kernels have no product for a conv."""
        del conv
        return None

    def _depthwise(self, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        conv = DepthwiseConv.match(op)
        if conv is None or not is_f32(conv.x):
            return NO_MATCH
        found = constant_value(conv.weights, state.weights)
        if found is None:
            return state.refuse(self.name, conv.layer, "its packed weights are no constant at hand")
        array, key = found
        weights, layer = self._narrowed(array, conv.layer, state), conv.layer
        if weights is None:
            return NO_MATCH
        windows = WindowGrid(conv.op.results[0].type.shape[2:5], conv.strides, conv.dilations)
        with rewriter.ip, conv.op.operation.location:
            x = self.half.narrowed(conv.x)
            new = depthwise_conv.build(state, x, weights, conv.group, layer, windows, key)
        self.half.store(conv.op, new, rewriter, state)
        return None

    def _narrowed(self, array: np.ndarray, layer: str, state: State) -> np.ndarray | None:
        """A layer's weights in 16 bits; None where one is too large, which is said."""
        half = self.half
        if (largest := np.abs(array).max()) > half.largest:
            reason = f"a weight of {largest:g} is beyond {half.name}'s range of {half.largest:g}; the layer stays f32"
            state.refuse(self.name, layer, reason)
            return None
        return array.astype(half.numpy)


def _pool(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    pool = MaxPool.match(op)
    x = pool and half.source(pool.x)
    if pool is None or x is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        spatial = op.results[0].type.shape[2:5]
        new = widened(max_pool.build(x, spatial, pool.kernel, pool.strides, pool.low, pool.zeros))
    rewriter.replace_op(op, [new])
    return None


def _interleave(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    found = Interleave.match(op)
    x = found and half.source(found.x)
    if found is None or x is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        size = op.results[0].type.shape[2:5]
        new = widened(interleave.build(x, found.channels[0], size, found.phases, found.low))
    rewriter.replace_op(op, [new])
    return None


def _gather(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    found = ChannelGather.match(op)
    x, table = (found and half.source(found.x)), (found and found.table(state.weights))
    if x is None or table is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = widened(channel_gather.build(state, x, table.reshape(-1)))
    rewriter.replace_op(op, [new])
    return None


def _average(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    pool = AvgPool.match(op)
    x, scale = (pool and half.source(pool.x)), (pool and pool.factors(state.weights))
    if pool is None or x is None or scale is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        spatial = op.results[0].type.shape[2:5]
        new = avg_pool.build(state, x, spatial, scale, pool.kernel, pool.strides, pool.low)
    half.store(op, new, rewriter, state)
    return None


def _moments(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Means, variances and reductions over channels stay f32."""
    moments = Mean.match(op) or Variance.match(op) or ChannelReduction.match(op)
    x = moments and half.source(moments.x)
    if moments is None or x is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        if isinstance(moments, Mean):
            new = build_mean(x, moments.groups)
        elif isinstance(moments, ChannelReduction):
            new = channel_reduction.build(x, moments.kind, moments.channels.count)
        else:
            new = build_variance(x, moments.mean, moments.groups)
    rewriter.replace_op(op, [new])
    return None


def _resample(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """What is interpolated is summed in f32; numbers that only move are stored as they are."""
    found = Resample.match(op)
    x, separable = (found and half.source(found.x)), (found and found.numbers(state.weights))
    if found is None or x is None or separable is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = resample.build(state, x, separable)
        moved = widened(new) if separable.moves else None
    if moved is None:
        half.store(op, new, rewriter, state)
    else:
        rewriter.replace_op(op, [moved])
    return None


def _elementwise(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """An elementwise generic of the blocked layout that reads an extf, and maybe what a layer that stays f32 gives."""
    if not is_elementwise(op) or not is_pure_scalar(op) or not is_float(op.results[0]):
        return NO_MATCH
    if len(op.results[0].type.shape) != 6 or all(half.source(value) is None for value in op.inputs):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        stored = not is_reduced_only(op)  # a square is added up as it is computed, and may be beyond f16
        new = half.elementwise(op, [half.same_or_source(value) for value in op.inputs], stored).results[0]
        value = widened(new) if is_f32(op.results[0]) else new
    rewriter.replace_op(op, [value])
    return None


def _pack(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """The entry conversion: pack(x) -> extf(pack(truncf(x)))."""
    if not is_channel_layout(op) or not is_f32(op.operands[0]):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = widened(pack_channels(half.narrowed(op.operands[0]), op.results[0].type.shape[-1]))
    rewriter.replace_op(op, [new])
    return None


def _unpack(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    x = half.source(op.operands[0])
    if x is None or not is_channel_layout(op):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = widened(unpack_channels(x, op.results[0].type.shape))
    rewriter.replace_op(op, [new])
    return None


def _insert(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Padding and concatenation: an insert of a blocked tensor into zeros, nothing, or the part before."""
    shape = op.results[0].type.shape
    if len(shape) != 6 or len(op.operands) != 2:
        return NO_MATCH
    (part, before), (x, dest) = op.operands, map(half.source, op.operands)
    start = defining_op(before)
    if x is None and dest is None:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        if is_fill(before, 0.0):
            dest = filled(shape, 0.0, half.element)
        elif start is not None and start.name == "tensor.empty":
            dest = empty(shape, half.element)
        elif dest is None:
            return NO_MATCH
        inserted = tensor.insert_slice(half.narrowed(part) if x is None else x, dest, [], [], [], *_place(op))
        new = widened(inserted)
    rewriter.replace_op(op, [new])
    return None


def _view(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    x, shape = half.source(op.operands[0]), op.results[0].type.shape
    if x is None or len(shape) != 6 or len(op.operands) != 1:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        new = widened(tensor.extract_slice(ir.RankedTensorType.get(shape, half.element), x, [], [], [], *_place(op)))
    rewriter.replace_op(op, [new])
    return None


def _place(op: ir.OpView) -> list[list[int]]:
    """The static offsets, sizes and strides of an insert_slice or extract_slice."""
    return [integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides")]


def _cancel(half: HalfType, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    x = half.source(op.operands[0]) if isinstance(op.results[0].type, ir.RankedTensorType) else None
    if x is None or x.type != op.results[0].type:
        return NO_MATCH
    rewriter.replace_op(op, [x])
    return None
