"""pack-kgs: a conv with constant weights becomes a packed conv; its zero blocks are gone.

The kept gM x gN blocks of each row of filter groups are stored one after the other with a tap list (RT3D, AAAI 2021,
"KGS"; see rt3d_mlir.sparsity.packing). A dense layer is the same thing with all taps kept. The conv reads and writes
channel blocks of C = gcd(gM, gN), so a row of groups writes whole blocks; where gN is more than C, a tap is
simply stored as gN/C taps. choose-groups may give a layer groups of its own, whose rows are whole blocks too, and whose
gN divides C: a tap then reads a part of a block. A grouped conv is one whose zero blocks are known
(rt3d_mlir.sparsity.grouped).

Given (fuse-epilogue ran: the conv starts from zero):
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w) outs(%zero)
         : tensor<1x8x6x6x6xf32>, tensor<16x8x3x3x3xf32> -> tensor<1x16x4x4x4xf32>
Result, with groups of 8x4:
    %xb = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] : -> tensor<1x2x6x6x6x4xf32>
    %yb = linalg.generic { gather over taps } attrs = {packed_conv = {...}} -> tensor<1x4x4x4x4x4xf32>
    %y = linalg.unpack %yb inner_dims_pos = [1] inner_tiles = [4] : -> tensor<1x16x4x4x4xf32>
"""

from dataclasses import dataclass, field
from math import gcd
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.passes import packed_conv
from rt3d_mlir.passes.base import Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.build import empty
from rt3d_mlir.passes.constants import constant_value, weight_name
from rt3d_mlir.passes.conv import Conv, conv_patterns
from rt3d_mlir.passes.match import defining_op, integers, is_float, layer_obstacle, scalar_constant
from rt3d_mlir.sparsity import GroupSize, from_zeros, kept_share, pack, pack_grouped

#: Attributes that choose-groups leaves on a conv: its group, and that all of its taps are to be kept.
GROUP, DENSE = "kgs_group", "kgs_dense"


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
        group, dense = GroupSize(self.group.m, self.block), self.dense or DENSE in conv.op.attributes
        if conv.groups == 1:
            group = chosen_group(conv) or group
            packed = pack(array, group, dense=dense)
        else:
            packed = pack_grouped(array, conv.groups, group, dense=dense)
        share = 1.0 if dense else kept_share(from_zeros(array, packed.group), array.shape, packed.group)
        with rewriter.ip, conv.op.operation.location:
            x = pack_channels(conv.x, self.block)
            result = packed_conv.build(state, x, packed, layer, conv.shape[2:], conv.strides, conv.dilations, key)
            plain = unpack_channels(result, conv.shape)
        state.layers[layer] = layer_facts(state, key, array, conv.shape, share)
        if chosen_group(conv):
            state.layers[layer]["how"] = f"packed in groups of {group}"
        rewriter.replace_op(conv.result.owner.opview, [plain])
        return None


def chosen_group(conv: Conv) -> GroupSize | None:
    """The group that choose-groups gave a conv; None where it left the pass's own."""
    return GroupSize(*integers(conv.op.attributes[GROUP])) if GROUP in conv.op.attributes else None


def layer_facts(state: State, key: str | None, array: np.ndarray, out_shape: list[int], share: float) -> dict:
    """What the report says of a layer of which `share` is kept: its MACs for a whole batch, before and after."""
    positions = out_shape[0] * int(np.prod(out_shape[2:]))
    return {
        "parameter": state.weights.origin(key) if key else None,
        "weight_shape": tuple(array.shape),
        "macs_before": array.size * positions,
        "macs_after": round(share * array.size) * positions,
        "kept_share": share,
    }


def layer_name(state: State, key: str | None) -> str:
    """`conv2` for weights that come from `conv2.weight`; `conv_3` for the fourth layer without a name."""
    if key is None:
        return f"conv_{len(state.layers)}"
    base = state.weights.origin(key).removesuffix(".weight")
    name, n = base, 1
    while name in state.layers:  # a layer that the model runs twice
        name, n = f"{base}.{n}", n + 1
    return name


def pack_channels(x: ir.Value, block: int) -> ir.Value:
    """[N, C, D, H, W] -> [N, ceil(C/block), D, H, W, block], missing channels zero."""
    batch, channels, *spatial = x.type.shape
    shape = [batch, -(-channels // block), *spatial, block]
    element = x.type.element_type
    padding = arith.constant(element, 0.0) if channels % block else None
    return linalg.pack(x, empty(shape, element), inner_dims_pos=[1], inner_tiles=[block], padding_value=padding)


def unpack_channels(x: ir.Value, shape: list[int]) -> ir.Value:
    """[N, Q, D, H, W, block] -> `shape`, [N, C, D, H, W]."""
    block = x.type.shape[-1]
    return linalg.unpack(x, empty(shape, x.type.element_type), inner_dims_pos=[1], inner_tiles=[block])


def is_channel_layout(op: ir.OpView) -> bool:
    """Whether a linalg.pack or unpack is what `pack_channels` or `unpack_channels` makes."""
    plain = op.operands[0] if op.name == "linalg.pack" else op.results[0]
    blocked = op.results[0] if op.name == "linalg.pack" else op.operands[0]
    zeros = all(scalar_constant(padding) == 0.0 for padding in list(op.operands)[2:])
    if not is_float(plain) or len(plain.type.shape) != 5 or len(blocked.type.shape) != 6 or not zeros:
        return False
    permuted = "outer_dims_perm" in op.attributes and integers(op.attributes["outer_dims_perm"]) not in (
        [],
        [0, 1, 2, 3, 4],
    )
    return integers(op.attributes["inner_dims_pos"]) == [1] and not permuted


def blocked_source(value: ir.Value) -> ir.Value | None:
    """The blocked value whose unpacked form `value` is; None for any other value."""
    op = defining_op(value)
    return op.operands[0] if op is not None and op.name == "linalg.unpack" and is_channel_layout(op) else None


def packed_anyway(value: ir.Value) -> bool:
    """Whether a plain value is packed for another reader, or has no blocked form to come: it enters the net here."""
    return isinstance(value.owner, ir.Block) or any(use.owner.name == "linalg.pack" for use in value.uses)
