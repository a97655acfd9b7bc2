"""The CPU kernel of a conv that pools: its own rows stay on the stack, what is written are the maxima of their windows.

Where windows tile the conv's output each row is in one of them. Where a window shares its last row with the next one
(3x3 windows that move by 2, the stem of many networks), that row is computed once a chunk: its sums are kept for the
next window. Only the first window of a chunk computes the row before it again.
"""

from collections.abc import Callable

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.cpu.conv_kernel import ConvKernel
from rt3d_mlir.passes.cpu.conv_tile import ConvTile
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.max_pool import clamped

#: Products of a conv's position that take as long as the position's way through memory to a pool of its own.
WORTH = 32


def worth_it(kernel: ConvKernel) -> bool:
    """Whether a kernel whose windows share rows saves more than the rows cost that its chunks compute again."""
    products = kernel.taps.lengths.mean() * len(kernel.taps.channels)
    again = 1 / (kernel.window.strides[1] * kernel.chunk)
    return products * again <= WORTH and 2 * kernel.row_sums <= kernel.target.stack_limit


def tiling(work: ConvTile) -> None:
    """Output row by output row, each the maximum over the conv's rows in its windows.

    The maximum over columns is taken before a tile goes to the stack where it holds whole windows, else behind.
    """
    kernel = work.kernel
    (pd, ph, pw), height, filters = kernel.window.kernel, kernel.out.size[1], kernel.filters
    early = pw if kernel.tile[1] % pw == 0 else 1
    line = work.stack(kernel.row_sums, k.element_type(work.target))
    start, stop = work.rows()
    with k.loop(start, stop) as r:

        def gather(i: ir.Value, first: bool) -> None:
            """Row i of the windows into `line`."""
            depth = f"((a floordiv {height}) * {pd} + b floordiv {ph})"
            row = k.at(f"{depth} * {height * ph} + (a mod {height}) * {ph} + b mod {ph}", r, i)
            _gather(work, row, line, None if first else line, early)

        gather(k.index(0), first=True)
        with k.loop(k.index(1), k.index(pd * ph)) as i:
            gather(i, first=False)
        with k.loop(k.index(0), k.index(kernel.out.size[2])) as column:
            window = work.places(k.at(f"a * {pw // early}", column), pw // early)
            maximum = k.largest([k.load_vector(line, place, filters) for place in window])
            work.store([maximum], [r], column)


def overlapping(work: ConvTile) -> None:
    """Output row by output row; the conv's row that the next window has too is kept apart."""
    kernel = work.kernel
    (_, height, width), filters = kernel.size, kernel.filters
    (_, _, pw), (_, sh, sw), (_, lh, lw) = kernel.window.kernel, kernel.window.strides, kernel.window.low
    element = k.element_type(work.target)
    line, shared = work.stack(kernel.row_sums, element), work.stack(kernel.row_sums, element)
    start, stop = work.rows()
    with k.loop(start, stop) as r:
        d, h = k.at(f"a floordiv {kernel.out.size[1]}", r), k.at(f"a mod {kernel.out.size[1]}", r)
        top = k.at(f"a * {sh} - {lh}", h)

        def row(i: ir.Value) -> ir.Value:
            """The conv's row number i of the window."""
            return k.at(f"a * {height} + b + c", d, top, i)

        def forget() -> None:
            """No row that is shared: -inf in its place."""
            with k.loop(k.index(0), k.index(width)) as column:
                lowest = k.splat(float("-inf"), filters, element)
                k.store_vector(lowest, shared, work.places(column, 1)[0])

        def first() -> None:
            _gather(work, row(k.index(0)), shared, None)

        is_start, is_top = (arith.cmpi(arith.CmpIPredicate.eq, a, b) for a, b in ((r, start), (h, k.index(0))))
        fresh: Callable[[], None] = (lambda: k.if_else(is_top, forget, first)) if lh else first
        k.if_else(arith.ori(is_start, is_top), fresh)
        _gather(work, row(k.index(1)), line, shared)
        with k.loop(k.index(2), k.index(sh)) as i:
            _gather(work, row(i), line, line)

        def last() -> None:
            _gather(work, row(k.index(sh)), shared, None)

        if kernel.out.size[1] * sh - lh < height:
            last()
        else:
            k.if_else(k.less(k.at(f"a + {sh}", top), k.index(height)), last, forget)
        with k.loop(k.index(0), k.index(kernel.out.size[2])) as column:
            places = [work.places(clamped(column, k.index(i), sw, lw, width), 1)[0] for i in range(pw)]
            window = [k.load_vector(rows, place, filters) for place in places for rows in (line, shared)]
            work.store([k.largest(window)], [r], column)


def _gather(work: ConvTile, row: ir.Value, into: ir.Value, before: ir.Value | None, early: int = 1) -> None:
    """A row of the conv into a buffer on the stack, as a maximum with what `before` holds, of `early` columns each."""
    kernel = work.kernel
    with k.loop(k.index(0), k.index(kernel.tiles)) as tile:
        column = work.column(tile)
        sums = work.over_taps(row, [work.base(row, column)], work.zeros())
        values = work.finished(sums, [row], column)
        values = [k.largest(values[c : c + early]) for c in range(0, len(values), early)]
        places = work.places(k.at(f"a floordiv {early}", column), len(values))
        for value, place in zip(values, places, strict=True):
            if before is not None:
                value = k.maximum(value, k.load_vector(before, place, kernel.filters))
            k.store_vector(value, into, place)
