"""fold-input-affine: a per-channel scale and shift before a conv goes into the conv's weights and bias.

    sum_n W[m, n] (s_n x[n] + t_n) + b_m = sum_n (W[m, n] s_n) x[n] + (b_m + sum_n W[m, n] t_n)

Models that take frames as they come from a decoder begin with `x / 255` or `(x - mean) / std`: a pass over the whole
clip that the first conv can do for nothing. Zero padding scaled is zero padding, so a scale is always folded. A shift
is not: where the conv pads, it would be added to fewer taps at the border. There it stays, and the compile says so.

Given:
    %n = linalg.generic { arith.divf } ins(%x, %std : tensor<1x3x4x8x8xf32>, tensor<3x1x1x1xf32>)
    %p = tensor.pad %n low[0, 0, 1, 1, 1] high[0, 0, 1, 1, 1]
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%p, %w) outs(%init)
Result:
    %p = tensor.pad %x low[0, 0, 1, 1, 1] high[0, 0, 1, 1, 1]
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%p, %w_scaled) outs(%init)
"""

from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import linalg

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import constant, empty, fused_location
from rt3d_mlir.passes.ir.constant_folding import constant_value, weight_name
from rt3d_mlir.passes.ir.match import (
    body_ops,
    channel_map,
    defining_op,
    generic_body,
    is_elementwise,
    is_identity,
    layer_obstacle,
    only_user,
    pad_amounts,
    scalar_constant,
)
from rt3d_mlir.passes.ops.conv import Conv, conv_patterns


@dataclass(frozen=True)
class FoldInputAffine(Pass):
    """Folds affine generics in front of a conv into it; refuses a shift before zero padding."""

    name: ClassVar[str] = "fold-input-affine"
    after: ClassVar[str | None] = "fold-mask"  # the weights are one constant then

    def run(self, module: ir.Module, state: State) -> None:
        apply_patterns(module, conv_patterns(lambda conv, rewriter: self._fold(conv, rewriter, state)))

    def _fold(self, conv: Conv, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        padding = pad_amounts(defining_op(conv.x))
        op = defining_op(padding.source if padding else conv.x)
        affine = _affine(op, state) if op is not None else None
        if op is None or affine is None:
            return NO_MATCH
        source, scale, shift = affine
        layer = weight_name(conv.weight, state.weights, "conv")
        reason = layer_obstacle(conv.op)
        if reason or conv.groups > 1:
            return state.refuse(self.name, layer, reason or "it is grouped")
        weight, bias = constant_value(conv.weight, state.weights), conv.bias(state.weights)
        if weight is None or bias is None:
            return state.refuse(self.name, layer, "its weights, or its bias per channel, are not constant")
        array, key = weight
        if padding and (padding.value != 0.0 or shift.any()):
            return state.refuse(self.name, layer, "it pads what is shifted, and with zeros: the shift stays an op")
        if any(only_user(value) is None for value in (op.results[0], conv.x)):
            return state.refuse(self.name, layer, "its input has other users")
        s, t = (v.reshape(1, -1, 1, 1, 1) for v in (scale, shift))
        with rewriter.ip, fused_location(op, conv.op):
            w = constant(state, f"{layer}.scaled", (array * s).astype(array.dtype), origin=key)
            b = constant(
                state, f"{layer}.shifted", (bias[0] + (array * t).sum((1, 2, 3, 4))).astype(array.dtype), origin=key
            )
            init = linalg.broadcast(b, outs=[empty(conv.shape)], dimensions=[0, 2, 3, 4]).results[0]
            if padding:
                conv.x.owner.operands[0] = source
                x = conv.x
            else:
                x = source
            new = Conv(conv.op, x, w, conv.result, 1, conv.strides, conv.dilations).build(w, init)
        rewriter.replace_op(conv.op, [new])
        return None


def _affine(op: ir.OpView, state: State) -> tuple[ir.Value, np.ndarray, np.ndarray] | None:
    """(x, scale[C], shift[C]), in float64, where op is `x +-*/ constant per channel`; None for any other op."""
    if op.name != "linalg.generic" or len(op.inputs) > 2 or not is_elementwise(op) or len(body_ops(op)) != 2:
        return None
    inner, arguments = body_ops(op)[0], list(generic_body(op).arguments)
    if inner.name not in ("arith.addf", "arith.subf", "arith.mulf", "arith.divf") or inner.operands[0] != arguments[0]:
        return None
    x = op.inputs[0]
    channels = x.type.shape[1]
    number = scalar_constant(inner.operands[1])
    if number is None and inner.operands[1] == arguments[1] and channel_map(op.attributes["indexing_maps"][1]):
        found = constant_value(op.inputs[1], state.weights)
        number = found[0].reshape(-1) if found is not None and found[0].size == channels else None
    if number is None or x.type != op.results[0].type or not is_identity(op.attributes["indexing_maps"][0]):
        return None
    values = np.broadcast_to(np.asarray(number, np.float64), channels)
    one, zero = np.ones(channels), np.zeros(channels)
    if inner.name == "arith.divf":
        return (x, 1 / values, zero) if values.all() else None
    return x, *{"arith.addf": (one, values), "arith.subf": (one, -values), "arith.mulf": (values, zero)}[inner.name]
