"""A channel-blocked activation, as the CPU kernels read and write it: a part of a tensor [N, O, D, H, W, C].

The tensor is larger where it is padded, or where it is a concatenation. A reader adds a constant to its addresses; a
writer writes the zeros around its own channel blocks, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir

from rt3d_mlir.passes.emit.vectors import at, element_type, if_else, index, less, loop, splat, store_vector
from rt3d_mlir.passes.ir.match import defining_op, integers


@dataclass(frozen=True)
class Blocked:
    """Where an activation of N clips, `blocks` channel blocks of C = `block` and `size` (D, H, W) lies.

    `full` is the tensor's (O, D, H, W), `low` the activation's first (o, d, h, w) in it.
    """

    batch: int
    blocks: int
    size: tuple[int, ...]
    full: tuple[int, ...]
    low: tuple[int, ...]
    block: int

    @staticmethod
    def whole(value: ir.Value) -> "Blocked":
        """All of a tensor."""
        batch, blocks, *size, block = value.type.shape
        return Blocked(batch, blocks, tuple(size), (blocks, *size), (0, 0, 0, 0), block)

    @property
    def padded(self) -> bool:
        return self.size != self.full[1:]

    @property
    def rows(self) -> int:
        """Rows of the activation: D * H."""
        return self.size[0] * self.size[1]

    @property
    def numbers(self) -> int:
        """Of one clip of the activation."""
        return self.blocks * prod(self.size) * self.block

    @property
    def start(self) -> int:
        """The first position, counted in positions (of C numbers) of the tensor."""
        (o, d, h, w), (_, depth, height, width) = self.low, self.full
        return ((o * depth + d) * height + h) * width + w

    @property
    def plane_grid(self) -> tuple[int, int, int]:
        """A workgroup for each depth plane of each channel block, and one more a block for the border."""
        return self.size[0] + self.padded, self.blocks, self.batch

    def plane_or_border(self, target: ir.Value, ids: list[ir.Value], compute: Callable[[], None]) -> None:
        """In a workgroup of `plane_grid`: `compute` the plane, or write the zeros around the activation."""
        if not self.padded:
            compute()
            return
        d, block, n = ids
        if_else(less(d, index(self.size[0])), compute, lambda: self.zero_border(target, n, block))

    def row_offset(self, n: ir.Value, block: ir.Value, row: ir.Value) -> ir.Value:
        """The flat offset of column 0 of row `row` = d * H + h."""
        blocks, _, height, width = self.full
        plane = at(f"(a * {blocks} + b) * {prod(self.full[1:])} + {self.start}", n, block)
        inside = f"(b floordiv {self.size[1]}) * {height * width} + (b mod {self.size[1]}) * {width}"
        return at(f"(a + {inside}) * {self.block}", plane, row)

    def zero_border(self, target: ir.Value, n: ir.Value, block: ir.Value) -> None:
        """Writes the zeros around one channel block of the activation."""
        blocks, depth, height, width = self.full
        first, low_d, low_h, low_w = self.low
        zero, none = splat(0.0, self.block, element_type(target)), index(0)
        after = low_w + self.size[2]

        def fill(offset: ir.Value, first: int, last: int) -> None:
            with loop(index(first), index(last)) as w:
                store_vector(zero, target, at(f"a + b * {self.block}", offset, w))

        with loop(none, index(depth)) as d, loop(none, index(height)) as h:
            plane = f"(a * {blocks} + b + {first}) * {depth * height * width}"
            offset = at(f"({plane} + (c * {height} + d) * {width}) * {self.block}", n, block, d, h)

            def sides() -> None:
                fill(offset, 0, low_w)
                fill(offset, after, width)

            def whole() -> None:
                fill(offset, 0, width)

            # Rows of the activation have 0 <= d - low < size, the same for h: as unsigned numbers, one compare each.
            inside_d = at(f"(a + {depth} - {low_d}) mod {depth}", d)
            inside_h = at(f"(a + {height} - {low_h}) mod {height}", h)

            def inner() -> None:
                if_else(less(inside_h, index(self.size[1])), sides, whole)

            if_else(less(inside_d, index(self.size[0])), inner, whole)


def view(value: ir.Value) -> tuple[ir.Value, Blocked]:
    """The tensor that a blocked value is read from, and where in it: the source of an extract_slice, or just itself."""
    op = defining_op(value)
    if op is None or op.name != "tensor.extract_slice" or len(op.operands) != 1:
        return value, Blocked.whole(value)
    tensor, shape = op.operands[0], value.type.shape
    offsets, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "strides"))
    whole = len(shape) == 6 == len(tensor.type.shape) and [shape[0], shape[5]] == [tensor.type.shape[i] for i in (0, 5)]
    if not whole or set(strides) != {1}:
        return value, Blocked.whole(value)
    batch, blocks, *size, block = shape
    return tensor, Blocked(batch, blocks, tuple(size), tuple(tensor.type.shape[1:5]), tuple(offsets[1:5]), block)
