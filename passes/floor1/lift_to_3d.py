"""lift-to-3d: 2D and 1D layers become 3D layers of depth 1 (and height 1), so that every later pass sees one kind.

    conv2d(x, W) = conv3d(x as [N, C, 1, H, W], W as [M, C, 1, Kh, Kw])

A layer is lifted between two reshapes that move no data, x -> [N, C, 1, H, W] before it and back after it. Padding,
elementwise ops, reductions and concatenation commute with the reshape, so it moves through them until it meets its
inverse: a chain of 2D layers is reshaped once on entry and once on exit, and the flatten before a linear layer starts
from the 3D form, where linear-to-conv looks for it.

Given:
    %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1]
           : tensor<1x4x8x8xf32> to tensor<1x4x10x10xf32>
    %y = linalg.conv_2d_nchw_fchw ins(%p, %w) outs(%init) -> tensor<1x8x8x8xf32>
    %r = linalg.generic { maximumf } ins(%y)
Result:
    %x5 = tensor.expand_shape %x [[0], [1], [2, 3], [4]]
            : tensor<1x4x8x8xf32> into tensor<1x4x1x8x8xf32>
    %p = tensor.pad %x5 low[0, 0, 0, 1, 1] high[0, 0, 0, 1, 1] : to tensor<1x4x1x10x10xf32>
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%p, %w5) outs(%init5) -> tensor<1x8x1x8x8xf32>
    %r5 = linalg.generic { maximumf } ins(%y)
    %r = tensor.collapse_shape %r5 [[0], [1], [2, 3], [4]] : into tensor<1x8x8x8xf32>

Pools take the form that torch-mlir gives their 3D kind, which is what block-layout knows.
"""

from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import arith, linalg, tensor

from rt3d_mlir.passes.floor1 import lift_grouped
from rt3d_mlir.passes.floor1.lift_interleave import lift_interleave, lift_slice
from rt3d_mlir.passes.floor1.lift_moves import lift_pad, lift_reads
from rt3d_mlir.passes.floor1.lift_reduction import lift_reduction
from rt3d_mlir.passes.floor1.lifting import (
    GROUPED,
    RANK,
    groups,
    lifted,
    lifted_axis,
    lifted_map,
    lifted_shape,
    lowered,
    lowered_source,
    reads_axes,
)
from rt3d_mlir.passes.floor1.window_counts import fold_window_counts
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns, first_match
from rt3d_mlir.passes.ir.build import clone_body, empty, filled, generic, maps
from rt3d_mlir.passes.ir.match import (
    body_ops,
    generic_body,
    integers,
    is_fill,
    is_identity,
    layer_obstacle,
    static_shape,
)
from rt3d_mlir.passes.ops.conv import part_groups

_WINDOW = "(n, c, d, h, w, i, j, k) -> (i, j, k)"
_POOLED = "(n, c, d, h, w, i, j, k) -> (n, c, d, h, w)"
_CHANNELS_LAST, _CHANNELS_FIRST = [0, 2, 3, 4, 1], [0, 4, 1, 2, 3]


@dataclass(frozen=True)
class LiftTo3d(Pass):
    """Lifts convs and pools of one and two dimensions, and what stands between them; refuses what is not static f32."""

    name: ClassVar[str] = "lift-to-3d"

    def run(self, module: ir.Module, state: State) -> None:
        apply_patterns(module, {GROUPED: part_groups, "linalg.generic": part_groups})
        apply_patterns(
            module,
            {
                "linalg.conv_2d_nchw_fchw": lambda op, rewriter: self._conv(op, rewriter, state),
                "linalg.conv_1d_ncw_fcw": lambda op, rewriter: self._conv(op, rewriter, state),
                GROUPED: lambda op, rewriter: lift_grouped.lift_grouped_conv(op, rewriter, state),
                lift_grouped.DEPTHWISE: lambda op, rewriter: lift_grouped.lift_grouped_conv(op, rewriter, state),
                "linalg.pooling_nchw_max": lambda op, rewriter: self._max_pool(op, rewriter, state),
                "linalg.pooling_nchw_sum": lambda op, rewriter: self._sum_pool(op, rewriter, state),
                "linalg.generic": lambda op, rewriter: (
                    _generic(op, rewriter, state)
                    and lift_reduction(op, rewriter)
                    and lift_reads(op, rewriter, state)
                    and fold_window_counts(op, rewriter, state)
                ),
                "tensor.concat": _concat,
                "tensor.collapse_shape": first_match(_flatten, lift_interleave),
                "tensor.extract_slice": lift_slice,
                "tensor.pad": lift_pad,
                "tensor.expand_shape": _cancel,
            },
        )

    def _conv(self, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        reason = layer_obstacle(op)
        if reason:
            return state.refuse(self.name, "conv", reason, op)
        with rewriter.ip, op.operation.location:
            x, weight, init = (lifted(value, state) for value in op.operands)
            strides, dilations = _window(op)
            conv = linalg.conv_3d_ncdhw_fcdhw(x, weight, outs=[init], strides=strides, dilations=dilations)
            result = lowered(conv, op.results[0].type)
        rewriter.replace_op(op, [result])
        return None

    def _max_pool(self, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        """torch-mlir's max_pool3d: a generic of eight loops over a window that has a shape but no numbers."""
        reason = layer_obstacle(op)
        if reason:
            return state.refuse(self.name, "max pool", reason, op)
        with rewriter.ip, op.operation.location:
            x, init = lifted(op.operands[0], state), lifted(op.operands[2], state)
            steps = zip("dhw", "ijk", *_window(op), strict=True)
            at = ", ".join(f"{out} * {stride} + {k} * {dilation}" for out, k, stride, dilation in steps)
            mapping = maps(f"(n, c, d, h, w, i, j, k) -> (n, c, {at})", _WINDOW, _POOLED)
            window = empty([1, *op.operands[1].type.shape])
            pool = generic([x, window], init, mapping, 3, lambda value, _, acc: arith.maximumf(value, acc))
            result = lowered(pool.results[0], op.results[0].type)
        rewriter.replace_op(op, [result])
        return None

    def _sum_pool(self, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        """torch-mlir's avg_pool3d: the sum in NDHWC, between two transposes."""
        reason = layer_obstacle(op)
        if reason:
            return state.refuse(self.name, "average pool", reason, op)
        if not is_fill(op.operands[2], 0.0):
            return state.refuse(self.name, "average pool", "it adds to a value that is not zero", op)
        with rewriter.ip, op.operation.location:
            x = lifted(op.operands[0], state)
            batch, channels, *spatial = x.type.shape
            out = lifted_shape(op.results[0].type.shape)
            strides, dilations = _window(op)
            last = linalg.transpose(x, outs=[empty([batch, *spatial, channels])], permutation=_CHANNELS_LAST)
            sums = linalg.pooling_ndhwc_sum(
                last.results[0],
                empty([1, *op.operands[1].type.shape]),
                outs=[filled([batch, *out[2:], channels], 0.0)],
                strides=strides,
                dilations=dilations,
            )
            first = linalg.transpose(sums, outs=[empty(out)], permutation=_CHANNELS_FIRST)
            result = lowered(first.results[0], op.results[0].type)
        rewriter.replace_op(op, [result])
        return None


def _window(op: ir.OpView) -> tuple[list[int], list[int]]:
    """(strides, dilations) of a conv or pool as those of its 3D form."""
    found = (integers(op.attributes[name]) for name in ("strides", "dilations"))
    strides, dilations = ([*[1] * (RANK - 2 - len(steps)), *steps] for steps in found)
    return strides, dilations


def _generic(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """f(lowered(x)) -> lowered(f(x)) for elementwise ops and for reductions over all that lies behind an axis."""
    indexing = list(op.attributes["indexing_maps"])
    rank = ir.AffineMapAttr(indexing[0]).value.n_dims
    reads = zip(op.inputs, indexing, strict=False)
    lowered_ones = [lowered_source(value) is not None and is_identity(m) for value, m in reads]
    if not any(lowered_ones) or len(op.results) != 1 or not _is_scalar(op):
        return NO_MATCH
    if not all(reads_axes(attribute) for attribute in indexing) or any(static_shape(v) is None for v in op.operands):
        return NO_MATCH
    own = [len(value.type.shape) == rank for value in op.operands]
    mapping = [lifted_map(attribute, lift) for attribute, lift in zip(indexing, own, strict=True)]
    kinds = ["reduction" in str(kind) for kind in op.attributes["iterator_types"]]
    written = ir.AffineMapAttr(mapping[-1]).value.results
    kinds[2:2] = [ir.AffineDimExpr.get(axis) not in written for axis in range(2, 2 + RANK - rank)]
    if kinds != sorted(kinds):
        return NO_MATCH
    result = op.results[0]
    with rewriter.ip, op.operation.location:
        values = [lifted(value, state) if lift else value for value, lift in zip(op.operands, own, strict=True)]
        new = generic(
            values[:-1],
            values[-1],
            ir.ArrayAttr.get(mapping),
            sum(kinds),
            lambda *arguments: clone_body(generic_body(op), arguments),
        )
        for inner in (inner for inner in body_ops(new) if inner.name == "linalg.index"):
            axis = ir.IntegerAttr(inner.attributes["dim"])
            inner.attributes["dim"] = ir.IntegerAttr.get(axis.type, lifted_axis(axis.value, rank))
        replacement = lowered(new.results[0], result.type) if own[-1] else new.results[0]
    rewriter.replace_op(op, [replacement])
    return None


def _is_scalar(op: ir.OpView) -> bool:
    """Whether a body computes with scalars and its loops' numbers, as the divisor of an average pool does."""
    return all(
        inner.name in ("linalg.yield", "linalg.index")
        or (inner.name.startswith(("arith.", "math.")) and not inner.operation.regions)
        for inner in body_ops(op)
    )


def _concat(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """concat(lowered(x), lowered(y)) -> lowered(concat(x, y))."""
    sources = [lowered_source(value) for value in op.operands]
    if any(source is None for source in sources):
        return NO_MATCH
    kind = op.results[0].type
    axis = ir.IntegerAttr(op.attributes["dim"]).value
    with rewriter.ip, op.operation.location:
        joined = tensor.concat(
            ir.RankedTensorType.get(lifted_shape(kind.shape), kind.element_type),
            lifted_axis(axis, len(kind.shape)),
            sources,
        )
        result = lowered(joined, kind)
    rewriter.replace_op(op, [result])
    return None


def _flatten(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """flatten(lowered(x)) -> flatten(x), the flatten that linear-to-conv looks for."""
    source = lowered_source(op.operands[0])
    if source is None:
        return NO_MATCH
    inner = groups(len(op.operands[0].type.shape))
    outer = [[int(ir.IntegerAttr(axis).value) for axis in group] for group in op.attributes["reassociation"]]
    axes = [[axis for group in union for axis in inner[group]] for union in outer]
    with rewriter.ip, op.operation.location:
        result = tensor.collapse_shape(op.results[0].type, source, axes)
    rewriter.replace_op(op, [result])
    return None


def _cancel(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """lifted(lowered(x)) -> x, where a layer was lifted before the one it reads; half of it for a 1D pool."""
    source, kind = lowered_source(op.operands[0]), op.results[0].type
    if source is None or list(source.type.shape) != lifted_shape(kind.shape):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        result = source if source.type == kind else lowered(source, kind)
    rewriter.replace_op(op, [result])
    return None
