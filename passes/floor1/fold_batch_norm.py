"""fold-batch-norm: a per-channel affine map after a conv goes into the conv's weights and bias.

    s_m * (sum_n W[m, n] x[n] + b_m) + t_m = sum_n (s_m W[m, n]) x[n] + (s_m b_m + t_m)

An evaluated batch norm arrives as four elementwise generics, `- mean`, `* 1/sqrt(var + eps)`, `* gamma`, `+ beta`;
each is such a map (s, t) with one of them trivial, and is folded on its own. Zeros of W stay zeros, so masks survive.

Given:
    %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w) outs(%init)
    %y = linalg.generic { arith.mulf } ins(%c, %scale)  // %scale: 8x1x1x1xf32
Result:
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w_scaled) outs(%init_scaled)
"""

from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import linalg

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import constant, empty, fused_location
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import (
    body_ops,
    channel_map,
    generic_body,
    is_elementwise,
    is_identity,
    layer_obstacle,
    only_user,
    scalar_constant,
)
from rt3d_mlir.passes.ops.conv import Conv


@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Folds per-channel affine generics into the conv before them; refuses where the conv has other users."""

    name: ClassVar[str] = "fold-batch-norm"

    def run(self, module: ir.Module, state: State) -> None:
        def affine(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            return self._fold(op, rewriter, state)

        apply_patterns(module, {"linalg.generic": affine})
        _erase_asserts_of_dead_constants(module)

    def _fold(self, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        matched = _affine_of_conv(op, state)
        if matched is None:
            return NO_MATCH
        conv, scale, shift = matched
        reason = layer_obstacle(conv.op)
        if reason:
            return state.refuse(self.name, "conv", reason, op)
        weight = constant_value(conv.weight, state.weights)
        bias = conv.bias(state.weights)
        layer = (weight and weight[1]) or "conv"
        if weight is None or bias is None:
            return state.refuse(
                self.name, layer, "the weights before the batch norm, or the bias per channel, are not constant", op
            )
        if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
            return state.refuse(self.name, layer, "the batch norm's scale or shift is not finite", op)
        if only_user(conv.result) is None and _is_slope(op, conv):
            return NO_MATCH  # no batch norm, but a PReLU's
        if only_user(conv.result) is None and max(scale.size, shift.size) == 1:
            return NO_MATCH  # no batch norm, but the `x + 3` of x * relu6(x + 3)
        if only_user(conv.result) is None:
            return state.refuse(self.name, layer, "the conv before the batch norm has other users", op)
        array, key = weight
        channels = array.shape[0]
        s, t = (np.broadcast_to(v.astype(np.float64).reshape(-1), channels) for v in (scale, shift))
        w_folded = (array * s.reshape(-1, 1, 1, 1, 1)).astype(array.dtype)
        b_folded = (bias[0].astype(np.float64) * s + t).astype(array.dtype)
        with rewriter.ip, fused_location(conv.op, op):
            w = constant(state, f"{layer}.folded", w_folded, origin=key)
            b = constant(state, f"{layer}.bias.folded", b_folded, origin=key)
            init = linalg.broadcast(b, outs=[empty(conv.shape)], dimensions=[0, 2, 3, 4]).results[0]
            new = conv.build(w, init)
        rewriter.replace_op(op, [new])
        return None


def _is_slope(op: ir.OpView, conv: Conv) -> bool:
    """Whether either the conv's result or that of `op` is taken, by its sign."""
    user = only_user(op.results[0])
    if user is None or user.name != "linalg.generic" or conv.result not in list(user.operands):
        return False
    return "arith.select" in [inner.name for inner in body_ops(user)]


def _affine_of_conv(op: ir.OpView, state: State) -> tuple[Conv, np.ndarray, np.ndarray] | None:
    """(conv, scale[M], shift[M]) where op is `conv +-*/ constant per channel`."""
    if len(op.results) != 1 or not 1 <= len(op.inputs) <= 2 or not is_elementwise(op):
        return None
    ops = body_ops(op)
    if len(ops) != 2 or ops[0].name not in ("arith.addf", "arith.subf", "arith.mulf", "arith.divf"):
        return None
    kind = ops[0].name
    arguments = list(generic_body(op).arguments)
    sides = list(ops[0].operands)
    conv_at = next((i for i, value in enumerate(op.inputs) if Conv.behind(value) is not None), None)
    if conv_at is None or arguments[conv_at] not in sides or not is_identity(op.attributes["indexing_maps"][conv_at]):
        return None
    side = sides.index(arguments[conv_at])
    other = sides[1 - side]
    number = _per_channel(op, other, arguments, state)
    if number is None or (side == 1 and kind == "arith.divf"):
        return None
    one, zero = np.ones_like(number), np.zeros_like(number)
    scale, shift = {
        "arith.addf": (one, number),
        "arith.subf": (one, -number) if side == 0 else (-one, number),
        "arith.mulf": (number, zero),
        "arith.divf": (np.divide(1, number, out=np.full_like(number, np.inf), where=number != 0), zero),
    }[kind]
    conv = Conv.behind(op.inputs[conv_at])
    assert conv is not None
    return conv, scale, shift


def _per_channel(op: ir.OpView, value: ir.Value, arguments: list, state: State) -> np.ndarray | None:
    scalar = scalar_constant(value)
    if scalar is not None:
        return np.asarray([scalar])
    if value not in arguments[: len(op.inputs)]:
        return None
    position = arguments.index(value)
    if not channel_map(op.attributes["indexing_maps"][position]):
        return None
    found = constant_value(op.inputs[position], state.weights)
    channels = op.results[0].type.shape[1]
    return found[0].astype(np.float64) if found and found[0].size == channels else None


def _erase_asserts_of_dead_constants(module: ir.Module) -> None:
    """torch-mlir's reciprocal asserts its operand is not zero; the assert keeps a dead generic alive."""

    def dead_reciprocal(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        names = {inner.name for inner in body_ops(op)}
        if "cf.assert" not in names or any(list(result.uses) for result in op.results):
            return NO_MATCH
        rewriter.erase_op(op)
        return None

    apply_patterns(module, {"linalg.generic": dead_reciprocal})
