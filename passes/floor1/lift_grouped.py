"""The grouped part of lift-to-3d: torch-mlir's two forms of a conv2d with groups become the one of passes.conv.

linalg.conv_2d_ngchw_gfchw          on expand_shapes of [N, C, H, W] and [M, C/G, Kh, Kw]
linalg.depthwise_conv_2d_nchw_chw   weights collapsed to [C, Kh, Kw]
"""

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import linalg

from rt3d_mlir.passes.floor1.lifting import GROUPED, lifted, lifted_shape, lowered
from rt3d_mlir.passes.framework.base import Failure, State
from rt3d_mlir.passes.ir.build import constant, empty
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import defining_op, integers, layer_obstacle, only_user
from rt3d_mlir.passes.ops.conv import build_conv

DEPTHWISE = "linalg.depthwise_conv_2d_nchw_chw"


def lift_grouped_conv(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Lifts a conv2d with groups; refuses weights that are known only at run time."""
    reason = layer_obstacle(op)
    if reason:
        return state.refuse("lift-to-3d", "conv", reason, op)
    found = constant_value(op.operands[1], state.weights)
    if found is None:
        return state.refuse("lift-to-3d", "conv", "its weights are not constant", op)
    array, key = found
    x, init, last = op.operands[0], op.operands[2], op
    if op.name == GROUPED:
        expand = _split_or_joined(defining_op(x), "tensor.expand_shape")
        collapse = _split_or_joined(only_user(op.results[0]), "tensor.collapse_shape")
        if expand is None or collapse is None:
            layer = (key or "conv").removesuffix(".weight")
            return state.refuse("lift-to-3d", layer, "it is no Conv2d: groups of one dimension have no packed form", op)
        x, last = expand.operands[0], collapse
    groups = op.operands[1].type.shape[0]
    kernel = array.shape[-2:]
    filters = last.results[0].type.shape[1]
    with rewriter.ip, op.operation.location:
        numbers = np.ascontiguousarray(array).reshape(filters, -1, 1, *kernel)
        weight = constant(state, f"{key or 'conv'}.lifted", numbers, origin=key)
        strides, dilations = ([1, *integers(op.attributes[name])] for name in ("strides", "dilations"))
        start = _lifted_init(init, last.results[0].type, state)
        conv = build_conv(lifted(x, state), weight, start, groups, strides, dilations)
        result = lowered(conv, last.results[0].type)
    rewriter.replace_op(last, [result])
    return None


def _split_or_joined(op: ir.OpView | None, name: str) -> ir.OpView | None:
    """The op, if it is of that name and splits, or joins again, the channels of a tensor of two dimensions."""
    if op is None or op.name != name:
        return None
    plain = op.operands[0] if name == "tensor.expand_shape" else op.results[0]
    return op if len(plain.type.shape) == 4 else None


def _lifted_init(init: ir.Value, kind: ir.Type, state: State) -> ir.Value:
    """What the sums start from, of `kind` [N, M, H, W] or split in groups, in its 3D form."""
    op = defining_op(init)
    if op is not None and op.name == "tensor.expand_shape" and op.operands[0].type == kind:
        return lifted(op.operands[0], state)
    if op is not None and op.name == "linalg.fill":
        return linalg.fill(op.operands[0], outs=[empty(lifted_shape(kind.shape))])
    return lifted(init, state)
