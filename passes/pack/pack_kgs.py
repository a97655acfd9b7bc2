"""pack-kgs: a conv with constant weights becomes a packed conv; its zero blocks are gone.

The kept gM x gN blocks of each row of filter groups are stored one after the other with a tap list (RT3D, AAAI 2021,
"KGS"; see rt3d_mlir.sparsity.packing). A dense layer is the same thing with all taps kept. The conv reads and writes
channel blocks of C = gcd(gM, gN), so a row of groups writes whole blocks. If gN is more than C, a tap is
stored as gN/C taps. choose-groups may give a layer groups of its own, whose rows are whole blocks too, and whose
gN divides C: a tap then reads a part of a block. A grouped conv is one whose zero blocks are known
(rt3d_mlir.sparsity.grouped).

Given (fuse-epilogue ran: the conv starts from zero):
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w) outs(%zero)
         : tensor<1x8x6x6x6xf32>, tensor<16x8x3x3x3xf32> -> tensor<1x16x4x4x4xf32>
Result, with groups of 8x4:
    %xb = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] : -> tensor<1x2x6x6x6x4xf32>
    %yb = linalg.generic { gather over taps } attrs = {packed_conv = {...}}
            -> tensor<1x4x4x4x4x4xf32>
    %y = linalg.unpack %yb inner_dims_pos = [1] inner_tiles = [4] : -> tensor<1x16x4x4x4xf32>
"""

from dataclasses import dataclass, field
from math import gcd
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import WindowGrid
from rt3d_mlir.passes.ir.constant_folding import constant_value, weight_name
from rt3d_mlir.passes.ir.match import layer_obstacle
from rt3d_mlir.passes.ops import packed_conv
from rt3d_mlir.passes.ops.channel_layout import pack_channels, unpack_channels
from rt3d_mlir.passes.ops.conv import Conv, conv_patterns
from rt3d_mlir.passes.ops.layer_facts import layer_facts, layer_name
from rt3d_mlir.passes.ops.marked import Marked
from rt3d_mlir.sparsity import GroupSize, from_zeros, kept_share, pack, pack_grouped


@dataclass(frozen=True, eq=False)
class ChosenGroup(Marked):
    """What choose-groups leaves on a conv: the group to pack it in."""

    name: ClassVar[str] = "kgs_group"
    group: GroupSize


@dataclass(frozen=True, eq=False)
class AllTaps(Marked):
    """What choose-groups leaves on a conv all of whose taps are to be kept."""

    name: ClassVar[str] = "kgs_dense"


@dataclass(frozen=True)
class PackKgs(Pass):
    """Packs every conv. Options: `group`, gM x gN, and `dense`, which keeps all taps (the baseline)."""

    name: ClassVar[str] = "pack-kgs"
    group: GroupSize = field(default_factory=lambda: GroupSize(8, 4))
    dense: bool = False

    @property
    def block(self) -> int:
        """C, the channel block of the activations."""
        return gcd(self.group.m, self.group.n)

    def run(self, module: ir.Module, state: State) -> None:
        apply_patterns(module, conv_patterns(lambda conv, rewriter: self._pack(conv, rewriter, state)))

    def _pack(self, conv: Conv, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        reason = layer_obstacle(conv.op)
        if reason:
            return state.refuse(self.name, weight_name(conv.weight, state.weights, "conv"), reason, conv.op)
        value = constant_value(conv.weight, state.weights)
        if value is None:
            return state.refuse(self.name, "conv", "its weights are not constant", conv.op)
        array, key = value
        layer = layer_name(state, key)
        if not conv.starts_from_zero:
            return state.refuse(self.name, layer, "it does not start from zero (run fuse-epilogue first)", conv.op)
        group, dense = GroupSize(self.group.m, self.block), self.dense or AllTaps.marks(conv.op)
        chosen = ChosenGroup.match(conv.op)
        if conv.groups == 1:
            group = chosen.group if chosen else group
            packed = pack(array, group, dense=dense)
        else:
            packed = pack_grouped(array, conv.groups, group, dense=dense)
        share = 1.0 if dense else kept_share(from_zeros(array, packed.group), array.shape, packed.group)
        with rewriter.ip, conv.op.operation.location:
            x = pack_channels(conv.x, self.block)
            windows = WindowGrid(conv.shape[2:], conv.strides, conv.dilations)
            result = packed_conv.build(state, x, packed, layer, windows, key)
            plain = unpack_channels(result, conv.shape)
        how = f"packed in groups of {group}" if chosen and share < 1 else ""
        state.layers[layer] = layer_facts(state, key, array, conv.shape, share, how)
        rewriter.replace_op(conv.result.owner.opview, [plain])
        return None
