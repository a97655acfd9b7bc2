"""fold-mask: a conv's weights that are computed from constants become one constant.

`torch.nn.utils.prune` and RT3D's own training code keep `weight_orig` and `weight_mask` and multiply them in every
forward; torch-mlir writes that as an elementwise generic over two constants. conv(x, W o mask) with both constant is
conv(x, W') with W' = W o mask, and the zeros of W' are what pack-kgs packs away.

Given:
    %wm = linalg.generic { arith.mulf }
            ins(%w, %mask : tensor<8x4x3x3x3xf32>, tensor<8x4x3x3x3xf32>)
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %wm) outs(%init)
Result:
    %folded = arith.constant dense_resource<c.weight.masked> : tensor<8x4x3x3x3xf32>
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %folded) outs(%init)
"""

from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import defining_op, layer_obstacle
from rt3d_mlir.passes.ops.conv import Conv, conv_patterns


@dataclass(frozen=True)
class FoldMask(Pass):
    """Folds constant expressions in front of conv weights; refuses weights that depend on the input."""

    name: ClassVar[str] = "fold-mask"

    def run(self, module: ir.Module, state: State) -> None:
        def fold(conv: Conv, rewriter: rewrite.PatternRewriter) -> Failure | None:
            source = defining_op(conv.weight)
            if source is not None and source.name == "arith.constant":
                return NO_MATCH
            reason = layer_obstacle(conv.op)
            if reason:
                return state.refuse(self.name, "conv", reason, conv.op)
            value = constant_value(conv.weight, state.weights)
            if value is None:
                return state.refuse(self.name, "conv", "its weights are not a constant expression", conv.op)
            array, key = value
            with rewriter.ip, conv.op.operation.location:
                folded = constant(state, f"{key or 'conv'}.masked", np.ascontiguousarray(array), origin=key)
            conv.set_weight(folded)
            return None

        apply_patterns(module, conv_patterns(fold))
