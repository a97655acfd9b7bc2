"""How often a kernel's inner loop runs: its taps, less those that fall on padding, times its tiles.

Read from the module before schedule-cpu, with what that pass reads, so that both see the same kernels.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.base import State
from rt3d_mlir.passes.cpu_conv import ConvKernel
from rt3d_mlir.passes.cpu_plan import note_halos, plan_conv
from rt3d_mlir.passes.cpu_tile import Halo
from rt3d_mlir.passes.packed_conv import PackedConv
from rt3d_mlir.targets import Target


@dataclass(frozen=True)
class Work:
    """One conv's."""

    layer: str
    fmlas: int
    """In one tap of one tile."""
    taps: int
    """Of all rows of groups and all tiles: the inner loop's iterations, where one is one tap."""
    runs: int
    """How often the inner loop is entered."""
    sums: int
    """Vector registers of sums, which each run starts and ends with."""
    macs: int
    bytes: int
    """Weights, input and output, each moved once."""
    single_use: bool
    """Whether there is one output position, so that each weight is used once and memory sets the time."""

    @property
    def symbol(self) -> str:
        """The function's name in the assembly; see `dispatch.emit_dispatch`."""
        name = re.sub(r"[^A-Za-z0-9_]", "_", self.layer)
        return f"layer_{name}" if name[0].isdigit() else name


def find_work(module: ir.Module, state: State, target: Target) -> list[Work]:
    """The work of every packed conv, in the order they run, of a module that schedule-cpu is about to see."""
    note_halos(module)
    found: list[Work] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        conv = PackedConv.match(op.opview, state) if op.name == "linalg.generic" else None
        if conv is not None and (plan := plan_conv(conv, state, target)) is not None:
            found.append(count_work(conv.layer, plan.kernel))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def count_work(layer: str, kernel: ConvKernel) -> Work:
    """Counts what the loops of `kernel` do; see `ConvKernel` for what they skip."""
    (th, tw), (depth, height, _), batch = kernel.tile, kernel.size, kernel.out.batch
    kd_count, kh_count = kernel.taps.kernel
    # How many steps along an output axis execute a kernel position; a tile over several rows may not skip.
    in_depth = _executions(kernel, 0, depth, kd_count) if height % th == 0 else np.full(kd_count, depth)
    in_height = _executions(kernel, 1, height, kh_count) if th == 1 else np.full(kh_count, height)
    counts = np.diff(kernel.taps.starts).reshape(-1, kd_count, kh_count)
    tiles = kernel.tiles * batch
    taps = int((counts * in_depth[:, None] * in_height).sum()) * tiles // th
    if kernel.streamed:  # a loop over taps for each kernel position
        runs = int(in_depth.sum() * in_height.sum())
    elif th == 1 and kernel.halo.size[1] != kernel.halo.full[1]:  # for each kernel plane
        runs = int(in_depth.sum()) * height
    else:
        runs = depth * height // th
    registers = ceil(kernel.filters / kernel.target.lanes)
    channels = len(kernel.taps.channels)
    output = batch * kernel.out.blocks * prod(kernel.out.full) * kernel.out.block
    return Work(
        layer=layer,
        fmlas=th * tw * registers * channels,
        taps=taps,
        runs=runs * kernel.taps.rows * tiles,
        sums=th * tw * registers,
        macs=taps * th * tw * kernel.filters * channels,
        bytes=kernel.taps.weights.nbytes + 4 * (batch * prod(kernel.source) * kernel.out.block + output),
        single_use=prod(kernel.size) * batch == 1,
    )


def _executions(kernel: ConvKernel, axis: int, extent: int, count: int) -> np.ndarray:
    """[count]: at how many of the `extent` output positions a kernel position reads real data."""
    out_at, at = np.arange(extent)[:, None], np.arange(count)
    read = out_at * kernel.strides[axis] + at * kernel.dilations[axis]
    return _inside(kernel.halo, axis, read).sum(axis=0)


def _inside(halo: Halo, axis: int, read: np.ndarray) -> np.ndarray:
    low, size = halo.low[axis], halo.size[axis]
    return (read >= low) & (read < low + size)


def equal_kernels(module: ir.Module) -> dict[str, list[str]]:
    """For each kernel of a scheduled module, those with the same code: iree-compile keeps one of them."""
    groups: dict[str, list[str]] = {}
    for op in module.body.operations:
        if op.operation.name == "hal.executable.source":
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
        if op.name == "flow.dispatch" and str(op.attributes["entry_points"]).split("@")[-1].rstrip("]") in convs:
            return ir.WalkResult.ADVANCE
        total += sum(map(_size, [*op.operands, *op.results]))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return total


_NO_WORK = ("arith.constant", "tensor.empty", "tensor.collapse_shape", "tensor.expand_shape", "linalg.fill")


def _is_top_level(op: ir.Operation) -> bool:
    return op.parent is not None and op.parent.name == "func.func"


def _size(value: ir.Value) -> int:
    """Bytes of a static tensor; 0 for all else."""
    kind = value.type
    if not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
        return 0
    return prod(kind.shape) * getattr(kind.element_type, "width", 32) // 8
