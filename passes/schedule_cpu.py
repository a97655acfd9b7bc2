"""schedule-cpu: each packed conv, max pool and entry conversion becomes one hand-written dispatch.

The conv's dispatch takes its epilogue with it, and all three write the padded layout of their consumer, border
included. Register tile and way of broadcasting come from the target preset; see cpu_conv, cpu_pool and cpu_pack.

Given (after block-layout):
    %c = linalg.generic { gather over taps } attrs = {packed_conv = {layer = "conv2", ...}}
    %r = linalg.generic { addf, maximumf } ins(%c, %bias)
    %p = tensor.insert_slice %r into %zeros
Result:
    hal.executable.source private @conv2 { ... vector.fma ... }
    %p = flow.dispatch @conv2::@conv2(%x, %packed, %offsets, %ptr, %bias)
"""

from dataclasses import dataclass, field
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.blocked import destination
from rt3d_mlir.passes.build import constant
from rt3d_mlir.passes.constants import constant_value
from rt3d_mlir.passes.cpu_conv import ConvKernel
from rt3d_mlir.passes.cpu_pack import PackKernel
from rt3d_mlir.passes.cpu_pool import PoolKernel
from rt3d_mlir.passes.cpu_taps import arrange
from rt3d_mlir.passes.cpu_tile import Halo
from rt3d_mlir.passes.dispatch import emit_dispatch
from rt3d_mlir.passes.epilogue import epilogue_after
from rt3d_mlir.passes.match import body_ops, defining_op, integers, is_fill, static_shape
from rt3d_mlir.passes.max_pool import MaxPool
from rt3d_mlir.passes.pack_kgs import is_channel_layout
from rt3d_mlir.passes.packed_conv import PackedConv
from rt3d_mlir.sparsity import offsets
from rt3d_mlir.targets import Target, get_target


@dataclass(frozen=True)
class ScheduleCpu(Pass):
    """Emits kernels for the `target` preset; refuses shapes known only at run time."""

    name: ClassVar[str] = "schedule-cpu"
    target: Target = field(default_factory=lambda: get_target("host"))

    def run(self, module: ir.Module, state: State) -> None:
        def generic(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            conv = PackedConv.match(op, state)
            if conv is not None:
                return self._conv(conv, module, rewriter, state)
            pool = MaxPool.match(op)
            return NO_MATCH if pool is None else self._pool(pool, module, rewriter)

        def pack(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            return self._pack(op, module, rewriter, state)

        _note_halos(module)
        apply_patterns(module, {"linalg.generic": generic, "linalg.pack": pack})

    def _conv(
        self, conv: PackedConv, module: ir.Module, rewriter: rewrite.PatternRewriter, state: State
    ) -> Failure | None:
        weights, ptr = (constant_value(value, state.weights) for value in (conv.packed, conv.ptr))
        if weights is None or ptr is None:
            return state.refuse(self.name, conv.layer, "its packed weights are no constant at hand")
        epilogue = epilogue_after(conv.op.results[0], state)
        last, out = destination(epilogue.result if epilogue else conv.op.results[0])
        source = tuple(conv.x.type.shape[1:5])
        taps = arrange(conv, weights[0], ptr[0], self.target)
        kernel = ConvKernel(self.target, taps, source, _halo(conv), conv.strides, conv.dilations, out)
        state.tiles[conv.layer] = (kernel.tile_key, kernel.tiles_by_model)
        vectors = epilogue.vectors if epilogue else ()
        with ir.InsertionPoint(last.owner), last.owner.location:
            inputs = [
                conv.x,
                constant(state, f"{conv.layer}.weights", taps.weights, origin=weights[1]),
                constant(state, f"{conv.layer}.offsets", offsets(taps.taps, source[1:], conv.dilations)),
                constant(state, f"{conv.layer}.starts", taps.starts),
                *(_padded(state, conv.layer, vector, kernel) for vector in vectors),
            ]
            result = emit_dispatch(
                module,
                conv.layer,
                inputs,
                ir.RankedTensorType(last.type),
                kernel.grid,
                lambda bindings, ids: kernel.body(bindings, ids, epilogue and epilogue.apply),
            )
        rewriter.replace_op(last.owner, [result])
        return None

    def _pool(self, pool: MaxPool, module: ir.Module, rewriter: rewrite.PatternRewriter) -> Failure | None:
        last, out = destination(pool.op.results[0])
        kernel = PoolKernel(pool, out)
        with ir.InsertionPoint(last.owner), last.owner.location:
            result = emit_dispatch(
                module, "max_pool", [pool.x], ir.RankedTensorType(last.type), kernel.grid, kernel.body
            )
        rewriter.replace_op(last.owner, [result])
        return None

    def _pack(
        self, op: ir.OpView, module: ir.Module, rewriter: rewrite.PatternRewriter, state: State
    ) -> Failure | None:
        shape = static_shape(op.operands[0])
        if shape is None or not is_channel_layout(op):
            return state.refuse(
                self.name, "linalg.pack", f"it does not block the channels of a static NCDHW tensor of f32: {op}"
            )
        last, out = destination(op.results[0])
        kernel = PackKernel(shape[1], out)
        with ir.InsertionPoint(last.owner), last.owner.location:
            result = emit_dispatch(
                module,
                "block_layout",
                [op.operands[0]],
                ir.RankedTensorType(last.type),
                kernel.grid,
                kernel.body,
            )
        rewriter.replace_op(last.owner, [result])
        return None


def _padded(state: State, layer: str, vector: ir.Value, kernel: ConvKernel) -> ir.Value:
    """A per-channel constant [O, C] as [P * gM], zeros behind the last channel."""
    found = constant_value(vector, state.weights)
    assert found is not None, "epilogue_after takes constants only"
    flat = np.zeros(kernel.taps.rows * kernel.filters, found[0].dtype)
    values = found[0].reshape(-1)[: len(flat)]
    flat[: len(values)] = values
    return constant(state, f"{layer}.epilogue", flat)


def _note_halos(module: ir.Module) -> None:
    """Writes down where each packed conv's input is padding, while the insert_slice that says so is still there."""

    def visit(op: ir.Operation) -> ir.WalkResult:
        if "packed_conv" in op.attributes:
            x = next(
                inner.operands[0]
                for inner in body_ops(op.opview)
                if inner.name == "tensor.extract" and len(inner.operands) == 7
            )
            full = list(x.type.shape[2:4])
            low, size = [0, 0], full
            insert = defining_op(x)
            if insert is not None and insert.name == "tensor.insert_slice" and is_fill(insert.operands[1], 0.0):
                low = integers(insert.attributes["static_offsets"])[2:4]
                size = integers(insert.attributes["static_sizes"])[2:4]
            op.attributes["halo"] = ir.DenseI64ArrayAttr.get([*low, *size])
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)


def _halo(conv: PackedConv) -> Halo:
    low_d, low_h, size_d, size_h = integers(conv.op.attributes["halo"])
    depth, height = conv.x.type.shape[2:4]
    return Halo((low_d, low_h), (size_d, size_h), (depth, height))
