"""schedule-vulkan: each packed conv, pool, elementwise op and entry conversion becomes one hand-written GPU dispatch.

Floor 2 is the same as on a CPU. The kernels are in passes/gpu: conv, matvec, pool, depthwise, elementwise and pack. A
thread works on channel blocks of 4, the vectors that a GPU loads at once. As in schedule-cpu, a kernel includes the
epilogue and the zero border, and writes its part of a concatenation in place. The tile is chosen by the target preset
(gpu_tile).

Given (after block-layout):
    %c = linalg.generic { gather over taps } attrs = {packed_conv = {layer = "conv2", ...}}
    %r = linalg.generic { addf, maximumf } ins(%c, %bias)
    %p = tensor.insert_slice %r into %zeros
Result:
    hal.executable.source private @conv2 { ... workgroup_size = [128, 1, 1] ... math.fma ... }
    %p = flow.dispatch @conv2::@conv2(%x, %weights, %offsets, %starts, %bias)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Protocol

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.emit.dispatch import GpuLaunch
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns, first_match
from rt3d_mlir.passes.gpu.channel_gather import GpuChannelGatherKernel
from rt3d_mlir.passes.gpu.depthwise import GpuDepthwiseKernel
from rt3d_mlir.passes.gpu.elementwise import GpuElementwiseKernel
from rt3d_mlir.passes.gpu.interleave import GpuInterleaveKernel
from rt3d_mlir.passes.gpu.matrix_conv import GpuMatrixKernel
from rt3d_mlir.passes.gpu.pack import GpuPackKernel, GpuUnpackKernel
from rt3d_mlir.passes.gpu.pool import GpuPoolKernel
from rt3d_mlir.passes.gpu.resample import GpuResampleKernel
from rt3d_mlir.passes.gpu.taps import offsets
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import defining_op, is_f32, only_user, static_shape
from rt3d_mlir.passes.ops import channel_gather, resample
from rt3d_mlir.passes.ops.activation import Blocked, view
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.channel_gather import ChannelGather
from rt3d_mlir.passes.ops.channel_layout import is_channel_layout
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.epilogue import Epilogue, elementwise, epilogue_after
from rt3d_mlir.passes.ops.halo import note_halos
from rt3d_mlir.passes.ops.interleave import Interleave, interleave_after
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.ops.moments import Variance
from rt3d_mlir.passes.ops.packed_conv import NOT_AT_HAND, PackedConv
from rt3d_mlir.passes.ops.places import Places
from rt3d_mlir.passes.ops.resample import Resample
from rt3d_mlir.passes.schedule.channel_program import schedule_channel_programs
from rt3d_mlir.passes.schedule.const_eval import hold_constants
from rt3d_mlir.passes.schedule.destination import Destination, destination, mark_concatenations, pad_links
from rt3d_mlir.passes.schedule.factors import hold_factors
from rt3d_mlir.passes.schedule.gpu_choice import conv_kernel, may_interleave
from rt3d_mlir.passes.schedule.moments import gpu_moments
from rt3d_mlir.passes.schedule.one_input import Reader, ReaderKernel
from rt3d_mlir.passes.schedule.sums import hold_sums
from rt3d_mlir.targets import GpuTarget, get_gpu_target


@dataclass(frozen=True)
class ScheduleVulkan(Pass):
    """Emits kernels for a GPU preset; refuses channel blocks that are not of 4, and shapes known at run time."""

    name: ClassVar[str] = "schedule-vulkan"
    target: GpuTarget = field(default_factory=lambda: get_gpu_target("vulkan-lavapipe"))

    def run(self, module: ir.Module, state: State) -> None:
        layers, others = _Layers(self, module, state), _Others(self, module, state)
        note_halos(module)
        mark_concatenations(module)
        apply_patterns(
            module, {"linalg.generic": first_match(layers.packed, layers.depthwise)}
        )  # first: a conv takes the epilogue behind it
        unpack = partial(_unpack, module=module, lanes=self.target.lanes)
        rules = (others.pool, others.interleave, others.channel_gather, others.moments, others.resample)
        moved = first_match(*rules)
        apply_patterns(module, {"linalg.generic": moved, "linalg.pack": others.pack, "linalg.unpack": unpack})
        schedule_channel_programs(module, state, self.target)
        apply_patterns(module, {"linalg.generic": others.elementwise})
        pad_links(module)
        hold_constants(module)
        hold_factors(module)
        hold_sums(module)


@dataclass(frozen=True, eq=False)
class _Rules:
    """What the patterns share."""

    step: ScheduleVulkan
    module: ir.Module
    state: State

    def _behind(self, op: ir.OpView) -> tuple[Epilogue | None, Destination]:
        """The epilogue of an op's result, and where it goes."""
        epilogue = epilogue_after(op.results[0], self.state)
        return epilogue, self._destination(epilogue.result if epilogue else op.results[0])

    def _destination(self, value: ir.Value) -> Destination:
        return destination(value, self.step.target.offset_alignment)

    def _operands(
        self, epilogue: Epilogue | None, name: str, to: Destination, channels: int | None = None
    ) -> list[ir.Value]:
        """The bindings of an epilogue's inputs; they follow those of the kernel."""
        return epilogue.inputs(self.state, name, channels or to.out.blocks * self.step.target.lanes) if epilogue else []

    def _fits(self, op: ir.OpView, layer: str) -> bool:
        """Whether the result has channel blocks of 4; refuses others."""
        block, lanes = op.results[0].type.shape[-1], self.step.target.lanes
        if block != lanes:
            reason = (
                f"its channel blocks have {block} channels; GPU kernels take {lanes}: prune in groups of 8x4 or 16x4"
            )
            self.state.refuse(self.step.name, layer, reason)
        return block == lanes


class _Layers(_Rules):
    """The patterns of convs."""

    def packed(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        conv = PackedConv.match(op)
        if conv is None:
            return NO_MATCH
        found = conv.constants(self.state.weights)
        if found is None:
            return self.state.refuse(self.step.name, conv.layer, NOT_AT_HAND)
        if not self._fits(conv.op, conv.layer):
            return NO_MATCH
        epilogue, to = self._behind(conv.op)
        taken = interleave_after(epilogue.result if epilogue else conv.op.results[0]) if may_interleave(conv) else None
        behind = places = None
        if taken is not None:
            behind, to = self._behind(taken.op)
            places = Places(tuple(conv.op.results[0].type.shape[2:5]), taken.phases, taken.low, to.out)
        x, source = view(conv.x)
        packed, key = found
        kernel = conv_kernel(conv, packed, to.out, self.step.target, places)
        taps = kernel.taps
        with to.place(conv.op, *(each and each.op for each in (epilogue, taken, behind))):
            inputs = [
                x,
                constant(self.state, f"{conv.layer}.weights", kernel.weights, origin=key),
                constant(self.state, f"{conv.layer}.offsets", offsets(taps, source, conv.dilations)),
                constant(self.state, f"{conv.layer}.starts", kernel.starts),
            ]
            by_fours = {2} if isinstance(kernel, GpuMatrixKernel) else ()  # offsets: its rounds are whole
            launch = GpuLaunch(kernel.threads, vectors=frozenset(by_fours))
            inputs += self._operands(epilogue, conv.layer, to, taps.rows * taps.filters)
            inputs += self._operands(behind, conv.layer, to)
            more = {} if taken is None else {"behind": behind}
            body = partial(kernel.body, epilogue=epilogue, **more)
            to.dispatch(rewriter, self.module, conv.layer, inputs, kernel.grid, body, launch)
        return None

    def depthwise(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        conv = DepthwiseConv.match(op)
        if conv is None:
            return NO_MATCH
        weights = constant_value(conv.weights, self.state.weights)
        if weights is None:
            return self.state.refuse(self.step.name, conv.layer, "its packed weights are no constant at hand")
        if not self._fits(conv.op, conv.layer):
            return NO_MATCH
        epilogue, to = self._behind(conv.op)
        x, source = view(conv.x)
        kernel = GpuDepthwiseKernel(conv, source, to.out)
        with to.place(conv.op, epilogue and epilogue.op):
            inputs = [x, constant(self.state, f"{conv.layer}.weights", weights[0], origin=weights[1])]
            inputs += self._operands(epilogue, conv.layer, to)
            body = partial(kernel.body, epilogue=epilogue)
            to.dispatch(rewriter, self.module, conv.layer, inputs, kernel.grid, body, GpuLaunch(kernel.threads))
        return None


class _GpuKernel(ReaderKernel, Protocol):
    @property
    def threads(self) -> int: ...


#: A kernel, the tables that it is given, by name, and which of its bindings are of numbers, not of vectors.
_Made = tuple[_GpuKernel, Mapping[str, np.ndarray], frozenset[int]]


class _Others(_Rules):
    """The patterns of all else."""

    def _replace(
        self, found: Reader, make: Callable[[Blocked, Blocked], _Made], rewriter: rewrite.PatternRewriter
    ) -> None:
        """Puts a dispatch, called like the op, in place of it and of the arithmetic behind it."""
        x, source = view(found.x)
        epilogue, to = self._behind(found.op)
        kernel, tables, scalar = make(source, to.out)
        with to.place(found.op, epilogue and epilogue.op):
            inputs = [x, *(constant(self.state, name, table) for name, table in tables.items())]
            inputs += self._operands(epilogue, found.name, to)
            body, launch = partial(kernel.body, epilogue=epilogue), GpuLaunch(kernel.threads, scalar)
            to.dispatch(rewriter, self.module, found.name, inputs, kernel.grid, body, launch)

    def pool(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        pool = MaxPool.match(op) or AvgPool.match(op)
        if pool is None or not self._fits(op, "pool"):
            return NO_MATCH
        scale = pool.factors(self.state.weights) if isinstance(pool, AvgPool) else None
        if isinstance(pool, AvgPool) and scale is None:
            return self.state.refuse(self.step.name, pool.name, "its scale is no constant at hand")

        def make(source: Blocked, out: Blocked) -> _Made:
            kernel = GpuPoolKernel(pool, source, out, scale)
            tables = {} if kernel.table is None else {f"{pool.name}.scale": kernel.table}
            return kernel, tables, frozenset(range(1, 1 + len(tables)))

        return self._replace(pool, make, rewriter)

    def interleave(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        found = Interleave.match(op)
        if found is None or not self._fits(op, found.name):
            return NO_MATCH

        def make(source: Blocked, out: Blocked) -> _Made:
            kernel = GpuInterleaveKernel(found, source, out)
            return kernel, {}, kernel.scalar

        return self._replace(found, make, rewriter)

    def channel_gather(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        found = ChannelGather.match(op)
        if found is None or not self._fits(op, found.name):
            return NO_MATCH
        table = found.table(self.state.weights)
        if table is None:
            return self.state.refuse(self.step.name, found.name, channel_gather.NOT_AT_HAND)
        tables = {"channel_gather.channels": table.reshape(-1).copy()}
        return self._replace(
            found, lambda source, out: (GpuChannelGatherKernel(source, out), tables, frozenset({0})), rewriter
        )

    def resample(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        found = Resample.match(op)
        if found is None or not self._fits(op, Resample.name):
            return NO_MATCH
        separable = found.numbers(self.state.weights)
        if separable is None:
            return self.state.refuse(self.step.name, found.name, resample.NOT_AT_HAND)

        def make(source: Blocked, out: Blocked) -> _Made:
            kernel = GpuResampleKernel(separable, source, out)
            return kernel, {"resample.positions": kernel.positions, "resample.weights": kernel.weights}, frozenset({2})

        return self._replace(found, make, rewriter)

    def elementwise(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        if not op.results or len(op.results[0].type.shape) != 6:
            return NO_MATCH
        found = elementwise(op, self.state)
        if found is None or not self._fits(op, "elementwise"):
            return NO_MATCH
        to = self._destination(found.result)
        kernel = GpuElementwiseKernel(to.out)
        with to.place(op):
            inputs, body = self._operands(found, "elementwise", to), partial(kernel.body, epilogue=found)
            to.dispatch(rewriter, self.module, "elementwise", inputs, kernel.grid, body, GpuLaunch(kernel.threads))
        return None

    def pack(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        shape = static_shape(op.operands[0])
        if shape is None or not is_channel_layout(op):
            reason = f"it does not block the channels of a static NCDHW tensor of f32 or f16: {op}"
            return self.state.refuse(self.step.name, "linalg.pack", reason)
        if not self._fits(op, "linalg.pack"):
            return NO_MATCH
        to = self._destination(op.results[0])
        kernel = GpuPackKernel(shape[1], to.out)
        with to.place(op):
            x, launch = _before_truncf(op.operands[0]), GpuLaunch(kernel.threads, frozenset({0}))
            to.dispatch(rewriter, self.module, "block_layout", [x], kernel.grid, kernel.body, launch)
        return None

    def moments(self, op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        fits = Variance.marks(op) and self._fits(op, "norm")
        return gpu_moments(op, rewriter, self.module) if fits else NO_MATCH


def _unpack(op: ir.OpView, rewriter: rewrite.PatternRewriter, module: ir.Module, lanes: int) -> Failure | None:
    x, source = view(op.operands[0])
    if not is_channel_layout(op) or source.block != lanes:
        return NO_MATCH
    kernel = GpuUnpackKernel(op.results[0].type.shape[1], source)
    user = only_user(op.results[0])
    widened = user if user is not None and user.name == "arith.extf" else None
    to = Destination((widened or op).results[0], source)
    with to.place():
        launch = GpuLaunch(kernel.threads, frozenset({1}))
        to.dispatch(rewriter, module, "channel_layout", [x], kernel.grid, kernel.body, launch)
    if widened is not None:
        rewriter.erase_op(op)
    return None


def _before_truncf(value: ir.Value) -> ir.Value:
    """The f32 tensor that an entry conversion to f16 reads; `value` itself where there is none."""
    op = defining_op(value)
    return op.operands[0] if op is not None and op.name == "arith.truncf" and is_f32(op.operands[0]) else value
