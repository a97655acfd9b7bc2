"""A channel-blocked, padded activation, [N, O, Do, Ho, Wo, C], as the CPU kernels write it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir

from rt3d_mlir.passes.kernel import at, element_type, if_else, index, less, loop, splat, store_vector
from rt3d_mlir.passes.match import defining_op, integers, is_fill, only_user


@dataclass(frozen=True)
class Blocked:
    """`size` is the interior (D, H, W) that a layer computes, `full` includes the border, `low` is its start in it."""

    batch: int
    blocks: int
    size: tuple[int, ...]
    full: tuple[int, ...]
    low: tuple[int, ...]
    block: int

    @property
    def padded(self) -> bool:
        return self.size != self.full

    @property
    def rows(self) -> int:
        """Rows of the interior: D * H."""
        return self.size[0] * self.size[1]

    @property
    def plane_grid(self) -> tuple[int, int, int]:
        """A workgroup for each depth plane of each channel block, and one more a block for the border."""
        return self.size[0] + self.padded, self.blocks, self.batch

    def plane_or_border(self, target: ir.Value, ids: list[ir.Value], compute: Callable[[], None]) -> None:
        """In a workgroup of `plane_grid`: `compute` the plane, or write the zeros around the interior."""
        if not self.padded:
            compute()
            return
        d, block, n = ids
        if_else(less(d, index(self.size[0])), compute, lambda: self.zero_border(target, n, block))

    def row_offset(self, n: ir.Value, block: ir.Value, row: ir.Value) -> ir.Value:
        """The flat offset of column 0 of interior row `row` = d * H + h."""
        _, height, width = self.full
        start = (self.low[0] * height + self.low[1]) * width + self.low[2]
        plane = at(f"(a * {self.blocks} + b) * {prod(self.full)} + {start}", n, block)
        inside = f"(b floordiv {self.size[1]}) * {height * width} + (b mod {self.size[1]}) * {width}"
        return at(f"(a + {inside}) * {self.block}", plane, row)

    def zero_border(self, target: ir.Value, n: ir.Value, block: ir.Value) -> None:
        """Writes the zeros around the interior of one channel block."""
        depth, height, width = self.full
        zero, none = splat(0.0, self.block, element_type(target)), index(0)
        after = self.low[2] + self.size[2]

        def fill(offset: ir.Value, first: int, last: int) -> None:
            with loop(index(first), index(last)) as w:
                store_vector(zero, target, at(f"a + b * {self.block}", offset, w))

        with loop(none, index(depth)) as d, loop(none, index(height)) as h:
            offset = at(
                f"((a * {self.blocks} + b) * {prod(self.full)} + (c * {height} + d) * {width}) * {self.block}",
                n,
                block,
                d,
                h,
            )

            def sides() -> None:
                fill(offset, 0, self.low[2])
                fill(offset, after, width)

            def whole() -> None:
                fill(offset, 0, width)

            # Interior rows are those with 0 <= d - low < size, the same for h: as unsigned numbers, one compare each.
            inside_d = at(f"(a + {depth} - {self.low[0]}) mod {depth}", d)
            inside_h = at(f"(a + {height} - {self.low[1]}) mod {height}", h)

            def inner() -> None:
                if_else(less(inside_h, index(self.size[1])), sides, whole)

            if_else(less(inside_d, index(self.size[0])), inner, whole)


def destination(value: ir.Value) -> tuple[ir.Value, Blocked]:
    """Where a blocked value goes: the padded tensor its only user inserts it into, or just itself."""
    batch, blocks, *size, block = value.type.shape
    user = only_user(value)
    if user is not None and user.name == "tensor.insert_slice" and user.operands[0] == value:
        offsets = integers(user.attributes["static_offsets"])
        dest = defining_op(user.operands[1])
        whole = offsets[:2] == [0, 0] and offsets[5] == 0 and dest is not None
        if whole and len(user.operands) == 2 and is_fill(user.operands[1], 0.0):
            full = tuple(user.results[0].type.shape[2:5])
            return user.results[0], Blocked(batch, blocks, tuple(size), full, tuple(offsets[2:5]), block)
    return value, Blocked(batch, blocks, tuple(size), tuple(size), (0, 0, 0), block)
