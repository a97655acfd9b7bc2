"""How often a kernel's inner loop runs: its taps, less those that fall on padding, times its tiles.

Read from the module before schedule-cpu, with what that pass reads, so that both see the same kernels. All that is no
conv (entry conversion, pools, residual adds that no conv took, gates) has its bytes counted, and nothing else.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.iree import internals
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.cpu.conv_kernel import ConvKernel
from rt3d_mlir.passes.cpu.depthwise import DepthwiseKernel
from rt3d_mlir.passes.cpu.tap_loop import CHUNK
from rt3d_mlir.passes.cpu.winograd import ProductKernel
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.halo import Halo, note_halos
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.ops.winograd_steps import PRODUCT, Step
from rt3d_mlir.passes.schedule.depthwise import depthwise_kernel
from rt3d_mlir.passes.schedule.destination import mark_concatenations
from rt3d_mlir.passes.schedule.plan import plan_conv
from rt3d_mlir.passes.schedule.winograd import product_kernel
from rt3d_mlir.targets import CpuTarget


@dataclass(frozen=True)
class ConvWork:
    """One conv's."""

    layer: str
    fmlas: int
    """In one tap of one tile."""
    taps: int
    """Of all rows of groups and all tiles: the inner loop's iterations, where one is one tap."""
    runs: int
    """How often the loop over taps is entered."""
    flushes: int
    """How often f16 sums are added to the f32 ones; 0 where all are f32."""
    sums: int
    """Vector registers of sums, which each run starts and ends with."""
    macs: int
    bytes: int
    """Weights, input, residual and output, each moved once."""
    single_use: bool
    """Whether there is one output position, so that each weight is used once and memory sets the time."""

    @property
    def symbol(self) -> str:
        """The function's name in the assembly."""
        return symbol_of(self.layer)


def find_work(module: ir.Module, state: State, target: CpuTarget) -> list[ConvWork]:
    """The work of every packed or depthwise conv, and of the products of Winograd ones, in the order they run.

    `module` is one that schedule-cpu is about to see. Winograd's transforms are no work here: they move bytes.
    """
    marked = module.operation.clone().opview  # schedule-cpu makes its marks itself, and only on a module without
    note_halos(marked)
    mark_concatenations(marked)
    found: list[ConvWork] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name != "linalg.generic":
            return ir.WalkResult.ADVANCE
        conv, step = PackedConv.match(op.opview), Step.match(op.opview)
        if step is not None and step.step == PRODUCT:
            found.append(count_product(step.facts.layer, product_kernel(step, target)))
        elif conv is not None and (plan := plan_conv(conv, state, target)) is not None:
            found.append(count_work(conv.layer, plan.kernel, plan.epilogue))
        elif (depthwise := DepthwiseConv.match(op.opview)) is not None:
            _, epilogue, kernel, _ = depthwise_kernel(depthwise, state, target)
            found.append(count_depthwise(depthwise.layer, kernel, epilogue))
        return ir.WalkResult.ADVANCE

    marked.operation.walk(visit)
    return found


def count_work(layer: str, kernel: ConvKernel, epilogue: Epilogue | None = None) -> ConvWork:
    """Counts what the loops of `kernel` do; see `ConvKernel` for what they skip."""
    (th, tw), batch = kernel.tile, kernel.out.batch
    spans = list(_spans(kernel))
    tiles = kernel.tiles * batch
    taps = sum(int(of.sum()) * times for of, times in spans) * tiles
    runs = sum(len(of) * times for of, times in spans) * tiles
    flushes = sum(int(np.ceil(of / CHUNK).sum()) * times for of, times in spans) * tiles
    registers = ceil(kernel.filters / kernel.lanes)
    channels = len(kernel.taps.channels)
    return ConvWork(
        layer=layer,
        fmlas=th * tw * registers * channels,
        taps=taps,
        runs=runs,
        flushes=flushes if kernel.half else 0,
        sums=th * tw * registers,
        macs=taps * th * tw * kernel.filters * channels * kernel.taps.step,
        bytes=kernel.taps.weights.nbytes + kernel.bytes * _activations(kernel.source, kernel.out, epilogue),
        single_use=prod(kernel.size) * batch == 1,
    )


def count_depthwise(layer: str, kernel: DepthwiseKernel, epilogue: Epilogue | None = None) -> ConvWork:
    """Counts what the loops of a depthwise kernel do; a "tap" is the kernel positions that are unrolled together."""
    (rows, vectors), (depth, height, width) = kernel.tile, kernel.out.size
    registers = ceil(kernel.lanes / kernel.target.lanes)
    tiles = ceil(height / rows) * ceil(width / (vectors * kernel.columns)) * kernel.out.blocks * kernel.out.batch
    planes = int(inside(0, depth, kernel.window[0], kernel.halo, kernel.strides, kernel.dilations).sum())
    steps = kernel.window[1] // kernel.unrolled[0]
    products = rows * vectors * prod(kernel.unrolled) * kernel.channels
    taps = planes * steps * tiles
    return ConvWork(
        layer=layer,
        fmlas=products * registers,
        taps=taps,
        runs=(depth if steps == 1 else planes) * tiles,
        flushes=0,
        sums=rows * vectors * registers,
        macs=taps * products * kernel.lanes,
        bytes=4 * _activations(kernel.source, kernel.out, epilogue),
        single_use=False,
    )


def _activations(source: Blocked, out: Blocked, epilogue: Epilogue | None) -> int:
    """Numbers that a kernel reads and writes besides weights: its input, residuals, its output and the border of it."""
    residuals = [operand.view.numbers for operand in epilogue.operands if operand.view] if epilogue else []
    return out.batch * (source.numbers + sum(residuals) + out.blocks * prod(out.full[1:]) * out.block)


def count_product(layer: str, kernel: ProductKernel) -> ConvWork:
    """Counts what the loops of a Winograd product do; a "tap" is a block of channels."""
    batch, _, groups, points, blocks, columns, block = kernel.source
    _, depth, rows, _, _, _, filters = kernel.result
    at = np.arange(depth)[:, None] * kernel.facts.stride + np.arange(kernel.weights[2]) * kernel.facts.dilation
    low, planes = kernel.facts.low, kernel.source[1]
    runs = int(((at >= low) & (at < low + planes)).sum()) * batch * groups * points * rows
    registers = ceil(filters / kernel.target.lanes)
    return ConvWork(
        layer=layer,
        fmlas=columns * registers * block,
        taps=runs * blocks,
        runs=runs,
        flushes=0,
        sums=columns * registers,
        macs=runs * blocks * columns * filters * block,
        bytes=4 * sum(map(prod, (kernel.source, kernel.weights, kernel.result))),
        single_use=False,
    )


def _spans(kernel: ConvKernel) -> Iterator[tuple[np.ndarray, int]]:
    """The runs of the loop over taps, in a column of tiles: a run's taps by row of groups, [P], and their number."""
    (th, _), (depth, height, _), (kd_count, kh_count) = kernel.tile, kernel.size, kernel.taps.kernel
    counts = np.diff(kernel.taps.starts).reshape(-1, kd_count, kh_count)
    # Which kernel positions an output row executes; a tile over several rows may not skip any.
    planes, rows = (
        inside(axis, size, kernel.taps.kernel[axis], kernel.halo, kernel.strides, kernel.dilations)
        for axis, size in enumerate((depth, height))
    )
    planes |= height % th != 0
    rows |= th != 1
    if kernel.streamed:
        for kd, kh in itertools.product(range(kd_count), range(kh_count)):
            yield counts[:, kd, kh], int(planes[:, kd].sum() * rows[:, kh].sum())
        return
    alike = (zip(*np.unique(inside, axis=0, return_counts=True), strict=True) for inside in (planes, rows))
    for (kd, depths), (kh, heights) in itertools.product(*alike):
        taps = counts[:, kd][:, :, kh]
        for run in [taps.sum(axis=(1, 2))] if kh.all() else taps.sum(axis=2).T:
            yield run, int(depths * heights) // th


def inside(
    axis: int, extent: int, count: int, halo: Halo, strides: Sequence[int], dilations: Sequence[int]
) -> np.ndarray:
    """[extent, count]: whether an output position's read at each of `count` kernel positions is of real data."""
    read = np.arange(extent)[:, None] * strides[axis] + np.arange(count) * dilations[axis]
    low, size = halo.low[axis], halo.size[axis]
    return (read >= low) & (read < low + size)


def equal_kernels(module: ir.Module) -> dict[str, list[str]]:
    """For each kernel of a scheduled module, those with the same code: iree-compile keeps one of them."""
    groups: dict[str, list[str]] = {}
    for op in module.body.operations:
        if op.operation.name == internals.EXECUTABLE:
            symbol = ir.StringAttr(op.attributes["sym_name"]).value
            groups.setdefault(re.sub(rf"@{symbol}\b", "@", str(op)), []).append(symbol)
    return {symbol: group for group in groups.values() for symbol in group}


def other_bytes(module: ir.Module, convs: Sequence[str]) -> int:
    """Bytes that all but these dispatches read and write, of a scheduled module: operands and results."""
    total = 0

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal total
        if op.name in _NO_WORK or not any(map(_size, op.results)) or not _is_top_level(op):
            return ir.WalkResult.ADVANCE
        if op.name == internals.DISPATCH and str(op.attributes["entry_points"]).split("@")[-1].rstrip("]") in convs:
            return ir.WalkResult.ADVANCE
        moved = list(op.operands) if "tied_operands" in op.attributes else [*op.operands, *op.results]
        total += sum(map(_size, moved))  # a tied result is an operand, updated in place
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return total


_NO_WORK = (
    *("arith.constant", "tensor.empty", "tensor.collapse_shape", "tensor.expand_shape", "linalg.fill"),
    "tensor.extract_slice",  # its users read the tensor itself
)


def _is_top_level(op: ir.Operation) -> bool:
    return op.parent is not None and op.parent.name == "func.func"


def _size(value: ir.Value) -> int:
    """Bytes of a static tensor; 0 for all else."""
    kind = value.type
    if not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
        return 0
    return prod(kind.shape) * getattr(kind.element_type, "width", 32) // 8
