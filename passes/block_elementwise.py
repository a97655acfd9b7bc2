"""The elementwise rule of block-layout: f(unpack(x), bias) = unpack(f(x, bias in blocks))."""

from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.build import clone_body, constant, empty, generic, maps
from rt3d_mlir.passes.constants import constant_value
from rt3d_mlir.passes.match import (
    body_ops,
    channel_map,
    generic_body,
    is_elementwise,
    is_f32,
    is_identity,
    is_pure_scalar,
)
from rt3d_mlir.passes.pack_kgs import blocked_source, unpack_channels

#: What maps the zeros of missing channels to finite numbers; others could put NaN there, and NaN * 0 is NaN.
_FINITE_AT_ZERO = {
    "linalg.yield",
    *(f"arith.{op}" for op in ("addf", "subf", "mulf", "negf", "maximumf", "minimumf", "cmpf", "select", "truncf")),
    *(f"math.{op}" for op in ("absf", "exp", "tanh", "erf", "sqrt")),
}
_FULL = "(n, o, d, h, w, c) -> (n, o, d, h, w, c)"
_CHANNEL = "(n, o, d, h, w, c) -> (o, c)"


def block_elementwise(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Moves an unpack from an elementwise generic's inputs to its result.

    Every input must be an unpack of the same block read in loop order, or a constant per channel.
    """
    if not is_elementwise(op) or not is_pure_scalar(op) or not op.inputs or not is_f32(op.results[0]):
        return NO_MATCH
    if len(op.results[0].type.shape) != 5:
        return NO_MATCH
    indexing = list(op.attributes["indexing_maps"])
    channels = op.results[0].type.shape[1]
    plans = [_plan(value, mapping, channels, state) for value, mapping in zip(op.inputs, indexing, strict=False)]
    blocked = [plan.value for plan in plans if plan is not None and plan.vector is None]
    if None in plans or len({str(value.type) for value in blocked}) != 1:
        return NO_MATCH
    shape = list(blocked[0].type.shape)
    missing = channels % shape[-1] != 0
    if missing and not {inner.name for inner in body_ops(op)} <= _FINITE_AT_ZERO:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        inputs, texts = [], []
        for plan in plans:
            assert plan is not None
            inputs.append(plan.value if plan.vector is None else _channel_table(plan, shape, state))
            texts.append(_FULL if plan.vector is None else _CHANNEL)
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


@dataclass(frozen=True, eq=False)
class _Plan:
    """What an input becomes: the blocked `value` behind it, or its numbers per channel in blocks."""

    value: ir.Value
    vector: np.ndarray | None = None
    key: str | None = None


def _plan(value: ir.Value, mapping: ir.Attribute, channels: int, state: State) -> _Plan | None:
    """The plan for an input; None where it has no blocked form."""
    blocked = blocked_source(value)
    if blocked is not None and is_identity(mapping):
        return _Plan(blocked)
    if not channel_map(mapping) or not is_f32(value):
        return None
    found = constant_value(value, state.weights)
    return _Plan(value, found[0].reshape(-1), found[1]) if found and found[0].size == channels else None


def _channel_table(plan: _Plan, shape: list[int], state: State) -> ir.Value:
    """Numbers per channel as a constant [O, C], zeros behind the last channel."""
    assert plan.vector is not None
    padded = np.zeros(shape[1] * shape[-1], plan.vector.dtype)
    padded[: len(plan.vector)] = plan.vector
    return constant(state, f"{plan.key or 'channel'}.blocked", padded.reshape(shape[1], shape[-1]), origin=plan.key)
