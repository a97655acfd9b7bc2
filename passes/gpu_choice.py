"""Which GPU kernel a packed conv gets: one for few positions, one that multiplies matrices, or the one for the rest."""

from math import prod

import numpy as np

from rt3d_mlir.gpu_targets import GpuTarget
from rt3d_mlir.passes.blocked import Blocked, view
from rt3d_mlir.passes.cpu_plan import conv_halo
from rt3d_mlir.passes.cpu_taps import arrange
from rt3d_mlir.passes.gpu_conv import GpuConvKernel
from rt3d_mlir.passes.gpu_matrix_conv import MATRIX_WIDTHS, matrix_kernel
from rt3d_mlir.passes.gpu_matvec import FEW, GpuMatvecKernel
from rt3d_mlir.passes.gpu_taps import whole_blocks
from rt3d_mlir.passes.packed_conv import PackedConv


def conv_kernel(
    conv: PackedConv, weights: np.ndarray, ptr: np.ndarray, out: Blocked, target: GpuTarget
) -> GpuMatvecKernel | GpuConvKernel:
    """The kernel that writes `out`; `weights` and `ptr` are the numbers of the conv's packed weights and row starts."""
    source = view(conv.x)[1]
    size = tuple(conv.op.results[0].type.shape[2:5])
    few = prod(size) <= FEW
    taps = whole_blocks(arrange(conv, weights, ptr, target.widest), all_channels=few)
    if few:
        return GpuMatvecKernel(taps, source, conv.strides, size, out)
    rest = source, conv_halo(conv), conv.strides, conv.dilations, size, out, target
    if target.matrices and weights.dtype == np.float16:
        wider = (arrange(conv, weights, ptr, widest) for widest in MATRIX_WIDTHS)
        found = matrix_kernel([whole_blocks(each, all_channels=True) for each in wider], *rest)
        if found is not None:
            return found
    return GpuConvKernel(taps, *rest)
