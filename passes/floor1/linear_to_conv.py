"""linear-to-conv: a linear layer is a convolution whose kernel covers all positions.

    y[b, m] = sum_k x[b, k] W[m, k]                                      (torch.nn.Linear)
            = conv3d(x as [B, K, 1, 1, 1], W as [M, K, 1, 1, 1])
            = conv3d(z as [B, C, D, H, W], W as [M, C, D, H, W])         where x = flatten(z)

So a linear layer takes the packed path of the convs, and the flatten in front of it, which would force the blocked
layout back to NCDHW, disappears.

Given:
    %f = tensor.collapse_shape %z [[0], [1, 2, 3, 4]]
           : tensor<1x512x1x4x4xf32> into tensor<1x8192xf32>
    %t = linalg.transpose ins(%w : tensor<4096x8192xf32>) ... permutation = [1, 0]
    %y = linalg.matmul ins(%f, %t) outs(%zero) -> tensor<1x4096xf32>
    %b = linalg.generic { addf of %bias along d1 } ins(%y, %bias)
Result:
    %c = linalg.conv_3d_ncdhw_fcdhw ins(%z, %w5) outs(%broadcast_bias)
           -> tensor<1x4096x1x1x1xf32>
    %b = tensor.collapse_shape %c [[0], [1, 2, 3, 4]] into tensor<1x4096xf32>

A ReLU after it moves in front of the collapse_shape, so that the next linear layer finds its flatten again. A sum over
all positions, as a mean has it, keeps its axes with one element each, and is flattened afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import linalg, tensor

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns, first_match
from rt3d_mlir.passes.ir.build import clone_body, constant, empty, filled, fused_location, generic, identity_text, maps
from rt3d_mlir.passes.ir.constant_folding import constant_value, weight_name
from rt3d_mlir.passes.ir.match import (
    body_ops,
    channel_map,
    defining_op,
    generic_body,
    is_elementwise,
    is_f32,
    is_fill,
    is_identity,
    is_pure_scalar,
    layer_obstacle,
    only_user,
    static_shape,
)

_FLATTEN = [[0], [1, 2, 3, 4]]
_OVER_POSITIONS = ("(n, c, d, h, w) -> (n, c, d, h, w)", "(n, c, d, h, w) -> (n, c)")
_MATMUL = ("(m, n, k) -> (m, k)", "(m, n, k) -> (k, n)", "(m, n, k) -> (m, n)")


@dataclass(frozen=True)
class LinearToConv(Pass):
    """Turns matmuls with constant weights into convs; refuses those with weights known only at run time."""

    name: ClassVar[str] = "linear-to-conv"

    def run(self, module: ir.Module, state: State) -> None:
        def matmul(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            return self._matmul(op, rewriter, state)

        apply_patterns(
            module,
            {
                "linalg.matmul": matmul,
                "linalg.generic": first_match(_hoist_elementwise, _keep_axes),
                "tensor.expand_shape": _cancel,
                "tensor.collapse_shape": _cancel,
            },
        )

    def _matmul(self, op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        x, weight = op.operands[0], op.operands[1]
        reason = layer_obstacle(op)
        if reason:
            return state.refuse(self.name, weight_name(weight, state.weights, "matmul"), reason, op)
        if "indexing_maps" in op.attributes and op.attributes["indexing_maps"] != maps(*_MATMUL):
            return state.refuse(self.name, "matmul", "its indexing maps transpose or broadcast an operand", op)
        batch, channels = x.type.shape
        if not is_fill(op.operands[2], 0.0):
            return state.refuse(self.name, "matmul", "it adds to a value that is not zero", op)
        value = constant_value(weight, state.weights)
        if value is None:
            return state.refuse(self.name, "matmul", "its weights are not constant", op)
        if constant_value(x, state.weights) is not None:
            return NO_MATCH  # the weights of another
        array, key = value
        source, shape = _flattened(x, batch, channels)
        bias_op, bias = _bias_after(op)
        with rewriter.ip, fused_location(op, bias_op or op):
            m = array.shape[1]
            kernel = array.T.reshape(m, *shape[1:])
            name = key or f"linear_{m}x{channels}"
            w5 = constant(state, f"{name}.conv", kernel, origin=key)
            if source is None:
                output = [batch, channels, 1, 1, 1]
                source = tensor.expand_shape(
                    ir.RankedTensorType.get(output, x.type.element_type), x, _FLATTEN, [], output
                )
            out_shape = [batch, m, 1, 1, 1]
            init = (
                filled(out_shape, 0.0)
                if bias is None
                else linalg.broadcast(bias, outs=[empty(out_shape)], dimensions=[0, 2, 3, 4])
            )
            conv = linalg.conv_3d_ncdhw_fcdhw(source, w5, outs=[init], strides=[1, 1, 1], dilations=[1, 1, 1])
            flat = tensor.collapse_shape(op.results[0].type, conv, _FLATTEN)
        rewriter.replace_op(bias_op or op, [flat])
        return None


def _flattened(x: ir.Value, batch: int, channels: int) -> tuple[ir.Value | None, Sequence[int]]:
    """What x is the flatten of, [B, C, D, H, W], or (None, its shape as a 1x1x1 volume)."""
    op = defining_op(x)
    if op is not None and op.name == "tensor.collapse_shape":
        shape = static_shape(op.operands[0])
        if shape is not None and len(shape) == 5 and shape[0] == batch:
            return op.operands[0], shape
    return None, (batch, channels, 1, 1, 1)


def _bias_after(op: ir.OpView) -> tuple[ir.OpView | None, ir.Value | None]:
    """The generic that adds a [M] bias to the matmul's only use, and that bias."""
    user = only_user(op.results[0])
    if user is None or user.name != "linalg.generic" or len(user.inputs) != 2 or not is_elementwise(user):
        return None, None
    if [inner.name for inner in body_ops(user)] != ["arith.addf", "linalg.yield"]:
        return None, None
    if set(body_ops(user)[0].operands) != set(list(generic_body(user).arguments)[:2]):
        return None, None
    indexing = user.attributes["indexing_maps"]
    for position, other in ((0, 1), (1, 0)):
        matches = user.inputs[position] == op.results[0] and is_identity(indexing[position])
        vector = len(static_shape(user.inputs[other]) or ()) == 1
        if matches and vector and channel_map(indexing[other]) and defining_op(user.inputs[other]) is not None:
            return user, user.inputs[other]
    return None, None


def _hoist_elementwise(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """f(reshape(x)) -> reshape(f(x)) for an elementwise f of one input behind a linear layer or a flatten."""
    if len(op.inputs) != 1 or not is_elementwise(op) or not is_identity(op.attributes["indexing_maps"][0]):
        return NO_MATCH
    if not is_pure_scalar(op) or not is_f32(op.inputs[0]) or not is_f32(op.results[0]):
        return NO_MATCH
    reshape = _reshape_of_volume(op.inputs[0])
    if reshape is None:
        return NO_MATCH
    x = reshape.operands[0]
    with rewriter.ip, op.operation.location:
        mapping = maps(*[identity_text(len(x.type.shape))] * 2)
        new = generic([x], empty(x.type.shape), mapping, 0, lambda *arguments: clone_body(generic_body(op), arguments))
        kind, groups = op.results[0].type, reshape.attributes["reassociation"]
        if reshape.name == "tensor.collapse_shape":
            result = tensor.collapse_shape(kind, new.results[0], groups)
        else:
            result = tensor.expand_shape(kind, new.results[0], groups, [], kind.shape)
    rewriter.replace_op(op, [result])
    return None


def _keep_axes(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """A sum over all positions, [N, C, D, H, W] -> [N, C], as one to [N, C, 1, 1, 1] and the flatten of that."""
    if len(op.inputs) != 1 or len(op.results) != 1 or op.attributes["indexing_maps"] != maps(*_OVER_POSITIONS):
        return NO_MATCH
    if not is_fill(op.operands[1], 0.0) or any(static_shape(value) is None for value in op.operands):
        return NO_MATCH
    kind = op.results[0].type
    with rewriter.ip, op.operation.location:
        out = filled([*kind.shape, 1, 1, 1], 0.0, kind.element_type)
        mapping = maps(_OVER_POSITIONS[0], _OVER_POSITIONS[1].replace("(n, c)", "(n, c, 0, 0, 0)"))
        new = generic([op.inputs[0]], out, mapping, 3, lambda *arguments: clone_body(generic_body(op), arguments))
        flat = tensor.collapse_shape(kind, new.results[0], _FLATTEN)
    rewriter.replace_op(op, [flat])
    return None


def _reshape_of_volume(value: ir.Value) -> ir.OpView | None:
    """The reshape behind a value: a collapse of [B, C, D, H, W], or the expand of one, [B * T, K] -> [B, T, K]."""
    op = defining_op(value)
    if op is None or op.name not in ("tensor.collapse_shape", "tensor.expand_shape"):
        return None
    if op.name == "tensor.collapse_shape":
        return op if len(static_shape(op.operands[0]) or ()) == 5 else None
    return op if _reshape_of_volume(op.operands[0]) is not None else None


def _cancel(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """expand(collapse(x)) -> x and collapse(expand(x)) -> x: between two linear layers nothing is reshaped.

    The two between grouped convs, of six axes, stay: passes.conv finds its convs by them.
    """
    inverse = {"tensor.expand_shape": "tensor.collapse_shape", "tensor.collapse_shape": "tensor.expand_shape"}
    first = defining_op(op.operands[0])
    if first is None or first.name != inverse[op.name] or first.operands[0].type != op.results[0].type:
        return NO_MATCH
    if first.attributes["reassociation"] != op.attributes["reassociation"] or len(op.attributes["reassociation"]) == 5:
        return NO_MATCH
    rewriter.replace_op(op, [first.operands[0]])
    return None
