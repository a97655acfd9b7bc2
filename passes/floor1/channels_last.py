"""Values in channels-last order of which the channels-first volume is at hand.

    value [*lead, C] = reshape(transpose(volume [N, C, *P]) [N, *P, C])

A reshape keeps the order of positions, so that `lead`, which is [N, *P], [N, L] or [rows], says all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir
from iree.compiler.dialects import linalg, tensor

from rt3d_mlir.passes.ir.build import empty
from rt3d_mlir.passes.ir.match import defining_op, integers, reassociation, static_shape

RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape")
#: Of volumes, planes and rows of several channels.
RANKS = range(3, 6)


@dataclass(frozen=True, eq=False)
class ChannelsLast:
    """A value and the volume, of rank 3 to 5, that it shows."""

    value: ir.Value
    volume: ir.Value

    @staticmethod
    def of(value: ir.Value) -> "ChannelsLast | None":
        """None for a value that is not made of a volume by a transpose and reshapes alone."""
        shape, op = static_shape(value), defining_op(value)
        while op is not None and op.name in RESHAPES:
            op = defining_op(op.operands[0])
        if op is None or op.name != "linalg.transpose" or shape is None or static_shape(op.results[0]) is None:
            return None
        rank = len(op.results[0].type.shape)
        if rank not in RANKS or integers(op.attributes["permutation"]) != [0, *range(2, rank), 1]:
            return None
        channels = op.results[0].type.shape[-1]
        return ChannelsLast(value, _unflattened(op.operands[0])) if shape[-1] == channels else None

    @property
    def lead(self) -> list[int]:
        """The value's axes but the last."""
        return list(self.value.type.shape)[:-1]

    @property
    def channels(self) -> int:
        return self.volume.type.shape[1]

    @property
    def positions(self) -> list[int]:
        """The volume's axes without the channels."""
        batch, _, *space = self.volume.type.shape
        return [batch, *space]

    @property
    def is_whole(self) -> bool:
        """Whether the value has an axis for each of the volume's."""
        return self.lead == self.positions


def shown(volume: ir.Value, lead: Sequence[int]) -> ir.Value:
    """A volume [N, C, *P] in channels-last order, [*lead, C]."""
    batch, channels, *space = volume.type.shape
    element, rank = volume.type.element_type, len(space) + 2
    last = empty([batch, *space, channels], element)
    value = linalg.transpose(volume, outs=[last], permutation=[0, *range(2, rank), 1]).results[0]
    return reshaped(value, [*lead, channels])


def reshaped(value: ir.Value, shape: Sequence[int]) -> ir.Value:
    """[*lead, C] with other leading axes, in the same order."""
    old, new = list(value.type.shape), list(shape)
    if old == new:
        return value
    element, rows = value.type.element_type, prod(old[:-1])
    if len(old) > 2:
        kind = ir.RankedTensorType.get([rows, old[-1]], element)
        value = tensor.collapse_shape(kind, value, [list(range(len(old) - 1)), [len(old) - 1]])
    if len(new) > 2:
        kind = ir.RankedTensorType.get(new, element)
        value = tensor.expand_shape(kind, value, [list(range(len(new) - 1)), [len(new) - 1]], [], new)
    return value


def _unflattened(volume: ir.Value) -> ir.Value:
    """The volume [N, C, *P] that [N, C, L] is a flatten of."""
    op = defining_op(volume)
    if op is None or op.name != "tensor.collapse_shape" or len(op.operands[0].type.shape) not in RANKS:
        return volume
    groups = reassociation(op)
    source = op.operands[0]
    return source if groups[:2] == [[0], [1]] and static_shape(source) is not None else volume
