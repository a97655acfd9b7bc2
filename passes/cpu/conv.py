"""The CPU kernel of a packed conv: sums of a tile of output columns stay in registers over the taps of a row.

    for each row p of filters, each tile of output rows x columns:
        sums = 0                                      columns x filters numbers, in vector registers
        for tap in the taps of p that do not fall on padding:
            for each live channel i:
                w = weights[tap, i, :]                one or two vector loads
                for each column: sums[column] += x[offset[tap] + column, i] * w
        store epilogue(sums)

A workgroup takes one row p and a chunk of output rows. Where all weights of a layer fit a shared cache, p runs fastest
and the input is read once; else the chunks do. Where the weights of one row p are too large for the cache of a core and
several tiles use them, the loops are turned (`streamed`): for each kernel position (kd, kh), all tiles of the chunk,
their sums kept on the stack in between. A max pool behind it may be inside (conv_pool), or an interleave
of its channels (interleaved_store). One extra chunk writes the zero border.
"""

import iree.compiler.ir as ir

from rt3d_mlir.passes.cpu import conv_pool
from rt3d_mlir.passes.cpu.conv_kernel import ConvKernel
from rt3d_mlir.passes.cpu.conv_stream import stream
from rt3d_mlir.passes.cpu.conv_tile import ConvTile
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.epilogue import Epilogue


def conv_body(
    kernel: ConvKernel,
    bindings: list[ir.Value],
    ids: list[ir.Value],
    epilogue: Epilogue | None,
    behind: Epilogue | None = None,
) -> None:
    """Bindings: input, weights, offsets, starts, then the inputs of the epilogue and of what is `behind` an interleave,
    then the output."""
    work = ConvTile(kernel, bindings, ids, epilogue, behind)

    def compute() -> None:
        if kernel.streamed:
            stream(work)
        elif kernel.window.overlaps:
            conv_pool.overlapping(work)
        elif kernel.window.pools:
            conv_pool.tiling(work)
        else:
            _compute(work)

    if not kernel.out.padded:
        compute()
        return
    k.if_else(k.less(work.chunk, k.index(kernel.chunks)), compute, work.border)


def _compute(work: ConvTile) -> None:
    """Tile by tile, each over all its taps."""
    th = work.kernel.tile[0]
    start, stop = work.rows()
    with k.loop(start, stop, th) as r, k.loop(k.index(0), k.index(work.kernel.tiles)) as tile:
        column = work.column(tile)
        rows = [k.at(f"a + {i}", r) for i in range(th)]
        bases = [work.base(row, column) for row in rows]
        sums = work.over_taps(r, bases, work.zeros())
        work.store(work.finished(sums, rows, column), rows, column)
