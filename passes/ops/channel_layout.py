"""The channel-blocked layout as linalg.pack and unpack: [N, C, D, H, W] <-> [N, ceil(C/block), D, H, W, block]."""

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.passes.ir.build import empty
from rt3d_mlir.passes.ir.match import defining_op, integers, is_float, scalar_constant


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
