"""pack-depthwise: a conv with constant weights and few channels a group goes to the blocked layout of its neighbours.

Depthwise convs have one channel a group, and with a multiplier several filters for it. pack-kgs would pack blocks of
filters x channels that are nearly all zero; here each lane of a channel block has its own weight. The blocks are
pack-kgs's, so between a 1x1x1 conv and a depthwise one nothing is converted.

Given (fuse-epilogue ran: the conv starts from zero), 6 channels, each its own group:
    %yg = linalg.generic { mulf, addf } ins(%xg, %wg) outs(%zero)
          over (n, g, m, d, h, w, c, kd, kh, kw)
    %y = tensor.collapse_shape %yg : tensor<1x6x1x4x4x4xf32> into tensor<1x6x4x4x4xf32>
Result, with groups of 8x4:
    %xb = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] : -> tensor<1x2x6x6x6x4xf32>
    %yb = linalg.generic { one product per lane } attrs = {depthwise_conv = {...}}
            -> tensor<1x2x4x4x4x4xf32>
    %y = linalg.unpack %yb inner_dims_pos = [1] inner_tiles = [4] : -> tensor<1x6x4x4x4xf32>
"""

from dataclasses import dataclass, field
from math import gcd
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import WindowGrid
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import layer_obstacle
from rt3d_mlir.passes.ops import depthwise_conv
from rt3d_mlir.passes.ops.channel_layout import pack_channels, unpack_channels
from rt3d_mlir.passes.ops.conv import Conv, conv_patterns
from rt3d_mlir.passes.ops.layer_facts import layer_facts, layer_name
from rt3d_mlir.sparsity import GroupSize


@dataclass(frozen=True)
class PackDepthwise(Pass):
    """Packs convs with few channels a group; leaves others to pack-kgs. Option: `group`, gM x gN, as in pack-kgs."""

    name: ClassVar[str] = "pack-depthwise"
    group: GroupSize = field(default_factory=lambda: GroupSize(8, 4))

    def run(self, module: ir.Module, state: State) -> None:
        apply_patterns(module, conv_patterns(lambda conv, rewriter: self._pack(conv, rewriter, state)))

    def _pack(self, conv: Conv, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        reason = layer_obstacle(conv.op)
        if conv.groups == 1 or reason:
            return NO_MATCH if conv.groups == 1 else state.refuse(self.name, "conv", reason or "", conv.op)
        block = gcd(self.group.m, self.group.n)
        filters, channels = conv.shape[1] // conv.groups, conv.weight.type.shape[1]
        if not depthwise_conv.fits(filters, channels, block):
            return NO_MATCH
        value = constant_value(conv.weight, state.weights)
        if value is None:
            return state.refuse(self.name, "conv", "its weights are not constant", conv.op)
        array, key = value
        layer = layer_name(state, key)
        if not conv.starts_from_zero:
            return state.refuse(self.name, layer, "it does not start from zero (run fuse-epilogue first)", conv.op)
        weights = depthwise_conv.in_blocks(array, block)
        windows = WindowGrid(conv.shape[2:], conv.strides, conv.dilations)
        with rewriter.ip, conv.op.operation.location:
            x = pack_channels(conv.x, block)
            result = depthwise_conv.build(state, x, weights, (filters, channels), layer, windows, key)
            plain = unpack_channels(result, conv.shape)
        state.layers[layer] = layer_facts(state, key, array, conv.shape, 1.0)
        rewriter.replace_op(conv.result.owner.opview, [plain])
        return None
