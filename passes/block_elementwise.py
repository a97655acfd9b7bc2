"""The elementwise rule of block-layout: f(unpack(x), bias) = unpack(f(x, bias in blocks))."""

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.build import clone_body, constant, empty, generic, maps
from rt3d_mlir.passes.constants import constant_value
from rt3d_mlir.passes.match import channel_map, defining_op, generic_body, is_elementwise, is_identity
from rt3d_mlir.passes.pack_kgs import unpack_channels

_FULL = "(n, o, d, h, w, c) -> (n, o, d, h, w, c)"
_CHANNEL = "(n, o, d, h, w, c) -> (o, c)"


def block_elementwise(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Moves an unpack from an elementwise generic's inputs to its result.

    Every input must be an unpack of the same block read in loop order, or a constant per channel.
    """
    if not is_elementwise(op) or not op.inputs or len(op.results[0].type.shape) != 5:
        return NO_MATCH
    indexing = list(op.attributes["indexing_maps"])
    plans = [_plan(value, mapping, state) for value, mapping in zip(op.inputs, indexing, strict=False)]
    blocked = [plan for plan in plans if isinstance(plan, ir.Value)]
    if any(plan is None for plan in plans) or len({str(value.type) for value in blocked}) != 1:
        return NO_MATCH
    shape = list(blocked[0].type.shape)
    with rewriter.ip, op.operation.location:
        inputs, texts = [], []
        for plan in plans:
            if isinstance(plan, ir.Value):
                inputs.append(plan)
                texts.append(_FULL)
            else:
                vector, key = plan
                padded = np.zeros(shape[1] * shape[-1], vector.dtype)
                padded[: len(vector)] = vector
                table = padded.reshape(shape[1], shape[-1])
                inputs.append(constant(state, f"{key or 'channel'}.blocked", table, origin=key))
                texts.append(_CHANNEL)
        new = generic(
            inputs,
            empty(shape),
            maps(*texts, _FULL),
            0,
            lambda *arguments: clone_body(generic_body(op), arguments),
        )
        if "epilogue" in op.attributes:
            new.operation.attributes["epilogue"] = op.attributes["epilogue"]
        plain = unpack_channels(new.results[0], list(op.results[0].type.shape))
    rewriter.replace_op(op, [plain])
    return None


def _plan(value: ir.Value, mapping: ir.Attribute, state: State) -> ir.Value | tuple | None:
    """The blocked value behind an input, or (numbers per channel, name), or None."""
    source = defining_op(value)
    if source is not None and source.name == "linalg.unpack" and is_identity(mapping):
        return source.operands[0]
    if not channel_map(mapping):
        return None
    found = constant_value(value, state.weights)
    return found and (found[0].reshape(-1), found[1])
