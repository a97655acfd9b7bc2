"""winograd: 3x3 convs by Winograd's algorithm, where a model of the core says that it is faster.

A packed conv whose kernel is Kd x 3 x 3, with strides of 1 in (h, w), and whose taps are all kept, or so many
that leaving the others out saves less, becomes three steps (see winograd_matrices). Transformed weights are dense: what
was pruned is multiplied again. The depth taps are summed between the transforms, so these are paid once for all Kd and
all filters:

    input    V[n, d, g, p, q, t, c] = (B x B')[p] of the patch of tile (g, t)
                                      in plane d, channel (q, c)
    product  M[n, d, f, g, p, t, m] = sum over k, q, c of
                          V[n, d*sd + k*dd - low, g, p, q, t, c] * U[p, f, k, q, c, m]
    output   y[n, o, d, h, w, c]    = (A M A') at its place in the tile
                                      filter o*C + c = f*F + m

p runs over the (tile + 2)^2 points, (g, t) over groups of tiles as many as a register tile has columns, (f, m) over
filters by as many as it has rows. The last tile of a row or column moves back into the output and computes some of it
twice, so nothing is read or written outside. Planes of depth padding are not in V, and the product skips them.

Given (after block-layout; 8 filters, 4 channels, planes of 5x4, 1x3x3 kernels):
    %y = linalg.generic { gather over taps } attrs = {packed_conv = {...}}
           -> tensor<1x2x2x5x4x4xf32>
Result, with tiles of 2x2 in one group of 6:
    %v = linalg.generic { x B B' } attrs = {winograd = {step = "input", ...}}
           -> tensor<1x2x1x16x1x6x4xf32>
    %m = linalg.generic { v U } attrs = {winograd = {step = "product", ...}}
           -> tensor<1x2x1x1x16x6x8xf32>
    %y = linalg.generic { m A A' } attrs = {winograd = {step = "output", ...}}
           -> tensor<1x2x2x5x4x4xf32>

The result keeps the conv's type, so its epilogue, pool and padding stay as they are. All three are portable
linalg.generics (ops/winograd_steps.py), which schedule-cpu replaces by kernels (cpu/winograd.py).

Rounding: the largest error of a layer in f32, relative to its largest output, is seen to stay below 1e-6 for tile 2, as
that of a direct sum does, and below 5e-6 for tile 4, for up to 512 channels; winograd_matrices has the worst case.
Tile 2 only adds and halves: it is exact where direct sums are and weights are multiples of 4. An infinity in the input
makes NaNs of a whole tile, where a direct sum has infinities in the windows that meet it.
"""

from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.errors import PassError
from rt3d_mlir.passes.cost.winograd import Shape, choose
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ir.match import is_f32
from rt3d_mlir.passes.ops import winograd_steps as steps
from rt3d_mlir.passes.ops.halo import conv_halo, note_halos
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.ops.winograd_matrices import KERNEL, POINTS, matrices
from rt3d_mlir.sparsity import unpack
from rt3d_mlir.targets import CpuTarget, get_target


@dataclass(frozen=True)
class Winograd(Pass):
    """Rewrites 3x3 convs where it pays on `target`. `tile` 2 or 4 takes that one wherever it can be computed."""

    name: ClassVar[str] = "winograd"
    target: CpuTarget = field(default_factory=lambda: get_target("host"))
    tile: int = 0

    def __post_init__(self) -> None:
        if self.tile not in (0, *POINTS):
            raise PassError(f"winograd{{tile={self.tile}}}: expected {' or '.join(map(str, POINTS))}")

    def run(self, module: ir.Module, state: State) -> None:
        def conv(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            found = PackedConv.match(op)
            return NO_MATCH if found is None else self._rewrite(found, rewriter, state)

        note_halos(module)
        apply_patterns(module, {"linalg.generic": conv})

    def _rewrite(self, conv: PackedConv, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
        dense = _dense_weights(conv, state)
        if dense is None:
            return NO_MATCH
        weight, key, kept = dense
        depth, height, width = conv.op.results[0].type.shape[2:5]
        batch, blocks, *_, block = conv.x.type.shape
        apart = conv.dilations[1], conv.dilations[2]
        read = [extent + (KERNEL - 1) * each for extent, each in zip((height, width), apart, strict=True)]
        if read != list(conv.x.type.shape[3:5]):
            return NO_MATCH  # the input has more rows or columns than the conv reads
        halo = conv_halo(conv)
        shape = Shape(
            filters=weight.shape[0],
            channels=blocks * block,
            live=int(weight.any(axis=(0, 2, 3, 4)).sum()),
            block=block,
            kernel_depth=weight.shape[2],
            size=(depth, height, width),
            batch=batch,
            planes=halo.size[0],
            inside=(halo.share(0, depth, weight.shape[2]), halo.share(1, height, KERNEL)),
            kept=kept,
            apart=apart,
        )
        wanted = [self.tile] if self.tile else list(POINTS)
        plan = choose(shape, self.target, wanted, always=bool(self.tile))
        if plan is None:
            return NO_MATCH
        weights = plan.arranged(matrices(plan.tiling.tile).transformed(weight))
        with rewriter.ip, conv.op.operation.location:
            facts = steps.Facts(conv.layer, plan.tiling, halo.low[0], conv.strides[0], conv.dilations[0])
            v = steps.build_input(state, conv.x, facts, planes=shape.planes)
            u = constant(state, f"{conv.layer}.winograd", weights, origin=key)
            m = steps.build_product(v, u, facts, depth)
            y = steps.build_output(state, m, facts, conv.op.results[0].type.shape)
        if conv.layer in state.layers:
            pruned = f"; faster than the {kept:.0%} of the taps that are kept" if kept < 1 else ""
            how = f"Winograd, tiles of {plan.tiling.tile}x{plan.tiling.tile}{pruned}"
            state.layers[conv.layer] = replace(state.layers[conv.layer], how=how)
        rewriter.replace_op(conv.op, [y])
        return None


def _dense_weights(conv: PackedConv, state: State) -> tuple[np.ndarray, str | None, float] | None:
    """[M, N, Kd, 3, 3], the name of the packed weights and the share of taps kept, of what Winograd can compute."""
    found = conv.constants(state.weights)
    if found is None or not is_f32(conv.x) or found[0].weights.dtype != np.float32:
        return None
    if conv.strides[1:] != (1, 1) or conv.group.n != conv.x.type.shape[5]:
        return None
    packed, key = found
    _, _, *kernel = packed.weight_shape
    if kernel[1:] != [KERNEL, KERNEL] or packed.ptr[-1] == 0:
        return None
    kept = len(packed.taps) / ((len(packed.ptr) - 1) * conv.x.type.shape[1] * prod(kernel))
    return unpack(packed), key, kept
