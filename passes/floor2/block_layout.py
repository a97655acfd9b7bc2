"""block-layout: activations stay channel-blocked from the first conv to the last.

pack-kgs puts a conversion on each side of every conv. A conversion and its inverse cancel, and elementwise ops, pools
and zero padding do the same to each channel, so they commute with the conversion; so do concatenations and slices of
whole blocks. A pad by less than nothing is a slice:

    pack(unpack(x)) = x      f(unpack(x)) = unpack(f(x))      pack(pad(x)) = pad(pack(x))

One conversion on entry and one on exit are left. Padding becomes an insert into a zero-filled tensor, which the
producer's kernel writes, border included: no padded copy is made between layers. The rules are in block_elementwise,
block_pool, block_avg_pool, block_concat, block_channels, block_interleave, block_moments, block_reduction and
block_resample.

Given:
    %u = linalg.unpack %yb ... : tensor<1x4x4x4x4x4xf32> -> tensor<1x16x4x4x4xf32>
    %r = linalg.generic { addf, maximumf } ins(%u, %bias) -> tensor<1x16x4x4x4xf32>
    %p = tensor.pad %r low[0, 0, 1, 1, 1] high[0, 0, 1, 1, 1] -> tensor<1x16x6x6x6xf32>
    %b = linalg.pack %p ... : tensor<1x16x6x6x6xf32> -> tensor<1x4x6x6x6x4xf32>
Result:
    %r = linalg.generic { addf, maximumf } ins(%yb, %bias_blocked) -> tensor<1x4x4x4x4x4xf32>
    %b = tensor.insert_slice %r into %zeros[0, 0, 1, 1, 1, 0] ... into tensor<1x4x6x6x6x4xf32>
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.floor2.block_avg_pool import block_avg_pool, block_mean
from rt3d_mlir.passes.floor2.block_channels import (
    gather_concat,
    gather_index,
    gather_pad,
    gather_shuffle,
    gather_slice,
)
from rt3d_mlir.passes.floor2.block_concat import block_concat, block_slice, block_write, join_along_space
from rt3d_mlir.passes.floor2.block_elementwise import block_elementwise
from rt3d_mlir.passes.floor2.block_interleave import block_interleave, cut_interleave
from rt3d_mlir.passes.floor2.block_moments import block_moments
from rt3d_mlir.passes.floor2.block_pool import block_max_pool
from rt3d_mlir.passes.floor2.block_reduction import block_reduction
from rt3d_mlir.passes.floor2.block_resample import block_join, block_pad, block_resample, block_steps, drop_unchanged
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, Pattern, State, apply_patterns, first_match
from rt3d_mlir.passes.ir.build import filled, padded
from rt3d_mlir.passes.ir.match import defining_op, integers, op_in_block, ops_named, pad_amounts, static_shape
from rt3d_mlir.passes.ops.channel_layout import blocked_source, is_channel_layout, pack_channels


@dataclass(frozen=True)
class BlockLayout(Pass):
    """Moves layout conversions outwards until they cancel; refuses, by name, the ops they cannot pass."""

    name: ClassVar[str] = "block-layout"

    def run(self, module: ir.Module, state: State) -> None:
        def first(*rules: Callable[..., Failure | None]) -> Pattern:
            return first_match(*(partial(rule, state=state) for rule in rules))

        patterns = {
            "linalg.pack": _pack,
            "tensor.pad": first_match(_crop, first(block_pad, gather_pad)),
            "linalg.generic": first_match(
                first(block_resample, gather_index, block_elementwise, block_max_pool, block_mean), block_reduction
            ),
            "linalg.transpose": first(block_avg_pool),
            "tensor.concat": first_match(block_concat, first(gather_concat, block_join), join_along_space),
            "tensor.insert_slice": first(block_write),
            "tensor.collapse_shape": first_match(block_interleave, first(gather_shuffle)),
            "tensor.extract_slice": first_match(cut_interleave, block_slice, first(block_steps, gather_slice)),
        }
        block = _block(module)
        if block is not None:
            moments = partial(block_moments, block=block)
            apply_patterns(module, {"linalg.generic": moments, "tensor.collapse_shape": moments})
        apply_patterns(module, patterns)
        apply_patterns(module, {"linalg.generic": partial(drop_unchanged, state=state)})
        self._report_conversions(module, state)

    def _report_conversions(self, module: ir.Module, state: State) -> None:
        """Says which conversions are left inside the net: a pack whose data another conv has already blocked."""
        for function in module.body.operations:
            for region in function.operation.regions:
                for op in (op for block in region for op in block.operations):
                    blocker = _blocker(op) if op.name == "linalg.unpack" else None
                    if blocker is not None:
                        reason = "it has no blocked form; its input is converted to NCDHW and back"
                        state.refuse(self.name, blocker.name, reason, blocker)


def _block(module: ir.Module) -> int | None:
    """Channels of a block, where something is packed."""
    packs = (op for op in ops_named(module, "linalg.pack") if is_channel_layout(op.opview))
    return next((op.results[0].type.shape[-1] for op in packs), None)


def _pack(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    if not is_channel_layout(op):
        return NO_MATCH
    blocked = blocked_source(op.operands[0])
    if blocked is not None and blocked.type == op.results[0].type:
        rewriter.replace_op(op, [blocked])
        return None
    amounts = pad_amounts(defining_op(op.operands[0]))
    if amounts is None or amounts.value != 0.0 or any(amounts.low[:2]) or any(amounts.high[:2]):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        block = integers(op.attributes["static_inner_tiles"])[0]
        inner = pack_channels(amounts.source, block)
        sizes = list(inner.type.shape)
        offsets = [0, 0, *amounts.low[2:], 0]
        zeros = filled(op.results[0].type.shape, 0.0)
        inserted = tensor.insert_slice(inner, zeros, [], [], [], offsets, sizes, [1] * 6)
    rewriter.replace_op(op, [inserted])
    return None


def _crop(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """Amounts below zero, which cut off, as a slice; the other amounts stay."""
    amounts = pad_amounts(op, crops=True)
    shape = static_shape(op.operands[0])
    if amounts is None or shape is None or min(*amounts.low, *amounts.high) >= 0:
        return NO_MATCH
    first, last = ([max(0, -amount) for amount in side] for side in (amounts.low, amounts.high))
    sizes = [size - a - b for size, a, b in zip(shape, first, last, strict=True)]
    low, high = ([max(0, amount) for amount in side] for side in (amounts.low, amounts.high))
    with rewriter.ip, op.operation.location:
        kind = ir.RankedTensorType.get(sizes, op.operands[0].type.element_type)
        kept = tensor.extract_slice(kind, amounts.source, [], [], [], first, sizes, [1] * len(sizes))
        rest = padded(kept, low, high, amounts.value)
    rewriter.replace_op(op, [rest])
    return None


def _blocker(unpack: ir.OpView) -> ir.OpView | None:
    """The op that keeps an unpack from meeting a pack; None where the unpack is on the way out."""
    block = unpack.operation.block

    def readers(op: ir.OpView) -> list[ir.OpView]:
        return [op_in_block(use.owner, block) for result in op.results for use in result.uses]

    users = readers(unpack)
    seen = set()
    while users:
        user = users.pop()
        if user in seen:
            continue
        seen.add(user)
        following = readers(user)
        if any(op.name == "linalg.pack" for op in (user, *following)):
            return user
        users += following
    return None
