"""What stands in the missing channels of the last block, where the number of channels is no multiple of the block.

The next conv multiplies them by zero, which is right for any finite number: NaN and infinity must not get there. An
entry conversion and a conv leave zero; an elementwise op computes on, and sigmoid(0) is 1/2. All missing channels of a
tensor hold the same number, for a constant per channel is zero there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.ir.evaluate import evaluate_body
from rt3d_mlir.passes.ir.match import defining_op, integers
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.channel_gather import ChannelGather
from rt3d_mlir.passes.ops.channel_reduction import ChannelReduction
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.interleave import Interleave
from rt3d_mlir.passes.ops.marked import Marked
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.ops.moments import Mean, Variance
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.ops.resample import Resample


@dataclass(frozen=True, eq=False)
class ZeroBehind(Marked):
    """On an elementwise generic that writes zero in missing channels."""

    name: ClassVar[str] = "zero_behind"


def finite_in_missing_channels(op: ir.OpView, inputs: Sequence[ir.Value | float | None]) -> bool:
    """Whether an elementwise generic gives a finite number there, of blocked inputs or the numbers they have there.

    None is a number that is not known.
    """
    number = _computed(op, inputs, {})
    return number is not None and bool(np.isfinite(number))


def _missing(value: ir.Value, known: dict[ir.Value, float | None]) -> float | None:
    """The number in the missing channels of a blocked value; None where it is not known."""
    if value not in known:
        op = defining_op(value)
        known[value] = None if op is None else _left_by(op, known)
    return known[value]


def _left_by(op: ir.OpView, known: dict[ir.Value, float | None]) -> float | None:
    zeros = (PackedConv, DepthwiseConv, Interleave, ChannelGather, ChannelReduction, ZeroBehind)
    if op.name == "linalg.pack" or any(kind.marks(op) for kind in zeros):
        return 0.0
    if (mean := Mean.match(op)) is not None:
        return _missing(mean.x, known) if mean.groups.size == 1 else 0.0
    if Variance.marks(op):
        return 0.0
    if op.name == "tensor.extract_slice":
        return _missing(op.operands[0], known)
    if op.name == "tensor.insert_slice":
        return _written(op, known)
    if (pool := MaxPool.match(op) or AvgPool.match(op)) is not None:
        number = _missing(pool.x, known)
        return number if number == 0 or isinstance(pool, MaxPool) else None
    if (resampled := Resample.match(op)) is not None:
        return 0.0 if _missing(resampled.x, known) == 0 and resampled.leaves_zeros else None
    if op.name == "linalg.generic":
        return _computed(
            op, [_read(*each) for each in zip(op.inputs, op.attributes["indexing_maps"], strict=False)], known
        )
    return None


def _written(op: ir.OpView, known: dict[ir.Value, float | None]) -> float | None:
    """In the last block of what a part is written into; padding comes after all elementwise ops."""
    (part, whole), (sizes, shape) = op.operands[:2], (list(op.operands[at].type.shape) for at in (0, 1))
    last = integers(op.attributes["static_offsets"])[1] + sizes[1] == shape[1]
    others = [axis for axis in (0, 2, 3, 4) if sizes[axis] != shape[axis]]
    before = defining_op(whole)
    if not last:
        return _missing(whole, known)
    if not others or (before is not None and before.name == "tensor.empty"):
        return _missing(part, known)
    number = _missing(part, known)
    return number if number == _missing(whole, known) else None


def _read(value: ir.Value, mapping: ir.Attribute) -> ir.Value | float | None:
    """What an elementwise generic reads for missing channels; None for the first channel, which is no missing one."""
    if len(value.type.shape) < 6:
        return 0.0
    return None if str(ir.AffineMapAttr(mapping).value.results[-1]) == "0" else value


def _computed(
    op: ir.OpView, inputs: Sequence[ir.Value | float | None], known: dict[ir.Value, float | None]
) -> float | None:
    numbers = [_missing(value, known) if isinstance(value, ir.Value) else value for value in inputs]
    if any(number is None for number in numbers):
        return None
    result = evaluate_body(op, [np.asarray(number, np.float32) for number in numbers])
    return None if result is None else float(result)
