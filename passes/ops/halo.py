"""Where a conv's padded input holds real data, and which kernel positions fall on the padding around them.

The insert_slice that pads an input is gone once its producer writes into the padded tensor. So `note_halos` writes down
what it says before that, and `conv_halo` reads it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ir.match import integers, is_fill, ops_named
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.insert_chain import insert_chain
from rt3d_mlir.passes.ops.marked import Marked
from rt3d_mlir.passes.ops.packed_conv import PackedConv


@dataclass(frozen=True)
class Halo:
    """For (d, h) of a padded input: where its real data begin, `low`, and how many there are, `size`."""

    low: tuple[int, int]
    size: tuple[int, int]
    full: tuple[int, int]

    def inside(
        self, axis: int, out_at: ir.Value, count: int, strides: Sequence[int], dilations: Sequence[int]
    ) -> tuple[ir.Value, ir.Value] | None:
        """The kernel positions, first and behind the last, that read real data for an output position.

        None where the axis has no padding, so that all do.
        """
        if self.size[axis] == self.full[axis]:
            return None
        stride, dilation, low = strides[axis], dilations[axis], self.low[axis]
        first = k.at(f"({low} - a * {stride}) ceildiv {dilation}", out_at)
        last = k.at(f"({low + self.size[axis] - 1} - a * {stride}) floordiv {dilation} + 1", out_at)
        bound = k.index(count)
        first = arith.minsi(arith.maxsi(first, k.index(0)), bound)
        return first, arith.maxsi(arith.minsi(last, bound), first)

    def share(self, axis: int, rows: int, count: int) -> float:
        """About which share of (output, kernel) positions reads real data; used to choose a tile only."""
        missing = self.full[axis] - self.size[axis]
        return 1.0 if missing == 0 else max(0.1, 1 - missing * (count - 1) / 2 / (rows * count))


@dataclass(frozen=True, eq=False)
class _HaloMark(Marked):
    """On a conv: `low` and `size` of its Halo."""

    name: ClassVar[str] = "halo"
    low: tuple[int, ...]
    size: tuple[int, ...]


def note_halos(module: ir.Module) -> None:
    """Writes down where each conv's input is padding, while the insert_slices that say so are still there."""
    for conv in [PackedConv.match(op) or DepthwiseConv.match(op) for op in ops_named(module, "linalg.generic")]:
        if conv is not None:
            low, size = _real(conv.x)
            _HaloMark.mark(conv.op, low=low, size=size)


def _real(x: ir.Value) -> tuple[list[int], list[int]]:
    """For (d, h) of a conv's input, where its real data begin, and how many there are.

    Real is what was inserted into zeros, as one part or as those of a concatenation; x may be a view of that.
    """
    tensor, source = view(x)
    start, links = insert_chain(tensor)
    axes = (0, 1)
    if not links or not is_fill(start, 0.0):
        return [0, 0], list(source.size[:2])
    places = [integers(link.attributes["static_offsets"])[2:4] for link in links]
    sizes = [link.operands[0].type.shape[2:4] for link in links]
    first = [min(place[i] for place in places) for i in axes]
    last = [max(place[i] + size[i] for place, size in zip(places, sizes, strict=True)) for i in axes]
    low = [max(first[i] - source.low[1 + i], 0) for i in axes]
    return low, [min(last[i] - source.low[1 + i], source.size[i]) - low[i] for i in axes]


def conv_halo(conv: PackedConv | DepthwiseConv) -> Halo:
    """Where the input of a conv is padding, of a module that `note_halos` has seen."""
    mark = _HaloMark.match(conv.op)
    assert mark is not None, "note_halos has seen the module"
    (low_d, low_h), (size_d, size_h), (depth, height) = mark.low, mark.size, conv.x.type.shape[2:4]
    return Halo((low_d, low_h), (size_d, size_h), (depth, height))
