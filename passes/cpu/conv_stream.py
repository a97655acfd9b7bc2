"""A packed conv whose rows of weights are too large for a core's cache: each is read once a chunk of output rows.

For each kernel position (kd, kh) all tiles of the chunk are computed, with their sums on the stack in between.
"""

from collections.abc import Callable

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.cpu.conv_tile import ConvTile
from rt3d_mlir.passes.emit import vectors as k


def stream(work: ConvTile) -> None:
    """Kernel position by kernel position, each over all tiles, with the sums on the stack."""
    kernel = work.kernel
    columns, tiles = kernel.tile[1], kernel.tiles
    slots = kernel.chunk * tiles * columns
    stack, zero = work.stack(kernel.chunk * kernel.row_sums, ir.F32Type.get()), k.splat(0.0, kernel.filters)
    start, stop = work.rows()
    with k.loop(k.index(0), k.index(slots)) as slot:
        k.store_vector(zero, stack, k.at(f"a * {kernel.filters}", slot))

    def places(r: ir.Value, tile: ir.Value) -> list[ir.Value]:
        return work.places(k.at(f"((a - b) * {tiles} + c) * {columns}", r, start, tile), columns)

    kd_count, kh_count = kernel.taps.kernel
    with k.loop(k.index(0), k.index(kd_count)) as kd, k.loop(k.index(0), k.index(kh_count)) as kh:
        span = work.segment(kd, kh, 1)
        with k.loop(start, stop) as r:

            def tiles_of_row(r: ir.Value = r) -> None:
                with k.loop(k.index(0), k.index(tiles)) as tile:
                    where = places(r, tile)
                    sums = [k.load_vector(stack, place, kernel.filters) for place in where]
                    sums = work.add_taps(span, [work.base(r, work.column(tile))], sums)
                    for total, place in zip(sums, where, strict=True):
                        k.store_vector(total, stack, place)

            _if_inside(work, r, kd, kh, tiles_of_row)
    with k.loop(start, stop) as r, k.loop(k.index(0), k.index(tiles)) as tile:
        sums = [k.load_vector(stack, place, kernel.filters) for place in places(r, tile)]
        column = work.column(tile)
        work.store(work.finished(sums, [r], column), [r], column)


def _if_inside(work: ConvTile, r: ir.Value, kd: ir.Value, kh: ir.Value, then: Callable[[], None]) -> None:
    """Runs `then` unless kernel position (kd, kh) falls on padding for output row r."""
    kernel, rows = work.kernel, work.kernel.size[1]
    for axis, at, kernel_at, count in (
        (0, k.at(f"a floordiv {rows}", r), kd, kernel.taps.kernel[0]),
        (1, k.at(f"a mod {rows}", r), kh, kernel.taps.kernel[1]),
    ):
        span = kernel.halo.inside(axis, at, count, kernel.strides, kernel.dilations)
        if span is not None:
            then = _guarded(kernel_at, span, then)
    then()


def _guarded(at: ir.Value, span: tuple[ir.Value, ir.Value], then: Callable[[], None]) -> Callable[[], None]:
    """`then` under first <= at < last."""
    condition = arith.andi(k.less(at, span[1]), arith.xori(k.less(at, span[0]), k.true()))
    return lambda: k.if_else(condition, then)
