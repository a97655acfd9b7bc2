"""GridSample in gathers and weighted sums, for all modes and ranks: torch-mlir has a few, and rounds others wrongly.

Along each axis a sample lies at `at`, between positions that are weighted by how far they are:

    linear    floor(at), floor(at) + 1         1 - |at - position|
    cubic     floor(at) - 1, ..., floor(at) + 2
    nearest   round(at)                        1

A sample is the sum of all combinations of the axes' positions. What is outside counts nothing, or is moved inside.
"""

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np
import onnx

from rt3d_mlir.frontend.onnx_rewrites.graph import Builder, attributes

_OLDER_NAMES = {"bilinear": "linear", "bicubic": "cubic"}


def grid_sample(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """None where a shape is unknown."""
    shapes = builder.values.shapes
    if not all(name in shapes for name in node.input):
        return None
    return [_Sampler(node, builder).build()]


class _Sampler:
    """One node; all that it makes of coordinates is [batch, 1, samples]."""

    def __init__(self, node: onnx.NodeProto, builder: Builder) -> None:
        self.x, self.grid = node.input
        self.builder, self.said = builder, attributes(node)
        self.batch, self.channels, *self.size = builder.values.shapes[self.x]
        self.out = builder.values.shapes[self.grid][1:-1]
        numbers = builder.numbers(self.grid)
        if numbers is not None:  # what is computed of a parameter is not folded
            self.grid = builder.array(numbers)
        self.dtype = onnx.helper.tensor_dtype_to_np_dtype(builder.values.types[self.x])

    def build(self) -> str:
        samples = prod(self.out)
        flat = self._reshaped(self.x, [self.batch, self.channels, prod(self.size)])
        across = self.builder.array([self.batch, self.channels, samples])
        axes = [self._positions(axis) for axis in range(len(self.size))]
        total = ""
        for corner in product(*axes):
            index = self._index([position for position, _ in corner])
            picked = self._add("GatherElements", flat, self._add("Expand", index, across), axis=2)
            for _, weight in corner:
                picked = self._add("Mul", picked, weight) if weight else picked
            total = self._add("Add", total, picked) if total else picked
        return self._reshaped(total, [self.batch, self.channels, *self.out])

    def _positions(self, axis: int) -> list[tuple[str, str]]:
        """The positions that each sample reads along an axis, inside of it, and their weights; "" for 1."""
        size, rank = self.size[axis], len(self.size)
        column = self._add("Gather", self.grid, self.builder.array(np.array(rank - 1 - axis)), axis=rank + 1)
        at = self._reshaped(column, [self.batch, 1, prod(self.out)])
        aligned = self.said.get("align_corners", 0)
        scale = (size - 1) / 2 if aligned else size / 2
        at = self._add("Add", self._add("Mul", at, self._number(scale)), self._number((size - 1) / 2))
        given = str(self.said.get("mode", "linear"))
        mode = _OLDER_NAMES.get(given, given)
        if mode != "cubic":
            at = self._inside(at, size)
        if mode == "nearest":
            return [self._read(self._add("Round", at), "", size)]
        floor = self._add("Floor", at)
        places = [self._add("Add", floor, self._number(i)) for i in ((0, 1) if mode == "linear" else (-1, 0, 1, 2))]
        return [self._read(place, self._weight(at, place, mode), size) for place in places]

    def _weight(self, at: str, place: str, mode: str) -> str:
        """Of a position, by its distance."""
        distance = self._add("Abs", self._add("Sub", at, place))
        if mode == "linear":
            return self._add("Sub", self._number(1), distance)
        a = -0.75
        near = self._polynomial(distance, [a + 2, -(a + 3), 0, 1])
        far = self._polynomial(distance, [a, -5 * a, 8 * a, -4 * a])
        return self._add("Where", self._add("LessOrEqual", distance, self._number(1)), near, far)

    def _polynomial(self, x: str, factors: Sequence[float]) -> str:
        value = self._number(factors[0])
        for factor in factors[1:]:
            value = self._add("Add", self._add("Mul", value, x), self._number(factor))
        return value

    def _read(self, place: str, weight: str, size: int) -> tuple[str, str]:
        """A position that is inside of the input, weighted with 0 where it was not and zeros pad."""
        if self.said.get("padding_mode", "zeros") != "zeros":
            return self._clipped(self._inside(place, size), size), weight
        clipped = self._clipped(place, size)
        kept = self._add("Cast", self._add("Equal", clipped, place), to=self.builder.values.types[self.x])
        return clipped, self._add("Mul", weight, kept) if weight else kept

    def _inside(self, at: str, size: int) -> str:
        """Moved to the border, or reflected at it; zeros move nothing."""
        mode = self.said.get("padding_mode", "zeros")
        if mode == "border":
            return self._clipped(at, size)
        if mode == "zeros":
            return at
        low, length = (0.0, size - 1) if self.said.get("align_corners", 0) else (-0.5, size)
        if not length:
            return self._add("Mul", at, self._number(0))
        moved = self._add("Sub", at, self._number(low))
        turns = self._add("Floor", self._add("Div", moved, self._number(2 * length)))
        rest = self._add("Sub", moved, self._add("Mul", turns, self._number(2 * length)))
        distance = self._add("Abs", self._add("Sub", rest, self._number(length)))
        return self._add("Sub", self._number(low + length), distance)

    def _clipped(self, at: str, size: int) -> str:
        return self._add("Clip", at, self._number(0), self._number(size - 1))

    def _index(self, positions: Sequence[str]) -> str:
        """Where positions on all axes are in the flat input."""
        total = ""
        for axis, position in enumerate(positions):
            whole = self._add("Cast", position, to=onnx.TensorProto.INT64)
            stride = self.builder.array(np.array(prod(self.size[axis + 1 :])))
            step = self._add("Mul", whole, stride)
            total = self._add("Add", total, step) if total else step
        return total

    def _reshaped(self, x: str, shape: Sequence[int]) -> str:
        return self._add("Reshape", x, self.builder.array(list(shape)))

    def _number(self, value: float) -> str:
        return self.builder.array(np.array(value, self.dtype))

    def _add(self, operator: str, *inputs: str, **given: object) -> str:
        return self.builder.add(operator, inputs, **given)
