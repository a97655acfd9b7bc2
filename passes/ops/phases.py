"""Channels interleaved in space, on plain tensors: what is left of a transposed conv, and of a pixel shuffle.

    y[n, g*F + f, d*sd + pd, h*sh + ph, w*sw + pw] = x[n, (g*P + p)*F + f, d, h, w]
    with P = sd*sh*sw phases, p = (pd*sh + ph)*sw + pw

A phase is a place in a step (sd, sh, sw) of the output. A transposed conv of G groups has F = M/G filters a phase, side
by side. A pixel shuffle has the phases of one channel side by side: F is 1. Both are written as a reshape, a transpose
and a reshape:

    %e = tensor.expand_shape %x [[0], [1, 2, 3, 4, 5], [6], [7], [8]]  // [N, G, sd, sh, sw, F, D, H, W]
    %t = linalg.transpose %e permutation = [0, 1, 5, 6, 2, 7, 3, 8, 4]
    %y = tensor.collapse_shape %t [[0], [1, 2], [3, 4], [5, 6], [7, 8]]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import linalg, tensor

from rt3d_mlir.passes.ir.build import empty
from rt3d_mlir.passes.ir.match import defining_op, integers, reassociation, static_shape

_SPLIT = [[0], [1, 2, 3, 4, 5], [6], [7], [8]]
_ORDER = [0, 1, 5, 6, 2, 7, 3, 8, 4]
_JOINED = [[0], [1, 2], [3, 4], [5, 6], [7, 8]]


@dataclass(frozen=True)
class Phases:
    """A step (d, h, w) of the output, and F, how many channels of a phase are neighbours."""

    d: int
    h: int
    w: int
    filters: int

    @property
    def steps(self) -> tuple[int, int, int]:
        return self.d, self.h, self.w

    @property
    def count(self) -> int:
        """P."""
        return prod(self.steps)

    def output_channels(self, channels: int) -> np.ndarray:
        """For each of the input's `channels` the channel of the output that it goes to."""
        number = np.arange(channels)
        return number // (self.count * self.filters) * self.filters + number % self.filters


@dataclass(frozen=True)
class PlainInterleave:
    """`source` [N, C, *sizes] and what becomes of it; sizes may be those of an image or a line, whose steps are 1."""

    source: ir.Value
    phases: Phases

    @staticmethod
    def match(value: ir.Value) -> "PlainInterleave | None":
        """What a value is, if it is an interleave of more than one phase; None for any other value."""
        collapse = defining_op(value)
        if collapse is None or collapse.name != "tensor.collapse_shape":
            return None
        transpose = defining_op(collapse.operands[0])
        if transpose is None or transpose.name != "linalg.transpose" or static_shape(transpose.operands[0]) is None:
            return None
        source, axes = _unsplit(transpose.operands[0])
        sizes = list(transpose.operands[0].type.shape)
        order = integers(transpose.attributes["permutation"])
        groups = [[order[at] for at in group if sizes[order[at]] > 1] for group in reassociation(collapse)]
        if len(groups) != len(source.type.shape) or not 3 <= len(groups) <= 5:
            return None
        found = _channels_by_group(groups, axes)
        if found is None:
            return None
        d, h, w = [1] * (5 - len(groups)) + [prod(sizes[at] for at in group) for group in found[1:]]
        table = _table(found, axes, sizes)
        phases = Phases(d, h, w, int(table[0, 1]) if table.shape[1] > 1 else 0)
        return PlainInterleave(source, phases) if _describes(phases, table) else None


def interleaved(x: ir.Value, phases: Phases) -> ir.Value:
    """The interleave of a plain `x` [N, C, D, H, W]."""
    batch, channels, *size = x.type.shape
    element, count, filters = x.type.element_type, phases.count, phases.filters
    split = [batch, channels // (count * filters), *phases.steps, filters, *size]
    e = tensor.expand_shape(ir.RankedTensorType.get(split, element), x, _SPLIT, [], split)
    t = linalg.transpose(e, outs=[empty([split[at] for at in _ORDER], element)], permutation=_ORDER)
    joined = [batch, channels // count, *(n * step for n, step in zip(size, phases.steps, strict=True))]
    return tensor.collapse_shape(ir.RankedTensorType.get(joined, element), t.results[0], _JOINED)


def _unsplit(value: ir.Value) -> tuple[ir.Value, list[int]]:
    """What a value is made of by expand_shapes, and which of its axes each axis of the value is a part of."""
    axes = list(range(len(value.type.shape)))
    op = defining_op(value)
    while op is not None and op.name == "tensor.expand_shape":
        parent = {part: axis for axis, group in enumerate(reassociation(op)) for part in group}
        axes, value = [parent[axis] for axis in axes], op.operands[0]
        op = defining_op(value)
    return value, axes


def _channels_by_group(groups: Sequence[Sequence[int]], axes: Sequence[int]) -> list[list[int]] | None:
    """Of each axis of the result but the batch, its parts that are channels, which have to lie behind its own one."""
    if any(axes[at] for at in groups[0]) or any(axes[at] != 1 for at in groups[1]):
        return None
    for axis, group in enumerate(groups[2:], 2):
        others = [at for at in group if axes[at] != 1]
        if others and ([axes[at] for at in others] != [axis] or others[0] != group[0]):
            return None
    return [[at for at in group if axes[at] == 1] for group in groups[1:]]


def _table(found: Sequence[Sequence[int]], axes: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
    """[M, P]: the channel that each channel and phase of the result comes from."""
    parts = sorted(at for group in found for at in group)
    numbers = np.arange(prod(sizes[at] for at in parts)).reshape([sizes[at] for at in parts])
    ordered = numbers.transpose([parts.index(at) for group in found for at in group])
    return ordered.reshape(prod(sizes[at] for at in found[0]), -1)


def _describes(phases: Phases, table: np.ndarray) -> bool:
    """Whether a table is that of some phases; not if it has one phase, or channels in another order."""
    outputs, _ = table.shape
    filters, count = phases.filters, phases.count
    if filters < 1 or outputs % filters:
        return False
    m, p = np.arange(outputs)[:, None], np.arange(count)
    return np.array_equal(table, (m // filters * count + p) * filters + m % filters)
