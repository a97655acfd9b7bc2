"""An epilogue read back from its blocked generic, and built again on vectors inside a kernel."""

from collections.abc import Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.base import State
from rt3d_mlir.passes.build import constant
from rt3d_mlir.passes.constants import constant_value
from rt3d_mlir.passes.kernel import splat
from rt3d_mlir.passes.match import (
    generic_body,
    is_elementwise,
    is_identity,
    is_pure_scalar,
    only_user,
    scalar_constant,
)

_CHANNEL_MAP = "(d0, d1, d2, d3, d4, d5) -> (d1, d5)"


@dataclass(frozen=True)
class Epilogue:
    """The elementwise generic behind a conv: `vectors` are its constants per channel, [O, C]."""

    op: ir.OpView
    vectors: tuple[ir.Value, ...]
    conv_at: int

    @property
    def result(self) -> ir.Value:
        return self.op.results[0]

    def apply(self, total: ir.Value, operands: Sequence[ir.Value]) -> ir.Value:
        """The epilogue of one vector of sums; `operands` are the vectors of its filters."""
        arguments = list(operands)
        arguments.insert(self.conv_at, total)
        block = generic_body(self.op)
        lanes = ir.VectorType(total.type).shape[0]
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

    def flat_vectors(self, state: State, layer: str, filters: int) -> list[ir.Value]:
        """`vectors` as constants of [filters], which fill a kernel's rows: zeros behind the last channel."""
        return [_flat(state, layer, vector, filters) for vector in self.vectors]


def epilogue_after(result: ir.Value, state: State) -> Epilogue | None:
    """The only user of a conv's result, if it is elementwise arithmetic over it and constants per channel."""
    op = only_user(result)
    if op is None or op.name != "linalg.generic" or not is_elementwise(op):
        return None
    if not is_pure_scalar(op) or not all(_vectorizable(inner) for inner in generic_body(op).operations):
        return None
    vectors, conv_at = [], None
    for position, (value, mapping) in enumerate(zip(op.inputs, op.attributes["indexing_maps"], strict=False)):
        if value == result and is_identity(mapping):
            conv_at = position
        elif str(ir.AffineMapAttr(mapping).value) == _CHANNEL_MAP and constant_value(value, state.weights):
            vectors.append(value)
        else:
            return None
    return None if conv_at is None else Epilogue(op, tuple(vectors), conv_at)


def _vectorizable(op: ir.OpView) -> bool:
    """Whether an op of the body computes f32, f16 or a bit, from values of the body and float constants."""
    if any(scalar_constant(result) is not None for result in op.results):
        return True
    kinds = (ir.F32Type.get(), ir.F16Type.get(), ir.IntegerType.get_signless(1))
    inside = [value for value in op.operands if scalar_constant(value) is None]
    return all(value.type in kinds for value in (*inside, *op.results)) and all(
        isinstance(value.owner, ir.Block) or value.owner.parent == op.operation.parent for value in inside
    )


def _flat(state: State, layer: str, vector: ir.Value, filters: int) -> ir.Value:
    found = constant_value(vector, state.weights)
    assert found is not None, "epilogue_after takes constants only"
    flat = np.zeros(filters, found[0].dtype)
    values = found[0].reshape(-1)[:filters]
    flat[: len(values)] = values
    return constant(state, f"{layer}.epilogue", flat)
