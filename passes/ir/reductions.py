"""Sums, maxima and minima over axes of a tensor, as linalg generics: read, and built again in one form.

y = sum of x over axis 1        [N, C, D, H, W] -> [N, 1, D, H, W], or [N, D, H, W] where the axis is not kept
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith

from rt3d_mlir.passes.ir.build import filled, generic, maps
from rt3d_mlir.passes.ir.match import body_ops, defining_op, generic_body, is_f32, scalar_constant, static_shape

#: By kind: the op of the body, and the number that changes nothing.
KINDS: dict[str, tuple[str, float]] = {
    "sum": ("arith.addf", 0.0),
    "max": ("arith.maximumf", -inf),
    "min": ("arith.minimumf", inf),
}
#: By kind: what puts two numbers together.
COMBINE: dict[str, Callable[[ir.Value, ir.Value], ir.Value]] = {
    "sum": arith.addf,
    "max": arith.maximumf,
    "min": arith.minimumf,
}
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Reduction:
    """A generic that reduces `x`, f32, over `axes`; `kept` says whether they stay, of one element each."""

    op: ir.OpView
    x: ir.Value
    kind: str
    axes: tuple[int, ...]
    kept: bool

    @staticmethod
    def of(op: ir.OpView) -> "Reduction | None":
        """None for any other op."""
        if op.name != "linalg.generic" or len(op.inputs) != 1 or len(op.results) != 1 or not is_f32(op.results[0]):
            return None
        names = [inner.name for inner in body_ops(op)]
        kind = next((kind for kind, (name, _) in KINDS.items() if names == [name, "linalg.yield"]), None)
        x, both = op.inputs[0], set(generic_body(op).arguments)
        if kind is None or set(body_ops(op)[0].operands) != both or static_shape(x) is None or not is_f32(x):
            return None
        found = reduced_axes(op)
        return Reduction(op, x, kind, *found) if found and starts_at(op.operands[1], kind) else None


def reduced_axes(op: ir.OpView) -> tuple[tuple[int, ...], bool] | None:
    """Over which axes of its one input a generic reduces, and whether its results keep them, of one element each.

    None for one that reduces nothing, or whose results have their axes in another order.
    """
    read, *written = ([str(e) for e in ir.AffineMapAttr(each).value.results] for each in op.attributes["indexing_maps"])
    kinds = ["reduction" in str(kind) for kind in op.attributes["iterator_types"]]
    reduced = {f"d{loop}" for loop, is_reduced in enumerate(kinds) if is_reduced}
    if sorted(read) != sorted(f"d{loop}" for loop in range(len(kinds))) or not reduced:
        return None
    kept = ["0" if loop in reduced else loop for loop in read]
    dropped = [loop for loop in read if loop not in reduced]
    if any(each != written[0] for each in written) or written[0] not in (kept, dropped):
        return None
    return tuple(axis for axis, loop in enumerate(read) if loop in reduced), written[0] == kept


def reduce_axis(x: ir.Value, kind: str, axis: int) -> ir.Value:
    """The reduction of `x` over one axis, which stays, of one element; the loop over it comes last."""
    rank = len(x.type.shape)
    shape = [1 if at == axis else extent for at, extent in enumerate(x.type.shape)]
    loops = [f"d{at - (at > axis)}" if at != axis else f"d{rank - 1}" for at in range(rank)]
    written = ["0" if at == axis else loop for at, loop in enumerate(loops)]
    head = ", ".join(f"d{at}" for at in range(rank))
    mapping = maps(*(f"({head}) -> ({', '.join(each)})" for each in (loops, written)))
    return generic([x], filled(shape, KINDS[kind][1]), mapping, 1, COMBINE[kind]).results[0]


def starts_at(value: ir.Value, kind: str) -> bool:
    """Whether an initial value changes nothing; torch-mlir also begins a maximum at the least finite number."""
    op = defining_op(value)
    number = scalar_constant(op.operands[0]) if op is not None and op.name == "linalg.fill" else None
    neutral = KINDS[kind][1]
    if number is None or kind == "sum":
        return number == neutral
    return abs(number) >= _LARGEST and (number > 0) == (neutral > 0)
