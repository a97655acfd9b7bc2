"""What becomes of a packed conv on a CPU: its kernel, the epilogue and max pool inside, and where it writes.

A max pool whose windows tile its input, as all but the last of C3D, is taken into the conv's kernel: the conv's own
output, the largest tensor of the network, is then never in memory.
"""

from dataclasses import dataclass, replace

import iree.compiler.ir as ir

from rt3d_mlir.passes.base import State
from rt3d_mlir.passes.blocked import destination
from rt3d_mlir.passes.constants import constant_value
from rt3d_mlir.passes.cpu_conv import STACK, ConvKernel
from rt3d_mlir.passes.cpu_taps import arrange
from rt3d_mlir.passes.cpu_tile import Halo
from rt3d_mlir.passes.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.epilogue import Epilogue, epilogue_after
from rt3d_mlir.passes.match import body_ops, defining_op, integers, is_fill, only_user
from rt3d_mlir.passes.max_pool import MaxPool
from rt3d_mlir.passes.packed_conv import PackedConv
from rt3d_mlir.targets import Target


@dataclass(frozen=True)
class ConvPlan:
    """A conv's kernel; `last` is the value that its dispatch replaces, `key` the name of its packed weights."""

    kernel: ConvKernel
    epilogue: Epilogue | None
    last: ir.Value
    key: str | None


def plan_conv(conv: PackedConv, state: State, target: Target) -> ConvPlan | None:
    """The plan for a conv of a module that `note_halos` has seen; None if its weights are no constants at hand."""
    weights, ptr = (constant_value(value, state.weights) for value in (conv.packed, conv.ptr))
    if weights is None or ptr is None:
        return None
    epilogue = epilogue_after(conv.op.results[0], state)
    value = epilogue.result if epilogue else conv.op.results[0]
    last, out = destination(value)
    kernel = ConvKernel(
        target=target,
        taps=arrange(conv, weights[0], ptr[0], target),
        source=tuple(conv.x.type.shape[1:5]),
        halo=conv_halo(conv),
        strides=conv.strides,
        dilations=conv.dilations,
        size=tuple(value.type.shape[2:5]),
        out=out,
    )
    pool = pool_after(value)
    if pool is not None and not kernel.streamed:
        pooled_last, pooled_out = destination(pool.op.results[0])
        pooled = replace(kernel, out=pooled_out, pool=pool.kernel)
        if pooled.row_sums <= STACK:
            kernel, last = pooled, pooled_last
    return ConvPlan(kernel, epilogue, last, weights[1])


def pool_after(value: ir.Value) -> MaxPool | None:
    """The only user of a conv's value, if it is a max pool whose windows tile it."""
    read = only_user(value)
    if read is None or read.name != "tensor.extract" or read.operation.parent is None:
        return None
    pool = MaxPool.match(read.operation.parent.opview)
    if pool is None or pool.kernel != pool.strides or any(pool.low):
        return None
    size = value.type.shape[2:5]
    tiled = all(extent % k == 0 for extent, k in zip(size, pool.kernel, strict=True))
    whole = [extent // k for extent, k in zip(size, pool.kernel, strict=True)] == pool.op.results[0].type.shape[2:5]
    return pool if tiled and whole else None


def note_halos(module: ir.Module) -> None:
    """Writes down where each conv's input is padding, while the insert_slice that says so is still there."""

    def visit(op: ir.Operation) -> ir.WalkResult:
        if "packed_conv" in op.attributes or "depthwise_conv" in op.attributes:
            reads = [inner for inner in body_ops(op.opview) if inner.name == "tensor.extract"]
            x = next(read.operands[0] for read in reads if len(read.operands) == 7)
            full = list(x.type.shape[2:4])
            low, size = [0, 0], full
            insert = defining_op(x)
            if insert is not None and insert.name == "tensor.insert_slice" and is_fill(insert.operands[1], 0.0):
                low = integers(insert.attributes["static_offsets"])[2:4]
                size = integers(insert.attributes["static_sizes"])[2:4]
            op.attributes["halo"] = ir.DenseI64ArrayAttr.get([*low, *size])
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)


def conv_halo(conv: PackedConv | DepthwiseConv) -> Halo:
    """Where the input of a conv is padding, of a module that `note_halos` has seen."""
    low_d, low_h, size_d, size_h = integers(conv.op.attributes["halo"])
    depth, height = conv.x.type.shape[2:4]
    return Halo((low_d, low_h), (size_d, size_h), (depth, height))
