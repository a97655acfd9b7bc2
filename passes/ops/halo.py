"""Where a conv's padded input holds real data, and which kernel positions fall on the padding around them.

The insert_slice that pads an input is gone once its producer writes into the padded tensor. So `note_halos` writes down
what it says before that, and `conv_halo` reads it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ir.match import body_ops, integers, is_fill
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.insert_chain import insert_chain
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


def note_halos(module: ir.Module) -> None:
    """Writes down where each conv's input is padding, while the insert_slices that say so are still there."""

    def visit(op: ir.Operation) -> ir.WalkResult:
        if "packed_conv" in op.attributes or "depthwise_conv" in op.attributes:
            reads = [inner for inner in body_ops(op.opview) if inner.name == "tensor.extract"]
            x = next(read.operands[0] for read in reads if len(read.operands) == 7)
            op.attributes["halo"] = ir.DenseI64ArrayAttr.get(_real(x))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)


def _real(x: ir.Value) -> list[int]:
    """For (d, h) of a conv's input, where its real data begin, and how many there are: [d, h, D, H].

    Real is what was inserted into zeros, as one part or as those of a concatenation; x may be a view of that.
    """
    tensor, source = view(x)
    start, links = insert_chain(tensor)
    axes = (0, 1)
    if not links or not is_fill(start, 0.0):
        return [0, 0, *source.size[:2]]
    places = [integers(link.attributes["static_offsets"])[2:4] for link in links]
    sizes = [link.operands[0].type.shape[2:4] for link in links]
    first = [min(place[i] for place in places) for i in axes]
    last = [max(place[i] + size[i] for place, size in zip(places, sizes, strict=True)) for i in axes]
    low = [max(first[i] - source.low[1 + i], 0) for i in axes]
    return [*low, *(min(last[i] - source.low[1 + i], source.size[i]) - low[i] for i in axes)]


def conv_halo(conv: PackedConv | DepthwiseConv) -> Halo:
    """Where the input of a conv is padding, of a module that `note_halos` has seen."""
    low_d, low_h, size_d, size_h = integers(conv.op.attributes["halo"])
    depth, height = conv.x.type.shape[2:4]
    return Halo((low_d, low_h), (size_d, size_h), (depth, height))
