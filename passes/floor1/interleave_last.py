"""interleave-last: what is computed element by element of interleaved channels is computed before they are interleaved.

    f(interleave(x), a) = interleave(f(x, a of the channel that each of x goes to))

A transposed conv is a conv whose channels are then interleaved in space (ops/phases.py). Its bias, batch norm and
activation stand behind that, where no pass looks for them. In front of it they are the conv's: the batch norm goes into
its weights, the rest is its epilogue. A slice that cuts off what a transposed conv has too many stays behind.

Given:
    %e = tensor.expand_shape %x ... : tensor<1x64x4x6x8xf32> into tensor<1x1x2x2x2x8x4x6x8xf32>
    %t = linalg.transpose ins(%e) ... permutation = [0, 1, 5, 6, 2, 7, 3, 8, 4]
    %y = tensor.collapse_shape %t ... : into tensor<1x8x8x12x16xf32>
    %r = linalg.generic { mulf } ins(%y, %scale : tensor<1x8x8x12x16xf32>, tensor<8xf32>)
Result:
    %r = linalg.generic { mulf } ins(%x, %scales : tensor<1x64x4x6x8xf32>, tensor<64xf32>)
    %e = tensor.expand_shape %r ... : tensor<1x64x4x6x8xf32> into tensor<1x1x2x2x2x8x4x6x8xf32>
    %t = linalg.transpose ins(%e) ... permutation = [0, 1, 5, 6, 2, 7, 3, 8, 4]
    %y = tensor.collapse_shape %t ... : into tensor<1x8x8x12x16xf32>
"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import clone_body, constant, empty, f32_constant, generic, identity_text, maps
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import (
    channel_map,
    defining_op,
    generic_body,
    integers,
    is_elementwise,
    is_f32,
    is_identity,
    is_pure_scalar,
    static_shape,
)
from rt3d_mlir.passes.ops.phases import Phases, PlainInterleave, interleaved

_FULL, _CHANNEL = identity_text(5), "(n, c, d, h, w) -> (c)"


@dataclass(frozen=True)
class InterleaveLast(Pass):
    """Moves elementwise ops of interleaved channels, and of constants by channel, in front of the interleave."""

    name: ClassVar[str] = "interleave-last"

    def run(self, module: ir.Module, state: State) -> None:
        apply_patterns(module, {"linalg.generic": partial(_move, state=state)})


@dataclass(frozen=True)
class _Cut:
    """An interleave of `source` and the part of it, [N, C, D, H, W], that is taken."""

    source: ir.Value
    phases: Phases
    low: tuple[int, ...]
    size: tuple[int, ...]

    @staticmethod
    def of(value: ir.Value) -> "_Cut | None":
        """An interleave, perhaps behind slices in space; None for any other value."""
        shape = static_shape(value)
        if shape is None or len(shape) != 5 or not is_f32(value):
            return None
        low = [0] * 5
        op = defining_op(value)
        while op is not None and op.name == "tensor.extract_slice" and len(op.operands) == 1:
            offsets, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "strides"))
            value = op.operands[0]
            if set(strides) != {1} or list(value.type.shape)[:2] != list(shape)[:2]:
                return None
            low = [a + b for a, b in zip(low, offsets, strict=True)]
            op = defining_op(value)
        found = PlainInterleave.match(value)
        return _Cut(found.source, found.phases, tuple(low), tuple(shape)) if found else None

    def alike(self, other: "_Cut") -> bool:
        """Whether two are interleaved and cut in the same way."""
        facts = [(cut.phases, cut.low, cut.size, list(cut.source.type.shape)) for cut in (self, other)]
        return facts[0] == facts[1]

    def build(self, source: ir.Value) -> ir.Value:
        """The same of another source."""
        whole = interleaved(source, self.phases)
        if list(whole.type.shape) == list(self.size):
            return whole
        kind = ir.RankedTensorType.get(self.size, whole.type.element_type)
        return tensor.extract_slice(kind, whole, [], [], [], list(self.low), list(self.size), [1] * 5)


def _move(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    if not op.inputs or not is_elementwise(op) or not is_pure_scalar(op) or not is_f32(op.results[0]):
        return NO_MATCH
    reads = list(zip(op.inputs, op.attributes["indexing_maps"], strict=False))
    cuts = [_Cut.of(value) if is_identity(mapping) else None for value, mapping in reads]
    first = next((cut for cut in cuts if cut is not None), None)
    if first is None or not all(cut is None or cut.alike(first) for cut in cuts) or not _moves_all(op, cuts):
        return NO_MATCH
    channels = op.results[0].type.shape[1]
    constants = [
        (None, None) if cut else _constant(*read, channels, state) for cut, read in zip(cuts, reads, strict=True)
    ]
    if any(cut is None and numbers is None for cut, (numbers, _) in zip(cuts, constants, strict=True)):
        return NO_MATCH
    source_shape = list(first.source.type.shape)
    targets = first.phases.output_channels(source_shape[1])
    with rewriter.ip, op.operation.location:
        values, texts, numbers = [], [], []
        for cut, (array, key) in zip(cuts, constants, strict=True):
            alone = array is not None and array.size == 1
            numbers.append(float(array[0]) if array is not None and alone else None)
            if cut is not None:
                values.append(cut.source)
            elif array is not None and not alone:
                name = f"{key or 'channel'}.interleaved"
                values.append(constant(state, name, np.ascontiguousarray(array[targets]), origin=key))
            texts += [] if alone else [_FULL if cut is not None else _CHANNEL]

        def body(*arguments: ir.Value) -> ir.Value:
            scalars = iter(arguments)
            given = [next(scalars) if number is None else f32_constant(number) for number in numbers]
            return clone_body(generic_body(op), given)

        new = generic(values, empty(source_shape), maps(*texts, _FULL), 0, body).results[0]
        result = first.build(new)
    rewriter.replace_op(op, [result])
    return None


def _moves_all(op: ir.OpView, cuts: list[_Cut | None]) -> bool:
    """Whether the interleaved values are needed by elementwise ops alone, so that none is interleaved twice."""
    values = {value for value, cut in zip(op.inputs, cuts, strict=True) if cut is not None}
    users = [use.owner.opview for value in values for use in value.uses]
    return all(user.name == "linalg.generic" and is_elementwise(user) and is_pure_scalar(user) for user in users)


def _constant(
    value: ir.Value, mapping: ir.Attribute, channels: int, state: State
) -> tuple[np.ndarray | None, str | None]:
    """One number or one a channel, and its name; None where it is no such constant."""
    found = constant_value(value, state.weights) if is_f32(value) else None
    if found is None or not (found[0].size == 1 or (found[0].size == channels and channel_map(mapping))):
        return None, None
    return found[0].reshape(-1), found[1]
