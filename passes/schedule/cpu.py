"""schedule-cpu: each op of the blocked layout, and each conversion from or to it, becomes one hand-written dispatch.

The dispatch of a conv or pool includes the elementwise generic after it, even if that reads other activations. The
dispatch of a conv also includes a max pool whose windows hardly overlap (plan). Other elementwise generics get a kernel
of their own. All kernels read slices of padded tensors in place. They write the padded layout of their consumer, border
included, or their part of a concatenation (destination). The register tile and the way of broadcasting come from the
target preset; see conv, pool, elementwise and pack in passes/cpu.

Given (after block-layout):
    %c = linalg.generic { gather over taps } attrs = {packed_conv = {layer = "conv2", ...}}
    %r = linalg.generic { addf, maximumf } ins(%c, %bias)
    %p = tensor.insert_slice %r into %zeros
Result:
    hal.executable.source private @conv2 { ... vector.fma ... }
    %p = flow.dispatch @conv2::@conv2(%x, %weights, %offsets, %starts, %bias)
"""

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.cpu.conv import conv_body
from rt3d_mlir.passes.cpu.elementwise import ElementwiseKernel
from rt3d_mlir.passes.cpu.pack import PackKernel, UnpackKernel
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns, first_match
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ir.match import defining_op, is_f32, only_user, static_shape
from rt3d_mlir.passes.ops.activation import view
from rt3d_mlir.passes.ops.channel_layout import is_channel_layout
from rt3d_mlir.passes.ops.epilogue import elementwise
from rt3d_mlir.passes.ops.halo import note_halos
from rt3d_mlir.passes.ops.packed_conv import NOT_AT_HAND, PackedConv
from rt3d_mlir.passes.schedule.channel_gather import schedule_channel_gather
from rt3d_mlir.passes.schedule.channel_program import schedule_channel_programs
from rt3d_mlir.passes.schedule.const_eval import hold_constants
from rt3d_mlir.passes.schedule.depthwise import schedule_depthwise
from rt3d_mlir.passes.schedule.destination import Destination, destination, mark_concatenations, pad_links
from rt3d_mlir.passes.schedule.interleave import schedule_interleave
from rt3d_mlir.passes.schedule.moments import cpu_moments
from rt3d_mlir.passes.schedule.plan import plan_conv
from rt3d_mlir.passes.schedule.pool import schedule_pool
from rt3d_mlir.passes.schedule.resample import schedule_resample
from rt3d_mlir.passes.schedule.winograd import schedule_winograd
from rt3d_mlir.targets import CpuTarget, get_target

#: Tensors of six axes whose last one has more numbers are no blocked activations.
LARGEST_BLOCK = 64


@dataclass(frozen=True)
class ScheduleCpu(Pass):
    """Emits kernels for the `target` preset; refuses shapes known only at run time."""

    name: ClassVar[str] = "schedule-cpu"
    target: CpuTarget = field(default_factory=lambda: get_target("host"))

    def run(self, module: ir.Module, state: State) -> None:
        packed = partial(self._conv, module=module, state=state)
        winograd = partial(schedule_winograd, module=module, state=state, target=self.target)
        depthwise = partial(schedule_depthwise, module=module, state=state, target=self.target)
        conv = first_match(packed, winograd, depthwise)
        spatial = (schedule_pool, schedule_resample)
        pool = first_match(*(partial(rule, module=module, state=state, target=self.target) for rule in spatial))
        channels = (schedule_interleave, schedule_channel_gather)
        moved = first_match(*(partial(rule, module=module, state=state) for rule in channels))
        pack = partial(self._pack, module=module, state=state)
        moments = partial(cpu_moments, module=module, target=self.target)
        rest = partial(self._elementwise, module=module, state=state)
        unpack = partial(_unpack, module=module)
        note_halos(module)
        mark_concatenations(module)
        apply_patterns(module, {"linalg.generic": conv})  # first: a conv may take the pool behind it
        apply_patterns(module, {"linalg.generic": first_match(pool, moved, moments), "linalg.pack": pack})
        schedule_channel_programs(module, state, self.target)
        apply_patterns(module, {"linalg.generic": rest, "linalg.unpack": unpack})
        pad_links(module)
        hold_constants(module)

    def _conv(
        self, op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State
    ) -> Failure | None:
        conv = PackedConv.match(op)
        if conv is None:
            return NO_MATCH
        plan = plan_conv(conv, state, self.target)
        if plan is None:
            return state.refuse(self.name, conv.layer, NOT_AT_HAND)
        kernel, epilogue, to = plan.kernel, plan.epilogue, plan.to
        state.tiles[conv.layer] = (kernel.tile_key, kernel.tiles_by_model)
        filters = kernel.taps.rows * kernel.filters
        with to.place(conv.op, epilogue and epilogue.op, *plan.taken):
            inputs = [
                plan.x,
                constant(state, f"{conv.layer}.weights", kernel.taps.weights, origin=plan.key),
                constant(state, f"{conv.layer}.offsets", kernel.offsets),
                constant(state, f"{conv.layer}.starts", kernel.taps.starts),
                *(epilogue.inputs(state, conv.layer, filters) if epilogue else ()),
                *(plan.behind.inputs(state, conv.layer, to.out.blocks * to.out.block) if plan.behind else ()),
            ]
            body = partial(conv_body, kernel, epilogue=epilogue, behind=plan.behind)
            to.dispatch(rewriter, module, conv.layer, inputs, kernel.grid, body)
        return None

    def _elementwise(
        self, op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State
    ) -> Failure | None:
        found = elementwise(op, state)
        if found is None or op.results[0].type.shape[5] > LARGEST_BLOCK:
            return NO_MATCH
        to = destination(found.result)
        kernel = ElementwiseKernel(self.target, found, to.out)
        with to.place(op):
            inputs = found.inputs(state, "elementwise", to.out.blocks * to.out.block)
            to.dispatch(rewriter, module, "elementwise", inputs, kernel.grid, kernel.body)
        return None

    def _pack(
        self, op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State
    ) -> Failure | None:
        shape = static_shape(op.operands[0])
        if shape is None or not is_channel_layout(op):
            return state.refuse(
                self.name, "linalg.pack", f"it does not block the channels of a static NCDHW tensor of f32 or f16: {op}"
            )
        to = destination(op.results[0])
        kernel = PackKernel(shape[1], to.out)
        with to.place(op):
            x = _before_truncf(op.operands[0])
            to.dispatch(rewriter, module, "block_layout", [x], kernel.grid, kernel.body)
        return None


def _unpack(op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module) -> Failure | None:
    x, source = view(op.operands[0])
    if not is_channel_layout(op) or static_shape(x) is None:
        return NO_MATCH
    kernel = UnpackKernel(op.results[0].type.shape[1], source)
    user = only_user(op.results[0])
    widened = user if user is not None and user.name == "arith.extf" else None
    to = Destination((widened or op).results[0], source)
    with to.place():
        to.dispatch(rewriter, module, "channel_layout", [x], kernel.grid, kernel.body)
    if widened is not None:
        rewriter.erase_op(op)
    return None


def _before_truncf(value: ir.Value) -> ir.Value:
    """The f32 tensor that an entry conversion to f16 reads; `value` itself where there is none."""
    op = defining_op(value)
    return op.operands[0] if op is not None and op.name == "arith.truncf" and is_f32(op.operands[0]) else value
