"""schedule-cpu: each packed conv, max pool and entry conversion becomes one hand-written dispatch.

The conv's dispatch takes its epilogue with it, and a max pool whose windows tile its input (cpu_plan); all three write
the padded layout of their consumer, border included. Register tile and way of broadcasting come from the target preset;
see cpu_conv, cpu_pool and cpu_pack.

Given (after block-layout):
    %c = linalg.generic { gather over taps } attrs = {packed_conv = {layer = "conv2", ...}}
    %r = linalg.generic { addf, maximumf } ins(%c, %bias)
    %p = tensor.insert_slice %r into %zeros
Result:
    hal.executable.source private @conv2 { ... vector.fma ... }
    %p = flow.dispatch @conv2::@conv2(%x, %weights, %offsets, %starts, %bias)
"""

from dataclasses import dataclass, field
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.blocked import destination
from rt3d_mlir.passes.build import constant
from rt3d_mlir.passes.cpu_pack import PackKernel
from rt3d_mlir.passes.cpu_plan import note_halos, plan_conv
from rt3d_mlir.passes.cpu_pool import PoolKernel
from rt3d_mlir.passes.dispatch import emit_dispatch
from rt3d_mlir.passes.match import defining_op, is_f32, static_shape
from rt3d_mlir.passes.max_pool import MaxPool
from rt3d_mlir.passes.pack_kgs import is_channel_layout
from rt3d_mlir.passes.packed_conv import PackedConv
from rt3d_mlir.passes.schedule_depthwise import schedule_depthwise
from rt3d_mlir.passes.schedule_winograd import schedule_winograd
from rt3d_mlir.sparsity import offsets
from rt3d_mlir.targets import Target, get_target


@dataclass(frozen=True)
class ScheduleCpu(Pass):
    """Emits kernels for the `target` preset; refuses shapes known only at run time."""

    name: ClassVar[str] = "schedule-cpu"
    target: Target = field(default_factory=lambda: get_target("host"))

    def run(self, module: ir.Module, state: State) -> None:
        def conv(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            found = PackedConv.match(op, state)
            if found is None:
                options = (op, module, rewriter, state, self.target)
                return schedule_winograd(*options) and schedule_depthwise(*options)
            return self._conv(found, module, rewriter, state)

        def pool(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            found = MaxPool.match(op)
            return NO_MATCH if found is None else self._pool(found, module, rewriter)

        def pack(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            return self._pack(op, module, rewriter, state)

        note_halos(module)
        apply_patterns(module, {"linalg.generic": conv})  # first: a conv may take the pool behind it
        apply_patterns(module, {"linalg.generic": pool, "linalg.pack": pack})

    def _conv(
        self, conv: PackedConv, module: ir.Module, rewriter: rewrite.PatternRewriter, state: State
    ) -> Failure | None:
        plan = plan_conv(conv, state, self.target)
        if plan is None:
            return state.refuse(self.name, conv.layer, "its packed weights are no constant at hand")
        kernel, epilogue, last = plan.kernel, plan.epilogue, plan.last
        state.tiles[conv.layer] = (kernel.tile_key, kernel.tiles_by_model)
        filters = kernel.taps.rows * kernel.filters
        with ir.InsertionPoint(last.owner), last.owner.location:
            inputs = [
                conv.x,
                constant(state, f"{conv.layer}.weights", kernel.taps.weights, origin=plan.key),
                constant(state, f"{conv.layer}.offsets", offsets(kernel.taps.taps, kernel.source[1:], conv.dilations)),
                constant(state, f"{conv.layer}.starts", kernel.taps.starts),
                *(epilogue.flat_vectors(state, conv.layer, filters) if epilogue else ()),
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
                self.name, "linalg.pack", f"it does not block the channels of a static NCDHW tensor of f32 or f16: {op}"
            )
        last, out = destination(op.results[0])
        kernel = PackKernel(shape[1], out)
        with ir.InsertionPoint(last.owner), last.owner.location:
            result = emit_dispatch(
                module,
                "block_layout",
                [_before_truncf(op.operands[0])],
                ir.RankedTensorType(last.type),
                kernel.grid,
                kernel.body,
            )
        rewriter.replace_op(last.owner, [result])
        return None


def _before_truncf(value: ir.Value) -> ir.Value:
    """The f32 tensor that an entry conversion to f16 reads; `value` itself where there is none."""
    op = defining_op(value)
    return op.operands[0] if op is not None and op.name == "arith.truncf" and is_f32(op.operands[0]) else value
