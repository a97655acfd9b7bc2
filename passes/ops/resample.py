"""A separable map of each channel's volume on the blocked layout, floor 2: pads, crops, flips, resizing (separable).

    out[n, o, d, h, w, c] = sum over i, j, k of by_d[d, i] * by_h[h, j] * by_w[w, k]
                              * x[n, o, at_d[d, i], at_h[h, j], at_w[w, k], c]

A position of -1 is outside: there the sum has no term, and an output whose first taps are outside is `fill`. Where
numbers only move, the result has x's element type; else it is f32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import constant, f32, filled, generic, index_constant, maps, widened
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ops.marked import Marked, read
from rt3d_mlir.passes.ops.separable import Axis, Separable

#: Why a schedule leaves one alone.
NOT_AT_HAND = "its positions and weights are no constants at hand"

_LOOPS = "(n, o, d, h, w, c, i, j, k)"
_AXES = ("d, i", "h, j", "w, k")
_INPUTS = ["fill", *(f"{what}_{axis}" for axis in "dhw" for what in ("at", "by"))]


@dataclass(frozen=True, eq=False)
class Resample(Marked):
    """A blocked resampling in the IR: its input, by axis the positions and weights of the taps, and what is outside."""

    name: ClassVar[str] = "resample"
    x: ir.Value
    fill: ir.Value
    at_d: ir.Value
    by_d: ir.Value
    at_h: ir.Value
    by_h: ir.Value
    at_w: ir.Value
    by_w: ir.Value

    @property
    def leaves_zeros(self) -> bool:
        """Whether zeros become zeros: what is outside is zero, too."""
        value = self.fill.owner.attributes["value"]
        return not np.array(ir.DenseElementsAttr(value)).any()

    def numbers(self, weights: WeightTable) -> Separable | None:
        """The map; None where its tables are no constants at hand."""
        values = (self.fill, self.at_d, self.by_d, self.at_h, self.by_h, self.at_w, self.by_w)
        found = [constant_value(value, weights) for value in values]
        if any(each is None for each in found):
            return None
        fill, *tables = [each[0] for each in found if each is not None]
        axes = zip(self.x.type.shape[2:5], tables[::2], tables[1::2], strict=True)
        return Separable(tuple(Axis.of(size, at.astype(np.int64), by) for size, at, by in axes), float(fill[0]))


def build(state: State, x: ir.Value, separable: Separable) -> ir.Value:
    """The map of a blocked `x` [N, Q, D, H, W, C], f32 or f16, to [N, Q, *separable.size, C]."""
    batch, blocks, *_, block = x.type.shape
    element = x.type.element_type if separable.moves else f32()
    out = filled([batch, blocks, *separable.size, block], 0.0, element)
    tables = [constant(state, "resample.fill", np.asarray([separable.fill], np.float32))]
    for axis in separable.axes:
        tables.append(constant(state, "resample.at", axis.positions.astype(np.int32)))
        tables.append(constant(state, "resample.by", axis.weights.astype(np.float32)))

    def body(fill: ir.Value, *rest: ir.Value) -> ir.Value:
        *numbers, acc = rest
        positions, factors = numbers[::2], numbers[1::2]
        n, o, _, _, _, c, *taps = (linalg.IndexOp(axis).result for axis in range(9))
        value = widened(read("x", x, [n, o, *(_inside(at) for at in positions), c]))
        for factor in factors:
            value = arith.mulf(value, factor)
        zero, none = arith.constant(f32(), 0.0), arith.constant(ir.IntegerType.get_signless(32), 0)
        inside = _all([arith.cmpi(arith.CmpIPredicate.sge, at, none) for at in positions])
        first = _all([arith.cmpi(arith.CmpIPredicate.eq, tap, index_constant(0)) for tap in taps])
        value = arith.select(inside, value, arith.select(first, fill, zero))
        total = arith.addf(widened(acc), value)
        return total if acc.type == f32() else arith.truncf(acc.type, total)

    reads = [f"{_LOOPS} -> ({axis})" for axis in _AXES for _ in ("at", "by")]
    mapping = maps(f"{_LOOPS} -> (0)", *reads, f"{_LOOPS} -> (n, o, d, h, w, c)")
    op = generic(tables, out, mapping, 3, body)
    Resample.mark(op, _INPUTS)
    return op.results[0]


def _inside(at: ir.Value) -> ir.Value:
    """A position of a table as an index; 0 for -1."""
    zero = arith.constant(ir.IntegerType.get_signless(32), 0)
    return arith.index_cast(ir.IndexType.get(), arith.maxsi(at, zero))


def _all(conditions: Sequence[ir.Value]) -> ir.Value:
    a, b, c = conditions
    return arith.andi(a, arith.andi(b, c))
