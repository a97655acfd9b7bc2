"""A convolution of floor 1, plain or grouped, as the passes see it.

A plain one is a linalg.conv_3d_ncdhw_fcdhw. A grouped one is what torch-mlir writes for conv3d, and
rt3d_mlir.frontend.depthwise_conv and lift-to-3d for the rest:

    // [N, C, D, H, W] -> [N, G, C/G, D, H, W]
    %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]]
    // [M, C/G, Kd, Kh, Kw] -> [G, M/G, C/G, Kd, Kh, Kw]
    %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]]
    // over (n, g, m, d, h, w, c, kd, kh, kw)
    %yg = linalg.generic { mulf, addf } ins(%xg, %wg) outs(%ig)
    // -> [N, M, D, H, W]
    %y = tensor.collapse_shape %yg [[0], [1, 2], [3], [4], [5]]
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import arith, linalg, tensor

from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pattern, first_match
from rt3d_mlir.passes.ir.build import generic, maps
from rt3d_mlir.passes.ir.constant_folding import channel_vector
from rt3d_mlir.passes.ir.match import (
    body_ops,
    conv_window,
    defining_op,
    generic_body,
    is_fill,
    only_user,
    reassociation,
    scalar_constant,
)

PLAIN = "linalg.conv_3d_ncdhw_fcdhw"
_CHANNELS = [[0], [1, 2], [3], [4], [5]]
_FILTERS = [[0, 1], [2], [3], [4], [5]]
_DIMS = "(d0, d1, d2, d3, d4, d5, d6, d7, d8, d9)"
_WEIGHT_MAP = f"{_DIMS} -> (d1, d2, d6, d7, d8, d9)"
_SUM_MAP = f"{_DIMS} -> (d0, d1, d2, d3, d4, d5)"
_READ = re.compile(r"d(\d)(?: \* (\d+))? \+ d(\d)(?: \* (\d+))?$")


@dataclass(frozen=True)
class Conv:
    """`x` is [N, C, D, H, W], padded; `weight` [M, C/G, Kd, Kh, Kw]; `result` [N, M, D, H, W]."""

    op: ir.OpView
    x: ir.Value
    weight: ir.Value
    result: ir.Value
    groups: int
    strides: list[int]
    dilations: list[int]

    @staticmethod
    def match(op: ir.OpView) -> "Conv | None":
        """The conv that `op` computes; None for any other op."""
        if op.name == PLAIN:
            return Conv(op, op.operands[0], op.operands[1], op.results[0], 1, *conv_window(op))
        return _match_grouped(op) if op.name == "linalg.generic" and len(op.operands) == 3 else None

    @staticmethod
    def behind(value: ir.Value) -> "Conv | None":
        """The conv whose result a value is; None for any other value."""
        op = defining_op(value)
        if op is not None and op.name == "tensor.collapse_shape":
            op = defining_op(op.operands[0])
        conv = Conv.match(op) if op is not None else None
        return conv if conv is not None and conv.result == value else None

    @property
    def init(self) -> ir.Value:
        """What the sums start from: [N, M, D, H, W], or a fill of the grouped shape."""
        value = self.op.operands[2]
        return value if self.groups == 1 else _expanded(value, _CHANNELS) or value

    @property
    def shape(self) -> list[int]:
        return list(self.result.type.shape)

    @property
    def starts_from_zero(self) -> bool:
        return is_fill(self.init, 0.0)

    def bias(self, weights: WeightTable) -> tuple[np.ndarray, str | None] | None:
        """What the sums start from, as [M], and its name; None where it depends on more than the filter."""
        fill = defining_op(self.init)
        if fill is not None and fill.name == "linalg.fill":
            number = scalar_constant(fill.operands[0])
            return None if number is None else (np.full(self.shape[1], number, np.float32), None)
        return channel_vector(self.init, weights)

    def set_weight(self, weight: ir.Value) -> None:
        """Another constant in place of the weights."""
        expand = defining_op(self.op.operands[1])
        if self.groups == 1:
            self.op.operation.operands[1] = weight
        else:
            assert expand is not None
            expand.operation.operands[0] = weight

    def build(self, weight: ir.Value, init: ir.Value) -> ir.Value:
        """The same conv of other weights that starts from `init`, [N, M, D, H, W]; its result."""
        return build_conv(self.x, weight, init, self.groups, self.strides, self.dilations)

    def build_on(self, x: ir.Value, weight: ir.Value) -> ir.Value:
        """The same conv of another input and another kernel, with an output of the same shape; its result."""
        return _build(x, weight, self.op.operands[2], self.groups, self.strides, self.dilations)


def build_conv(
    x: ir.Value, weight: ir.Value, init: ir.Value, groups: int, strides: Sequence[int], dilations: Sequence[int]
) -> ir.Value:
    """A conv of `x` [N, C, D, H, W] with `weight` [M, C/G, Kd, Kh, Kw] that starts from `init` [N, M, D, H, W]."""
    return _build(x, weight, init if groups == 1 else _split(init, 1, groups, _CHANNELS), groups, strides, dilations)


def _build(
    x: ir.Value, weight: ir.Value, sums: ir.Value, groups: int, strides: Sequence[int], dilations: Sequence[int]
) -> ir.Value:
    """As build_conv; the `sums` of a grouped conv are [N, G, M/G, D, H, W]."""
    if groups == 1:
        return linalg.conv_3d_ncdhw_fcdhw(x, weight, outs=[sums], strides=strides, dilations=dilations)
    window = zip("dhw", strides, dilations, strict=True)
    read = ", ".join(f"{at} * {stride} + k{at} * {dilation}" for at, stride, dilation in window)
    loops = "(n, g, m, d, h, w, c, kd, kh, kw)"
    mapping = maps(
        f"{loops} -> (n, g, c, {read})", f"{loops} -> (g, m, c, kd, kh, kw)", f"{loops} -> (n, g, m, d, h, w)"
    )
    inputs = [_split(x, 1, groups, _CHANNELS), _split(weight, 0, groups, _FILTERS)]
    op = generic(inputs, sums, mapping, 4, lambda a, b, total: arith.addf(arith.mulf(a, b), total))
    batch, _, filters, *spatial = sums.type.shape
    kind = ir.RankedTensorType.get([batch, groups * filters, *spatial], sums.type.element_type)
    return tensor.collapse_shape(kind, op.results[0], _CHANNELS)


ConvPattern = Callable[[Conv, rewrite.PatternRewriter], Failure | None]


def conv_patterns(pattern: ConvPattern) -> dict[str, Pattern]:
    """For `apply_patterns`: `pattern` on each conv, plain or grouped."""

    def matched(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        conv = Conv.match(op)
        return NO_MATCH if conv is None else pattern(conv, rewriter)

    return {PLAIN: matched, "linalg.generic": matched}


def _split(value: ir.Value, axis: int, groups: int, reassociation: list[list[int]]) -> ir.Value:
    """An axis as two, [groups, the rest]."""
    shape = list(value.type.shape)
    shape[axis : axis + 1] = [groups, shape[axis] // groups]
    return tensor.expand_shape(ir.RankedTensorType.get(shape, value.type.element_type), value, reassociation, [], shape)


def part_groups(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Joins the channels of a grouped conv's result once, and splits them again for who reads them split.

    torch-mlir folds the reshapes behind a grouped conv into one: its own with a flatten, or with the next conv's of as
    many groups, where none is left; and those in front of it, such as that of weights which forward computes.
    """
    if op.name == "linalg.generic" and (len(op.operands) != 3 or _grouped_window(op) is None):
        return NO_MATCH
    return first_match(_join_inputs, _join_result)(op, rewriter)


def _join_inputs(op: ir.OpView, _rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Splits the groups of a grouped conv's input and weights right in front of it, where that is done elsewhere."""
    rank = len(op.operands[0].type.shape)
    found = NO_MATCH
    for i, axis, axes in ((0, 1, _CHANNELS[: rank - 1]), (1, 0, _FILTERS[: rank - 1])):
        value = op.operands[i]
        if _expanded(value, axes) is not None:
            continue
        shape = list(value.type.shape)
        groups = shape[axis]
        shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
        with ir.InsertionPoint(op), op.operation.location:
            joined = tensor.collapse_shape(ir.RankedTensorType.get(shape, value.type.element_type), value, axes)
            op.operation.operands[i] = _split(joined, axis, groups, axes)
        found = None
    return found


def _join_result(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    result = op.results[0]
    batch, groups, filters, *spatial = result.type.shape
    axes = _CHANNELS[: len(spatial) + 2]
    user = only_user(result)
    if user is not None and user.name == "tensor.collapse_shape" and reassociation(user) == axes:
        return NO_MATCH
    with ir.InsertionPoint.after(op), op.operation.location:
        joined = tensor.collapse_shape(
            ir.RankedTensorType.get([batch, groups * filters, *spatial], result.type.element_type), result, axes
        )
        split = _split(joined, 1, groups, axes)
    for user in [use.owner.opview for use in result.uses if use.owner.name == "tensor.collapse_shape"]:
        left = _of_joined(reassociation(user))
        if user.results[0] == joined or left is None:
            continue
        with ir.InsertionPoint(user), user.operation.location:
            same = user.results[0].type == joined.type
            read = joined if same else tensor.collapse_shape(user.results[0].type, joined, left)
        rewriter.replace_op(user, [read])
    result.replace_all_uses_except(split, joined.owner.operation)
    return None


def _of_joined(reassociation: list[list[int]]) -> list[list[int]] | None:
    """What is left of a reshape of [N, G, M/G, ...] for one of [N, M, ...]; None if it keeps the channels split."""
    if not any({1, 2} <= set(group) for group in reassociation):
        return None
    return [[axis - (axis > 2) for axis in group if axis != 2] for group in reassociation]


def _match_grouped(op: ir.OpView) -> Conv | None:
    window = _grouped_window(op)
    if window is None:
        return None
    x, weight = (_expanded(value, by) for value, by in ((op.operands[0], _CHANNELS), (op.operands[1], _FILTERS)))
    collapse = only_user(op.results[0])
    if x is None or weight is None or collapse is None:
        return None
    if collapse.name != "tensor.collapse_shape" or reassociation(collapse) != _CHANNELS:
        return None
    return Conv(op, x, weight, collapse.results[0], op.operands[1].type.shape[0], *window)


def _grouped_window(op: ir.OpView) -> tuple[list[int], list[int]] | None:
    """(strides, dilations) of a generic that is a grouped conv; None for another one."""
    indexing = [str(ir.AffineMapAttr(mapping).value) for mapping in op.attributes["indexing_maps"]]
    if len(op.results) != 1 or indexing[1:] != [_WEIGHT_MAP, _SUM_MAP] or not _multiplies_and_adds(op):
        return None
    return _window(op)


def _multiplies_and_adds(op: ir.OpView) -> bool:
    """Whether a generic adds the product of its inputs to its output."""
    ops = body_ops(op)
    if [inner.name for inner in ops] != ["arith.mulf", "arith.addf", "linalg.yield"]:
        return False
    a, b, total = generic_body(op).arguments
    factors, terms = list(ops[0].operands), list(ops[1].operands)
    return factors in ([a, b], [b, a]) and terms in ([ops[0].results[0], total], [total, ops[0].results[0]])


def _window(op: ir.OpView) -> tuple[list[int], list[int]] | None:
    """(strides, dilations) of the map (n, g, c, d*sd + kd*dd, h*sh + kh*dh, w*sw + kw*dw); None for another one."""
    results = [str(e) for e in ir.AffineMapAttr(op.attributes["indexing_maps"][0]).value.results]
    if len(results) != 6 or results[:3] != ["d0", "d1", "d6"]:
        return None
    strides, dilations = [], []
    for axis, text in enumerate(results[3:]):
        match = _READ.match(text)
        if match is None or (int(match[1]), int(match[3])) != (3 + axis, 7 + axis):
            return None
        strides.append(int(match[2] or 1))
        dilations.append(int(match[4] or 1))
    return strides, dilations


def _expanded(value: ir.Value, axes: list[list[int]]) -> ir.Value | None:
    """What a value is the expand_shape of, if it splits that axis."""
    op = defining_op(value)
    if op is None or op.name != "tensor.expand_shape" or reassociation(op) != axes:
        return None
    return op.operands[0]
