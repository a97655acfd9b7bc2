"""The three steps of a Winograd conv on floor 2, as portable linalg.generics, and how they are read back.

Shapes, with P points, G groups of T tiles, F rows of M filters, and channel blocks of C:

    x [N, Q, Dp, Hp, Wp, C]    V [N, D, G, P, Q, T, C]    U [P, F, Kd, Q, C, M]    M [N, Do, F, G, P, T, M]
    y [N, O, Do, H, W, C]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, linalg

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import constant, empty, f32_constant, filled, generic, index_constant, maps
from rt3d_mlir.passes.ops.marked import Marked, read, read_index
from rt3d_mlir.passes.ops.winograd_matrices import matrices
from rt3d_mlir.passes.ops.winograd_tiling import Tiling

INPUT, PRODUCT, OUTPUT = "input", "product", "output"


@dataclass(frozen=True)
class Facts:
    """What shapes do not say: `low`, stride and dilation are those of the depth axis."""

    layer: str
    tiling: Tiling
    low: int
    stride: int
    dilation: int


@dataclass(frozen=True, eq=False)
class Step(Marked):
    """One step in the IR: `source` is multiplied by `factors`, the matrices of a transform or the product's weights."""

    name: ClassVar[str] = "winograd"
    source: ir.Value
    factors: ir.Value
    step: str
    layer: str
    tiling: Tiling
    depth: tuple[int, ...]
    """(low, stride, dilation) of the depth axis."""

    @property
    def facts(self) -> Facts:
        return Facts(self.layer, self.tiling, *self.depth)


def build_input(state: State, x: ir.Value, facts: Facts, planes: int) -> ir.Value:
    """V: the patches of each tile, transformed; of `planes` planes from `facts.low` on."""
    batch, blocks, *_, block = x.type.shape
    tiling = facts.tiling
    b = matrices(tiling.tile).input
    both = np.einsum("ia,jb->ijab", b, b).reshape(tiling.points, *b.shape).astype(np.float32)
    starts = constant(state, f"{facts.layer}.tiles", tiling.starts())
    shape = [batch, planes, tiling.groups, tiling.points, blocks, tiling.columns, block]

    def body(factor: ir.Value, acc: ir.Value) -> ir.Value:
        n, d, g, _p, q, t, c, i, j = (linalg.IndexOp(axis).result for axis in range(9))
        at = arith.addi(arith.muli(g, index_constant(tiling.columns)), t)
        h, w = (read_index("tiles", starts, at, index_constant(axis)) for axis in range(2))
        plane = arith.addi(d, index_constant(facts.low))
        h, w = (
            arith.addi(first, arith.muli(step, index_constant(apart)))
            for first, step, apart in ((h, i, tiling.down), (w, j, tiling.right))
        )
        value = read("source", x, [n, q, plane, h, w, c])
        return arith.addf(acc, arith.mulf(factor, value))

    indexing = maps(
        "(n, d, g, p, q, t, c, i, j) -> (p, i, j)",
        "(n, d, g, p, q, t, c, i, j) -> (n, d, g, p, q, t, c)",
    )
    transform = constant(state, f"{facts.layer}.input_transform", both)
    return _marked(generic([transform], filled(shape, 0.0), indexing, 2, body), "factors", INPUT, facts)


def build_product(v: ir.Value, u: ir.Value, facts: Facts, depth: int) -> ir.Value:
    """M: products with the transformed weights, summed over channels and depth taps."""
    batch, planes, groups, points, _blocks, columns, _block = v.type.shape
    _, rows, _, _, _, filters = u.type.shape

    def body(weight: ir.Value, acc: ir.Value) -> ir.Value:
        n, d, _f, g, p, t, _m, k, q, c = (linalg.IndexOp(axis).result for axis in range(10))
        start = arith.addi(arith.muli(d, index_constant(facts.stride)), arith.muli(k, index_constant(facts.dilation)))
        plane = arith.subi(start, index_constant(facts.low))
        inside = arith.cmpi(arith.CmpIPredicate.ult, plane, index_constant(planes))
        plane = arith.select(inside, plane, index_constant(0))
        product = arith.mulf(read("source", v, [n, plane, g, p, q, t, c]), weight)
        return arith.addf(acc, arith.select(inside, product, f32_constant(0.0)))

    indexing = maps(
        "(n, d, f, g, p, t, m, k, q, c) -> (p, f, k, q, c, m)",
        "(n, d, f, g, p, t, m, k, q, c) -> (n, d, f, g, p, t, m)",
    )
    out = filled([batch, depth, rows, groups, points, columns, filters], 0.0)
    return _marked(generic([u], out, indexing, 3, body), "factors", PRODUCT, facts)


def build_output(state: State, m: ir.Value, facts: Facts, shape: Sequence[int]) -> ir.Value:
    """y of `shape` [N, O, Do, H, W, C]: each output is a sum over the points of its tile."""
    tiling, filters, block = facts.tiling, m.type.shape[6], shape[5]
    a = matrices(tiling.tile).output
    both = np.einsum("yi,xj->yxij", a, a).reshape(*a.shape[:1], a.shape[0], tiling.points).astype(np.float32)
    transform = constant(state, f"{facts.layer}.output_transform", both)

    def body(_point: ir.Value, acc: ir.Value) -> ir.Value:
        n, o, d, h, w, c, p = (linalg.IndexOp(axis).result for axis in range(7))
        axes = ((h, tiling.height, tiling.down), (w, tiling.width, tiling.right))
        (row, y), (column, x) = (_within(at, tiling.tile, extent, apart) for at, extent, apart in axes)
        at = arith.addi(arith.muli(row, index_constant(tiling.across)), column)
        g, t = (op(at, index_constant(tiling.columns)) for op in (arith.divui, arith.remui))
        channel = arith.addi(arith.muli(o, index_constant(block)), c)
        f, lane = (op(channel, index_constant(filters)) for op in (arith.divui, arith.remui))
        factor = read("factors", transform, [y, x, p])
        return arith.addf(acc, arith.mulf(factor, read("source", m, [n, d, f, g, p, t, lane])))

    indexing = maps("(n, o, d, h, w, c, p) -> (p)", "(n, o, d, h, w, c, p) -> (n, o, d, h, w, c)")
    op = generic([empty([tiling.points])], filled(shape, 0.0), indexing, 1, body)
    return _marked(op, "window", OUTPUT, facts)


def _within(at: ir.Value, tile: int, extent: int, apart: int) -> tuple[ir.Value, ir.Value]:
    """(tile, place in it) of an output row or column; the last tile of a part begins `tile` before its end."""
    part = extent // apart
    inside = arith.divui(at, index_constant(apart)) if apart > 1 else at
    number = arith.divui(inside, index_constant(tile))
    start = arith.minui(arith.muli(number, index_constant(tile)), index_constant(part - tile))
    place = arith.subi(inside, start)
    if apart > 1:
        before = arith.muli(arith.remui(at, index_constant(apart)), index_constant(-(-part // tile)))
        number = arith.addi(before, number)
    return number, place


def _marked(op: ir.OpView, input_name: str, step: str, facts: Facts) -> ir.Value:
    depth = (facts.low, facts.stride, facts.dilation)
    Step.mark(op, [input_name], step=step, layer=facts.layer, tiling=facts.tiling, depth=depth)
    return op.results[0]
