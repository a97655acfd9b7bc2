"""Which GPU kernel a packed conv gets: one for few positions, one that multiplies matrices, or the one for the rest."""

from math import prod

import numpy as np

from rt3d_mlir.passes.gpu.conv import GpuConvKernel
from rt3d_mlir.passes.gpu.matrix_conv import matrix_kernel
from rt3d_mlir.passes.gpu.matvec import FEW, GpuMatvecKernel
from rt3d_mlir.passes.gpu.taps import first_rows, narrow_rows, near_taps, whole_blocks
from rt3d_mlir.passes.ops.activation import Blocked, view
from rt3d_mlir.passes.ops.halo import conv_halo
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.ops.places import Places
from rt3d_mlir.passes.ops.tap_layout import TapLayout, arrange
from rt3d_mlir.sparsity import Packed
from rt3d_mlir.targets import GpuTarget


def conv_kernel(
    conv: PackedConv, packed: Packed, out: Blocked, target: GpuTarget, places: Places | None = None
) -> GpuMatvecKernel | GpuConvKernel:
    """The kernel that writes `out`; `packed` are the conv's numbers. Convs that may_interleave write to `places`."""
    source = view(conv.x)[1]
    size = tuple(conv.op.results[0].type.shape[2:5])
    blocks = out.blocks if places is None else places.blocks

    def rows(filters: int, all_channels: bool = True) -> TapLayout:
        """Rows of so many filters, where those of the groups can be merged or cut to it."""
        taps = whole_blocks(arrange(packed, filters), all_channels)
        return first_rows(narrow_rows(taps, filters), blocks)

    if not may_interleave(conv):
        return GpuMatvecKernel(_spread(rows(target.widest), target), source, conv.strides, size, out, target.threads)
    rest = source, conv_halo(conv), conv.strides, conv.dilations, size, out, target, places
    if target.matrices and packed.weights.dtype == np.float16:
        found = matrix_kernel([near_taps(rows(width)) for width in target.matrices], *rest)
        if found is not None:
            return found
    return GpuConvKernel(near_taps(rows(target.widest, all_channels=False)), *rest)


def may_interleave(conv: PackedConv) -> bool:
    """Whether a conv has positions enough for a kernel that writes interleaved channels."""
    return prod(conv.op.results[0].type.shape[2:5]) > FEW


def _spread(taps: TapLayout, target: GpuTarget) -> TapLayout:
    """Rows so narrow that each processor has two."""
    while taps.rows < 2 * target.processors and taps.filters % (2 * target.lanes) == 0 and taps.starts[-1]:
        taps = narrow_rows(taps, taps.filters // 2)
    return taps
