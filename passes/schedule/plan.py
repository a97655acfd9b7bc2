"""What becomes of a packed conv on a CPU: its kernel, the epilogue and max pool inside, where it reads and writes.

A max pool whose windows tile its input, as all but the last of C3D, or share a row with the next one, as in the stems
of S3D and ResNets, is taken into the conv's kernel: the conv's own output, the largest tensor of the network, is then
never in memory. So is an interleave of its channels, as behind a transposed conv, if its phases have whole blocks.
"""

from dataclasses import dataclass, replace

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.cpu.conv_kernel import ConvKernel
from rt3d_mlir.passes.cpu.conv_pool import worth_it
from rt3d_mlir.passes.cpu.pool_window import Window
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.epilogue import Epilogue, epilogue_after
from rt3d_mlir.passes.ops.halo import conv_halo
from rt3d_mlir.passes.ops.interleave import Interleave, interleave_after
from rt3d_mlir.passes.ops.marked import gathering_user
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.ops.places import Places
from rt3d_mlir.passes.ops.tap_layout import arrange
from rt3d_mlir.passes.schedule.destination import Destination, destination
from rt3d_mlir.targets import CpuTarget


@dataclass(frozen=True)
class ConvPlan:
    """A conv's kernel, the tensor `x` that it reads, what it takes along, and the name of its packed weights.

    `behind` is the arithmetic behind an interleave that it takes along.
    """

    kernel: ConvKernel
    x: ir.Value
    epilogue: Epilogue | None
    to: Destination
    key: str | None
    pool: MaxPool | None = None
    interleave: Interleave | None = None
    behind: Epilogue | None = None

    @property
    def taken(self) -> list[ir.OpView]:
        """The ops that are computed behind the epilogue."""
        return [each.op for each in (self.pool, self.interleave, self.behind) if each is not None]


def plan_conv(conv: PackedConv, state: State, target: CpuTarget) -> ConvPlan | None:
    """The plan for a conv of a module that `note_halos` has seen; None if its weights are no constants at hand."""
    found = conv.constants(state.weights)
    if found is None:
        return None
    packed, key = found
    epilogue = epilogue_after(conv.op.results[0], state)
    value = epilogue.result if epilogue else conv.op.results[0]
    x, source = view(conv.x)
    to = destination(value)
    kernel = ConvKernel(
        target=target,
        taps=arrange(packed, target.widest * (2 if packed.weights.dtype == np.float16 else 1)),
        source=source,
        halo=conv_halo(conv),
        strides=conv.strides,
        dilations=conv.dilations,
        size=tuple(value.type.shape[2:5]),
        out=to.out,
    )
    pool = _pool_after(value)
    if pool is not None and not kernel.streamed:
        pooled_to = destination(pool.op.results[0])
        pooled = replace(kernel, out=pooled_to.out, window=Window(pool.kernel, pool.strides, pool.low))
        sizes = kernel.size, pooled.out.size
        tiled = pooled.window.tiles(*sizes) and pooled.row_sums <= target.stack
        if tiled or (pooled.window.shares_rows(*sizes) and worth_it(pooled)):
            return ConvPlan(pooled, x, epilogue, pooled_to, key, pool)
    interleave = interleave_after(value)
    if interleave is not None:
        behind = epilogue_after(interleave.op.results[0], state)
        to = destination(behind.result if behind else interleave.op.results[0])
        places = Places(kernel.size, interleave.phases, interleave.low, to.out)
        return ConvPlan(
            replace(kernel, out=to.out, places=places), x, epilogue, to, key, interleave=interleave, behind=behind
        )
    return ConvPlan(kernel, x, epilogue, to, key)


def tiling_pool_after(value: ir.Value) -> MaxPool | None:
    """The only user of a conv's value, if it is a max pool whose windows tile it."""
    pool = _pool_after(value)
    if pool is None:
        return None
    size, out = (tuple(v.type.shape[2:5]) for v in (value, pool.op.results[0]))
    return pool if Window(pool.kernel, pool.strides, pool.low).tiles(size, out) else None


def _pool_after(value: ir.Value) -> MaxPool | None:
    """The only user of a conv's value, if it is a max pool whose padding counts nothing."""
    reader = gathering_user(value)
    pool = MaxPool.match(reader) if reader is not None else None
    return pool if pool is not None and pool.x == value and not pool.zeros else None
