"""What becomes of a packed conv on a CPU: its kernel, the epilogue and max pool inside, where it reads and writes.

A max pool whose windows tile its input, as all but the last of C3D, or share a row with the next one, as in the stems
of S3D and ResNets, is taken into the conv's kernel: the conv's own output, the largest tensor of the network, is then
never in memory.
"""

from dataclasses import dataclass, replace

import iree.compiler.ir as ir

from rt3d_mlir.passes.base import State
from rt3d_mlir.passes.blocked import view
from rt3d_mlir.passes.constants import constant_value
from rt3d_mlir.passes.cpu_conv import STACK, ConvKernel
from rt3d_mlir.passes.cpu_conv_pool import Window, worth_it
from rt3d_mlir.passes.cpu_taps import arrange
from rt3d_mlir.passes.cpu_tile import Halo
from rt3d_mlir.passes.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.destination import Destination, destination, insert_chain
from rt3d_mlir.passes.epilogue import Epilogue, epilogue_after
from rt3d_mlir.passes.match import body_ops, integers, is_fill, only_user
from rt3d_mlir.passes.max_pool import MaxPool
from rt3d_mlir.passes.packed_conv import PackedConv
from rt3d_mlir.targets import Target


@dataclass(frozen=True)
class ConvPlan:
    """A conv's kernel, the tensor `x` that it reads, what it takes along, and the name of its packed weights."""

    kernel: ConvKernel
    x: ir.Value
    epilogue: Epilogue | None
    pool: MaxPool | None
    to: Destination
    key: str | None


def plan_conv(conv: PackedConv, state: State, target: Target) -> ConvPlan | None:
    """The plan for a conv of a module that `note_halos` has seen; None if its weights are no constants at hand."""
    weights, ptr = (constant_value(value, state.weights) for value in (conv.packed, conv.ptr))
    if weights is None or ptr is None:
        return None
    epilogue = epilogue_after(conv.op.results[0], state)
    value = epilogue.result if epilogue else conv.op.results[0]
    x, source = view(conv.x)
    to = destination(value)
    kernel = ConvKernel(
        target=target,
        taps=arrange(conv, weights[0], ptr[0], target.widest * 4 // weights[0].itemsize),
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
        tiled = pooled.window.tiles(*sizes) and pooled.row_sums <= STACK
        if tiled or (pooled.window.shares_rows(*sizes) and worth_it(pooled)):
            return ConvPlan(pooled, x, epilogue, pool, pooled_to, weights[1])
    return ConvPlan(kernel, x, epilogue, None, to, weights[1])


def tiling_pool_after(value: ir.Value) -> MaxPool | None:
    """The only user of a conv's value, if it is a max pool whose windows tile it."""
    pool = _pool_after(value)
    if pool is None:
        return None
    size, out = (tuple(v.type.shape[2:5]) for v in (value, pool.op.results[0]))
    return pool if Window(pool.kernel, pool.strides, pool.low).tiles(size, out) else None


def _pool_after(value: ir.Value) -> MaxPool | None:
    """The only user of a conv's value, if it is a max pool."""
    read = only_user(value)
    if read is None or read.name != "tensor.extract" or read.operation.parent is None:
        return None
    return MaxPool.match(read.operation.parent.opview)


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
