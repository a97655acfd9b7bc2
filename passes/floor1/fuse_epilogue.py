"""fuse-epilogue: what follows a conv elementwise becomes one generic, its epilogue.

    relu(conv(x, W, init = b)) = relu(conv(x, W, init = 0) + b)

The conv then starts from zero, and bias and ReLU are in one generic after it. The scheduler puts that generic into the
conv's dispatch, where the sums are still in registers.

Given:
    %b = linalg.broadcast ins(%bias : tensor<8xf32>) outs(%e) dimensions = [0, 2, 3, 4]
    %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w) outs(%b)
    %y = linalg.generic { cmpf ugt, select } ins(%c)
Result:
    %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w) outs(%zero)
    %y = linalg.generic { addf, maximumf } ins(%c, %bias)
"""

from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import arith

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import constant, empty, f32_constant, filled, fused_location, generic, maps
from rt3d_mlir.passes.ir.match import is_relu, layer_obstacle, only_user
from rt3d_mlir.passes.ops.conv import Conv, conv_patterns

_BIAS_MAP = "(d0, d1, d2, d3, d4) -> (d1)"
_FULL_MAP = "(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)"


@dataclass(frozen=True)
class FuseEpilogue(Pass):
    """Gathers bias and ReLU after each conv; refuses an initial value that is not a bias."""

    name: ClassVar[str] = "fuse-epilogue"

    def run(self, module: ir.Module, state: State) -> None:
        apply_patterns(module, conv_patterns(lambda conv, rewriter: self._fuse(conv, rewriter, state)))

    def _fuse(self, conv: Conv, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        reason = layer_obstacle(conv.op)
        if reason:
            return state.refuse(self.name, "conv", reason, conv.op)
        user = only_user(conv.result)
        relu = user if user is not None and is_relu(user) else None
        if conv.starts_from_zero and relu is None:
            return NO_MATCH
        bias = conv.bias(state.weights)
        if bias is None:
            return state.refuse(self.name, "conv", "its initial value is not a constant per channel", conv.op)
        shape = conv.shape
        last = relu or conv.result.owner.opview
        with ir.InsertionPoint(last.operation), conv.op.operation.location:
            new = conv.build(conv.weight, filled(shape, 0.0))
            array, key = bias
            vector = constant(state, f"{key or 'conv.bias'}.epilogue", np.ascontiguousarray(array), origin=key)

            def body(value: ir.Value, shift: ir.Value, _: ir.Value) -> ir.Value:
                summed = arith.addf(value, shift)
                return arith.maximumf(summed, f32_constant(0.0)) if relu else summed

            with fused_location(conv.op, last):
                epilogue = generic([new, vector], empty(shape), maps(_FULL_MAP, _BIAS_MAP, _FULL_MAP), 0, body)
        rewriter.replace_op(last, [epilogue.results[0]])
        return None
