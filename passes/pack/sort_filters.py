"""sort-filters: filters with the same zeros are put side by side, where their order makes no difference.

Rows of filters are computed together, so a tap is left out only where all filters of a row are zero. Pruning of single
filters leaves dead ones everywhere, and hardly a whole row of them. The order of a conv's filters is free as long as
all that follows acts on each channel alone, up to convs that read the channels in the new order:

    conv(relu(conv(x, W1) + b1), W2)
      = conv(relu(conv(x, W1[p]) + b1[p]), W2[:, p])    for any permutation p

Tensors whose channels have to keep the same order are collected first, through elementwise ops, padding and pools;
a residual sum ties the convs on both of its sides to one order. An argument, a result of the model or any op that is
not known to act on each channel alone fixes the order as it is. Filters are sorted where the model in group_time says
that all convs that are touched get faster together.

Given, filters 0 and 2 all zero:
    %a = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w1) ...    w1 = [0, A, 0, B]
    %r = linalg.generic { addf, maximumf } ins(%a, %b1)
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%r, %w2) ...
Result: the same ops, w1 = [A, B, 0, 0], and b1 and the channels of w2 in the order 1, 3, 0, 2.
"""

import re
from dataclasses import dataclass, field
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.cost.group_time import GAIN, GroupTime
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import defining_op, is_pure_scalar, layer_obstacle, pad_amounts
from rt3d_mlir.passes.ops.conv import Conv
from rt3d_mlir.passes.pack.choose_groups import plain_convs
from rt3d_mlir.sparsity import by_pattern, live_weights
from rt3d_mlir.targets import CpuTarget, get_target

_FREE = ("tensor.empty", "linalg.fill")


@dataclass
class Channels:
    """Who depends on one order of channels: convs that make them, convs that read them, constants by channel."""

    producers: list[Conv] = field(default_factory=list)
    consumers: list[Conv] = field(default_factory=list)
    constants: list[tuple[ir.OpView, int, int]] = field(default_factory=list)
    """(op, operand, axis of the operand)"""

    @property
    def weights(self) -> list[tuple[Conv, int]]:
        """Each conv's weights with the axis that is ordered."""
        return [*((conv, 0) for conv in self.producers), *((conv, 1) for conv in self.consumers)]


@dataclass(frozen=True)
class SortFilters(Pass):
    """Sorts by the time on `target`, in f16 where `half`."""

    name: ClassVar[str] = "sort-filters"
    target: CpuTarget = field(default_factory=lambda: get_target("host"))
    half: bool = False

    def run(self, module: ir.Module, state: State) -> None:
        seen: set[ir.Value] = set()
        for conv in plain_convs(module):
            if conv.result in seen:
                continue
            channels = _channels(conv, state, seen)
            if channels is not None:
                self._sort(channels, state)

    def _sort(self, channels: Channels, state: State) -> None:
        found = [constant_value(conv.weight, state.weights) for conv, _ in channels.weights]
        arrays = [item[0] for item in found if item is not None]
        if len(arrays) < len(found) or any(layer_obstacle(conv.op) for conv, _ in channels.weights):
            return
        live = [live_weights(array) for array in arrays]
        sorted_by = live[: len(channels.producers)]
        if all(mask.all() for mask in sorted_by):
            return
        order = by_pattern(np.concatenate([mask.reshape(len(mask), -1) for mask in sorted_by], axis=1))
        if self._gains(channels, live, order):
            _apply(channels, order, state)

    def _gains(self, channels: Channels, live: list[np.ndarray], order: np.ndarray) -> bool:
        """Whether a new order saves a notable share of the producers' time, and costs the consumers less."""
        saved = spent = 0.0
        for (conv, axis), mask in zip(channels.weights, live, strict=True):
            time = GroupTime(conv, self.target, self.half)
            before = time.best(mask)[1]
            saved += before - time.best(mask.take(order, axis))[1]
            spent += before if axis == 0 else 0.0
        return saved > (1 - GAIN) * spent


def _apply(channels: Channels, order: np.ndarray, state: State) -> None:
    for conv, axis in channels.weights:
        conv.set_weight(_ordered(conv.op, conv.weight, order, axis, state))
    for op, operand, axis in channels.constants:
        op.operation.operands[operand] = _ordered(op, op.operands[operand], order, axis, state)


def _ordered(op: ir.OpView, value: ir.Value, order: np.ndarray, axis: int, state: State) -> ir.Value:
    """A constant with an axis in another order, in front of `op`."""
    found = constant_value(value, state.weights)
    assert found is not None, "constants only are collected"
    array, key = found
    with ir.InsertionPoint(op.operation), op.operation.location:
        return constant(state, f"{key or 'conv'}.sorted", np.ascontiguousarray(array.take(order, axis)), origin=key)


def _channels(conv: Conv, state: State, seen: set[ir.Value]) -> Channels | None:
    """All that depends on the order of a conv's filters; None where something fixes it. Values go to `seen`."""
    channels, todo, free = Channels(), [conv.result], True
    while todo:
        value = todo.pop()
        if value in seen:
            continue
        seen.add(value)
        ops = [defining_op(value), *{use.owner: use.owner.opview for use in value.uses}.values()]
        for op in ops:
            coupled = _coupled(op, value, channels, state) if op is not None else None
            if coupled is None:
                free = False  # go on: the rest of the values is seen, and need not be asked again
            else:
                todo += coupled
    return channels if free else None


def _coupled(op: ir.OpView, value: ir.Value, channels: Channels, state: State) -> list[ir.Value] | None:
    """Values of `op` whose channels have the order of those of `value`; None where the order is fixed."""
    conv = Conv.match(op)
    if conv is not None and conv.groups == 1 and conv.starts_from_zero:
        if value == conv.result:
            channels.producers.append(conv)
        if value == conv.x:
            channels.consumers.append(conv)
        return []
    if op.name == "tensor.pad":
        amounts = pad_amounts(op)
        outside = amounts is None or amounts.low[1] or amounts.high[1]
        return None if outside else [op.operands[0], op.results[0]]
    if op.name == "linalg.generic":
        return _coupled_by_generic(op, value, channels, state)
    return None


def _coupled_by_generic(op: ir.OpView, value: ir.Value, channels: Channels, state: State) -> list[ir.Value] | None:
    """Of a generic with a parallel loop over the channels, axis 1 of `value`, that all else it uses follows too."""
    reads = [list(ir.AffineMapAttr(attribute).value.results) for attribute in op.attributes["indexing_maps"]]
    operands = list(op.operands)
    at = reads[(operands + list(op.results)).index(value) if value in operands else len(reads) - 1]
    if not is_pure_scalar(op) or len(op.results) != 1 or len(at) < 2 or not isinstance(at[1], ir.AffineDimExpr):
        return None
    loop = ir.AffineDimExpr(at[1]).position
    if "parallel" not in str(op.attributes["iterator_types"][loop]):
        return None
    values, constants = [], []
    for position, expressions in enumerate(reads):
        axes = [axis for axis, each in enumerate(expressions) if re.search(rf"\bd{loop}\b", str(each))]
        operand = operands[position]
        source = defining_op(operand)
        is_result = position == len(reads) - 1
        if is_result:
            values.append(op.results[0])
        if operand == value and axes != [1]:
            return None
        if len(axes) > 1 or any(not isinstance(expressions[axis], ir.AffineDimExpr) for axis in axes):
            return None
        if is_result and axes != [1]:
            return None
        if not axes or (source is not None and source.name in _FREE):
            continue
        if constant_value(operand, state.weights) is not None:
            constants.append((op, position, axes[0]))
        elif axes == [1]:
            values.append(operand)
        else:
            return None
    channels.constants += [entry for entry in constants if entry not in channels.constants]
    return values
