"""Elementwise arithmetic read back from its blocked generic, and built again on vectors inside a kernel."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.emit.vectors import splat
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import (
    generic_body,
    is_elementwise,
    is_float,
    is_identity,
    is_pure_scalar,
    only_user,
    scalar_constant,
)
from rt3d_mlir.passes.ops.activation import Blocked, view

_CHANNEL_MAP = "(d0, d1, d2, d3, d4, d5) -> (d1, d5)"
_GATE_MAP = "(d0, d1, d2, d3, d4, d5) -> (d0, d1, 0, 0, 0, d5)"
_POSITION_MAPS = (
    "(d0, d1, d2, d3, d4, d5) -> (d0, 0, d2, d3, d4, 0)",
    "(d0, d1, d2, d3, d4, d5) -> (d0, 0, 0, 0, 0, 0)",
)


@dataclass(frozen=True, eq=False)
class Operand:
    """What is read besides a kernel's own sums: a constant per channel, [O, C], or an activation, of which `view` says
    where it lies: a residual of the result's shape, or a gate of one position, [N, O, 1, 1, 1, C]. With `spread` its
    first channel, [N, 1, D, H, W, C] or of one position, goes to all channels."""

    value: ir.Value
    view: Blocked | None = None
    spread: bool = False


@dataclass(frozen=True, eq=False)
class Epilogue:
    """An elementwise generic; `total_at` is which of its inputs a kernel computes, None where it computes none."""

    op: ir.OpView
    operands: tuple[Operand, ...]
    total_at: int | None

    @property
    def result(self) -> ir.Value:
        return self.op.results[0]

    def apply(self, total: ir.Value | None, operands: Sequence[ir.Value]) -> ir.Value:
        """The result for one vector of sums; `operands` are the vectors of the other inputs that go with it."""
        arguments = list(operands)
        if total is not None:
            assert self.total_at is not None
            arguments.insert(self.total_at, total)
        block = generic_body(self.op)
        lanes = ir.VectorType(arguments[0].type).shape[0]
        values = dict(zip(block.arguments, arguments, strict=False))

        def lookup(value: ir.Value) -> ir.Value:
            number = scalar_constant(value) if value not in values else None
            return splat(number, lanes) if number is not None else values[value]

        for inner in block.operations:
            if inner.name == "linalg.yield":
                return lookup(inner.operands[0])
            if scalar_constant(inner.results[0]) is not None:  # a constant, or the truncf of one
                continue
            kind = ir.VectorType.get([lanes], inner.results[0].type)
            attributes = {
                item.name if hasattr(item, "name") else item: inner.attributes[item] for item in inner.attributes
            }
            copy = ir.Operation.create(inner.name, [kind], [lookup(v) for v in inner.operands], attributes)
            values[inner.results[0]] = copy.results[0]
        raise AssertionError("a generic's body ends with linalg.yield")

    def inputs(self, state: State, layer: str, channels: int, held: Collection[ir.Value] = ()) -> list[ir.Value]:
        """What a dispatch binds for `operands` that are not `held`: constants as [channels], zeros behind the last."""
        return [
            operand.value if operand.view else _flat(state, layer, operand.value, channels)
            for operand in self.operands
            if operand.value not in held
        ]


def epilogue_after(result: ir.Value, state: State) -> Epilogue | None:
    """The only user of a kernel's result, if it is elementwise arithmetic over it and what an `Operand` can be."""
    op = only_user(result)
    return None if op is None else elementwise(op, state, result)


def elementwise(op: ir.OpView, state: State, total: ir.Value | None = None) -> Epilogue | None:
    """The arithmetic of a blocked elementwise generic, over `total`, which a kernel computes, if one is given."""
    if op.name != "linalg.generic" or not is_elementwise(op) or not is_float(op.results[0]):
        return None
    if len(op.results[0].type.shape) != 6 or not is_pure_scalar(op):
        return None
    if not all(_vectorizable(inner) for inner in generic_body(op).operations):
        return None
    operands, total_at = [], None
    for position, (value, mapping) in enumerate(zip(op.inputs, op.attributes["indexing_maps"], strict=False)):
        if total is not None and value == total and _in_order(value, mapping, op):
            total_at = position
        elif (operand := _operand(value, mapping, state)) is not None:
            operands.append(operand)
        else:
            return None
    if total is not None and total_at is None:
        return None
    return Epilogue(op, tuple(operands), total_at)


def reads_first_channel(mapping: ir.Attribute) -> bool:
    """Whether a blocked elementwise generic reads the first channel of a value for all of its own."""
    return _text(mapping) in _POSITION_MAPS


def _operand(value: ir.Value, mapping: ir.Attribute, state: State) -> Operand | None:
    if _text(mapping) == _CHANNEL_MAP:
        return Operand(value) if constant_value(value, state.weights) else None
    if not is_float(value):
        return None
    if is_identity(mapping) or _text(mapping) == _GATE_MAP:
        return Operand(*view(value))
    return Operand(*view(value), spread=True) if reads_first_channel(mapping) else None


def _in_order(value: ir.Value, mapping: ir.Attribute, op: ir.OpView) -> bool:
    """Whether a generic reads each number of a value where it writes one; a gate of one position may be that, too."""
    one_position = _text(mapping) == _GATE_MAP and list(value.type.shape) == list(op.results[0].type.shape)
    return one_position or is_identity(mapping)


def _text(mapping: ir.Attribute) -> str:
    return str(ir.AffineMapAttr(mapping).value)


def _vectorizable(op: ir.OpView) -> bool:
    """Whether an op of the body computes f32, 16 bits or a bit, from values of the body and float constants."""
    if any(scalar_constant(result) is not None for result in op.results):
        return True
    kinds = (ir.F32Type.get(), ir.F16Type.get(), ir.BF16Type.get(), ir.IntegerType.get_signless(1))
    inside = [value for value in op.operands if scalar_constant(value) is None]
    return all(value.type in kinds for value in (*inside, *op.results)) and all(
        isinstance(value.owner, ir.Block) or value.owner.parent == op.operation.parent for value in inside
    )


def _flat(state: State, layer: str, vector: ir.Value, channels: int) -> ir.Value:
    found = constant_value(vector, state.weights)
    assert found is not None, "an Operand without a view is a constant"
    flat = np.zeros(channels, found[0].dtype)
    values = found[0].reshape(-1)[:channels]
    flat[: len(values)] = values
    return constant(state, f"{layer}.epilogue", flat)
