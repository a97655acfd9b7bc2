"""Programs over channels, floor 2: reductions over channels and the arithmetic around them, in one kernel.

    mean = sum(x) / K                                      a layer norm's: two reductions, arithmetic on one
    deviation = rsqrt(sum((x - mean)^2) / K + epsilon)     number a position, and at last on all channels
    y = (x - mean) * deviation * weight + bias

A kernel takes some positions with all of their channels, which stay in a core's cache, and keeps the numbers of each
position in registers: x is read from memory once, and y written. What a reduction adds up is computed as it is read.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cmp_to_key

import iree.compiler.ir as ir

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.match import defining_op, is_elementwise, is_pure_scalar
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.channel_reduction import ChannelReduction
from rt3d_mlir.passes.ops.epilogue import Epilogue, Operand, elementwise, reads_first_channel
from rt3d_mlir.passes.ops.marked import gathering_op


@dataclass(frozen=True, eq=False)
class ProgramStep:
    """What gives `result`: `arithmetic`, or the `reduction` of its results; one without arithmetic reduces `x`."""

    result: ir.Value
    arithmetic: Epilogue | None = None
    x: Operand | None = None
    reduction: ChannelReduction | None = None

    def inputs(self, state: State, held: Collection[ir.Value]) -> list[ir.Value]:
        """What a dispatch binds for it; `held` is what its kernel has computed before."""
        if self.arithmetic is not None:
            shape = self.arithmetic.result.type.shape
            return self.arithmetic.inputs(state, "channels", shape[1] * shape[5], held)
        assert self.x is not None
        return [self.x.value]


@dataclass(frozen=True, eq=False)
class ChannelProgram:
    """The steps, in order. Each of but the last gives one number a position, [N, 1, D, H, W, C]."""

    steps: tuple[ProgramStep, ...]

    @property
    def ops(self) -> list[ir.OpView]:
        """All that it stands for."""
        parts = [part for step in self.steps for part in (step.arithmetic, step.reduction)]
        return [part.op for part in parts if part is not None]

    def inputs(self, state: State) -> list[list[ir.Value]]:
        """What a dispatch binds for each step."""
        results = [step.result for step in self.steps]
        return [step.inputs(state, results[:at]) for at, step in enumerate(self.steps)]


def program_of(op: ir.OpView, state: State) -> ChannelProgram | None:
    """The program whose last op this is: all in front of it that nobody else reads; None where nothing is reduced."""
    members = _members(op)
    if not any(map(ChannelReduction.marks, members)):
        return None
    steps: list[ProgramStep] = []
    for each in sorted(members, key=cmp_to_key(_order)):
        if each != op and not members[each]:
            continue  # what a reduction adds up
        step = _step(each, members, state)
        if step is None:
            return None
        steps.append(step)
    return ChannelProgram(tuple(steps))


def _order(a: ir.OpView, b: ir.OpView) -> int:
    """Of two ops in their block."""
    return -1 if a.operation.is_before_in_block(b.operation) else 1


def spreads_reduction(op: ir.OpView) -> bool:
    """Whether an elementwise generic gives to all channels what comes from a reduction over them."""
    if op.name != "linalg.generic" or not is_elementwise(op):
        return False
    return any(follows_from_reduction(value) for value, first in _reads(op, False) if first)


def follows_from_reduction(value: ir.Value) -> bool:
    """Whether a number a position is a reduction over channels, or elementwise arithmetic on some."""
    op = defining_op(value)
    if op is None or op.name != "linalg.generic":
        return False
    if ChannelReduction.marks(op):
        return True
    return is_elementwise(op) and value.type.shape[1] == 1 and any(map(follows_from_reduction, op.inputs))


def is_reduced_only(op: ir.OpView) -> bool:
    """Whether all that read an op's result are reductions over channels."""
    found = readers(op.results[0])
    return bool(found) and all(map(ChannelReduction.marks, found))


def readers(value: ir.Value) -> set[ir.OpView]:
    """The ops that read a value, some of them in their bodies."""
    users = [use.owner.opview for use in value.uses]
    return {gathering_op(user) or user for user in users}


def _members(op: ir.OpView) -> dict[ir.OpView, bool]:
    """The ops of a program, and whether each gives one number a position, rather than one for each channel."""
    members = {op: ChannelReduction.marks(op) or not spreads_reduction(op)}
    space = list(op.results[0].type.shape)[2:5]
    count = 0
    while count < len(members):
        count = len(members)
        for member, one in list(members.items()):
            for value, first in _reads(member, one):
                before = defining_op(value)
                if before is None or before in members or readers(value) - members.keys():
                    continue
                if before.name != "linalg.generic" or list(value.type.shape)[2:5] != space:
                    continue
                arithmetic = is_elementwise(before) and is_pure_scalar(before)
                summed = arithmetic and ChannelReduction.marks(member)
                if summed or (first and (arithmetic or ChannelReduction.marks(before))):
                    members[before] = first
    return members


def _reads(op: ir.OpView, one: bool) -> Iterator[tuple[ir.Value, bool]]:
    """The blocked values that a member reads, and of which of them it needs the first channel alone."""
    reduction = ChannelReduction.match(op)
    if reduction is not None:
        yield reduction.x, False
        return
    for value, mapping in zip(op.inputs, op.attributes["indexing_maps"], strict=False):
        if len(value.type.shape) == 6:
            yield value, one or reads_first_channel(mapping)


def _step(op: ir.OpView, members: dict[ir.OpView, bool], state: State) -> ProgramStep | None:
    """The step of an op; None where there is no kernel for its arithmetic."""
    result, reduction = op.results[0], ChannelReduction.match(op)
    if reduction is None:
        arithmetic = elementwise(op, state)
        return None if arithmetic is None else ProgramStep(result, arithmetic)
    before = defining_op(reduction.x)
    if before is None or before not in members:
        return ProgramStep(result, x=Operand(*view(reduction.x)), reduction=reduction)
    arithmetic = elementwise(before, state)
    return None if arithmetic is None else ProgramStep(result, arithmetic, reduction=reduction)
