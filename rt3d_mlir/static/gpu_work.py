"""How much each dispatch of a GPU module multiplies, and how many bytes it moves, from the module itself.

Read before and after schedule-vulkan, with what that pass reads, so that both see the same kernels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.iree import internals
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.gpu.conv import GpuConvKernel
from rt3d_mlir.passes.gpu.matvec import GpuMatvecKernel
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.epilogue import epilogue_after
from rt3d_mlir.passes.ops.halo import note_halos
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.schedule.destination import destination, mark_concatenations
from rt3d_mlir.passes.schedule.gpu_choice import conv_kernel
from rt3d_mlir.static.work import inside
from rt3d_mlir.targets import GpuTarget


@dataclass(frozen=True)
class GpuWork:
    """A layer's multiplications: those a kernel does, taps that fill up a round and idle threads included."""

    layer: str
    macs: int

    @property
    def symbol(self) -> str:
        """Of its kernel."""
        return symbol_of(self.layer)


def find_gpu_work(module: ir.Module, state: State, target: GpuTarget) -> list[GpuWork]:
    """The work of every packed or depthwise conv of a module that schedule-vulkan is about to see, in order."""
    marked = module.operation.clone().opview  # the pass makes its marks itself, and only on a module without
    note_halos(marked)
    mark_concatenations(marked)
    found: list[GpuWork] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "linalg.generic":
            if (conv := PackedConv.match(op.opview)) is not None:
                found.append(GpuWork(conv.layer, _packed(conv, state, target)))
            elif (depthwise := DepthwiseConv.match(op.opview)) is not None:
                outputs = prod(op.results[0].type.shape)
                found.append(GpuWork(depthwise.layer, outputs * prod(depthwise.kernel) * depthwise.channels))
        return ir.WalkResult.ADVANCE

    marked.operation.walk(visit)
    return found


def _packed(conv: PackedConv, state: State, target: GpuTarget) -> int:
    found = conv.constants(state.weights)
    assert found is not None
    epilogue = epilogue_after(conv.op.results[0], state)
    out = destination(epilogue.result if epilogue else conv.op.results[0], target.offset_alignment).out
    return conv_macs(conv_kernel(conv, found[0], out, target))


def conv_macs(kernel: GpuConvKernel | GpuMatvecKernel) -> int:
    """Multiplications of all threads of a conv's kernel: a part does whole rounds of taps, at all its positions."""
    taps, batch = kernel.taps, kernel.out.batch
    products = len(taps.channels) * taps.filters  # of a tap at one position
    if isinstance(kernel, GpuMatvecKernel):
        return products * len(taps.taps) * prod(kernel.size) * batch
    by_plane = np.diff(taps.starts).reshape(taps.rows, taps.kernel[0], -1).sum(axis=2)
    used = np.ones((1, taps.kernel[0]), bool)
    if kernel.skips:
        used = inside(0, kernel.sheets, taps.kernel[0], kernel.halo, kernel.strides, kernel.dilations)
    rounds = np.ceil(used.astype(int) @ by_plane.T / kernel.round_taps)
    return int(rounds.sum()) * kernel.round_taps * kernel.reach * kernel.chunks * batch * products


def dispatch_bytes(module: ir.Module) -> dict[str, int]:
    """Bytes of operands and results of each dispatch of a scheduled module, in the order they run."""
    found: dict[str, int] = {}

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == internals.DISPATCH:
            symbol = str(op.attributes["entry_points"]).rpartition("@")[2].rstrip("]")
            found[symbol] = sum(map(_bytes, _moved(op)))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def _moved(op: ir.Operation) -> Sequence[ir.Value]:
    """A tied result is an operand, updated in place."""
    return list(op.operands) if "tied_operands" in op.attributes else [*op.operands, *op.results]


def _bytes(value: ir.Value) -> int:
    kind = value.type
    return prod(kind.shape) * kind.element_type.width // 8 if isinstance(kind, ir.RankedTensorType) else 0
