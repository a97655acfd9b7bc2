"""The CPU kernel of a depthwise conv: lanes are neighbouring columns x channels, the sums of a tile stay in registers.

    for each depth plane d, channel block b, tile of output rows x columns:
        sums = 0                                     rows x vectors, each of a few columns x C channels
        for kd that does not fall on padding:        (and kh, where a plane of the kernel is large)
            for each row and column that the tile reads: load it once
                sums[row, vector] += it * weights[b, kd, kh, kw]     for each kh, kw that pairs them
        store epilogue(sums)

On the layout [N, Q, D, H, W, C] neighbouring columns are contiguous, so 512 bits are 4 columns of 4 channels, and the
weights of a block are repeated for each column. A row of the input serves all output rows of the tile that it is in
the window of. With stride 2 a vector is every second column of two loads. Where a group has several filters or
channels, lanes of the input are shuffled to those that the output's lanes read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import ceil, prod

import iree.compiler.ir as ir
from iree.compiler.dialects import vector

from rt3d_mlir.passes.cpu.epilogue import Finisher
from rt3d_mlir.passes.cpu.row_tile import vector_columns
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.targets import CpuTarget

#: Kernel positions (kh, kw) that are unrolled together; of more, kh is a loop.
UNROLLED = 25

Sums = Sequence[ir.Value]


@dataclass(frozen=True)
class DepthwiseKernel:
    """All a kernel depends on.

    `window` is (Kd, Kh, Kw), `source` the padded input, `halo` where its zeros are; `filters` and
    `channels` are those of a group; `out` is what is written.
    """

    target: CpuTarget
    window: tuple[int, ...]
    filters: int
    channels: int
    source: Blocked
    halo: Halo
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    out: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        """A workgroup for each output plane of each block of input channels, and one more a block for the border."""
        return self.out.size[0] + self.out.padded, self.source.blocks, self.out.batch

    @property
    def outputs(self) -> int:
        """Output blocks that read one input block: the channel multiplier."""
        return self.filters // self.channels

    @property
    def lanes(self) -> int:
        """f32 lanes of a vector of the kernel: whole columns."""
        return self.columns * self.out.block

    @cached_property
    def columns(self) -> int:
        """Output columns of a vector, a power of two."""
        return vector_columns(self.target, self.out)

    @cached_property
    def unrolled(self) -> tuple[int, int]:
        """Kernel rows and columns that are unrolled."""
        _, kh, kw = self.window
        return (kh if kh * kw <= UNROLLED else 1), kw

    @cached_property
    def tile(self) -> tuple[int, int]:
        """Output rows, and vectors of `columns` output columns: those of the least time by a model of the core."""
        registers = ceil(self.lanes / self.target.lanes)
        most = max(1, self.target.registers // 2 // registers)
        rows = range(1, min(most, self.out.size[1]) + 1) if self.unrolled[0] == self.window[1] else [1]
        fits = [(r, v) for r in rows for v in range(1, most // r + 1) if v * self.columns <= self.out.size[2]]
        return min(fits, key=self._time)

    def _time(self, tile: tuple[int, int]) -> float:
        """Cycles for a plane: FMAs and loads, two of each a cycle, of which one that crosses a cache line costs two."""
        rows, vectors = tile
        height, width = self.out.size[1:]
        core = self.target.core
        fmas = rows * vectors * prod(self.unrolled) * self.channels
        crossing = 1 + (self.lanes * 4 > self.target.cache_line // 2)
        loads = len(self.reads(tile)) * crossing * min(self.strides[2], self.columns) + prod(self.unrolled)
        repeats = self.window[0] * self.window[1] // self.unrolled[0]
        cycles = repeats * (max(fmas / core.fmas, loads / core.loads) + 2) + 2 * rows * vectors + 6
        return ceil(height / rows) * ceil(width / (vectors * self.columns)) * cycles

    def reads(self, tile: tuple[int, int]) -> dict[tuple[int, int], list[tuple[int, int, int, int]]]:
        """For each (row, column) that a tile loads from: the (row, vector, kh, kw) of each sum it is for."""
        found: dict[tuple[int, int], list[tuple[int, int, int, int]]] = {}
        rows, vectors = tile
        for row, v, kh, kw in product(range(rows), range(vectors), *(range(count) for count in self.unrolled)):
            line = row * self.strides[1] + kh * self.dilations[1]
            column = v * self.columns * self.strides[2] + kw * self.dilations[2]
            found.setdefault((line, column), []).append((row, v, kh, kw))
        return dict(sorted(found.items()))

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, weights, then the epilogue's inputs, then the output."""
        work = _Workgroup(self, bindings, ids, epilogue)
        if self.out.padded:
            k.if_else(k.less(ids[0], k.index(self.out.size[0])), work.planes, work.border)
        else:
            work.planes()


class _Workgroup:
    """Builds the code of one workgroup."""

    def __init__(
        self, kernel: DepthwiseKernel, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None
    ):
        self.kernel = kernel
        self.x, self.weights, *operands, self.target = bindings
        self.d, self.q, self.n = ids
        self.finisher = Finisher(epilogue, operands, kernel.out.blocks)

    def planes(self) -> None:
        """The output plane of each block that reads the input block."""
        self._each_output(self._plane)

    def border(self) -> None:
        """The zeros around the interior."""
        self._each_output(lambda o, _: self.kernel.out.zero_border(self.target, self.n, o))

    def _each_output(self, then: Callable[[ir.Value, int], None]) -> None:
        """`then` with each output block of the input block and its number among them; the last may not exist."""
        kernel = self.kernel
        for u in range(kernel.outputs):
            o = k.at(f"a * {kernel.outputs} + {u}", self.q)
            if kernel.source.blocks * kernel.outputs == kernel.out.blocks:
                then(o, u)
            else:
                k.if_else(k.less(o, k.index(kernel.out.blocks)), lambda o=o, u=u: then(o, u))

    def _plane(self, o: ir.Value, u: int) -> None:
        rows, vectors = self.kernel.tile
        _, height, width = self.kernel.out.size
        columns = vectors * self.kernel.columns
        with k.tiles(height, rows) as h, k.tiles(width, columns) as w:
            self._tile(o, u, h, w)

    def _tile(self, o: ir.Value, u: int, h: ir.Value, w: ir.Value) -> None:
        """A tile whose first output row and column are h and w."""
        kernel = self.kernel
        q, depth, height, width = kernel.source.full
        (sd, sh, sw), block = kernel.strides, kernel.out.block
        base = k.at(f"((a * {q} + b) * {depth} + c * {sd}) * {height}", self.n, self.q, self.d)
        base = k.at(f"((a + b * {sh}) * {width} + c * {sw} + {kernel.source.start}) * {block}", base, h, w)
        kd_count, kh_count, _ = kernel.window
        inside = kernel.halo.inside(0, self.d, kd_count, kernel.strides, kernel.dilations)
        first, last = inside or (k.index(0), k.index(kd_count))
        steps = kh_count // kernel.unrolled[0]

        def plane(kd: ir.Value, sums: Sums) -> Sums:
            def line(kh: ir.Value, sums: Sums) -> Sums:
                moved = f"(b * {kernel.dilations[0] * height} + c * {kernel.dilations[1]}) * {width * block}"
                taken = prod(kernel.unrolled) * kernel.channels * block
                at_weights = k.at(f"((a * {kd_count} + b) * {steps} + c) * {taken}", o, kd, kh)
                return self._multiply(k.at(f"a + {moved}", base, kd, kh), at_weights, u, sums)

            return line(k.index(0), sums) if steps == 1 else k.reduce_loop(k.index(0), k.index(steps), sums, line)

        zeros = [k.splat(0.0, kernel.lanes)] * prod(kernel.tile)
        self._store(k.reduce_loop(first, last, zeros, plane), o, h, w)

    def _multiply(self, base: ir.Value, at_weights: ir.Value, u: int, sums: Sums) -> Sums:
        """Adds the unrolled kernel positions to the sums of a tile, [rows x vectors]."""
        kernel = self.kernel
        block, width, (_, vectors) = kernel.out.block, kernel.source.full[3], kernel.tile
        sums, weights = list(sums), {}
        for (line, column), pairs in kernel.reads(kernel.tile).items():
            loaded = self._columns(base, (line * width + column) * block)
            for c in range(kernel.channels):
                value = self._lanes(loaded, u, c)
                for row, v, kh, kw in pairs:
                    place = ((kh * kernel.unrolled[1] + kw) * kernel.channels + c) * block
                    if place not in weights:
                        weights[place] = self._repeated(self.weights, k.at(f"a + {place}", at_weights))
                    at = row * vectors + v
                    sums[at] = vector.fma(value, weights[place], sums[at])
        return sums

    def _columns(self, base: ir.Value, offset: int) -> ir.Value:
        """The input's columns of a vector, one every `stride` from `offset` on, as f32."""
        count, block, stride = self.kernel.columns, self.kernel.out.block, self.kernel.strides[2]

        def load(column: int, columns: int) -> ir.Value:
            return k.load_vector(self.x, k.at(f"a + {offset + column * block}", base), columns * block)

        if stride == 1 or count == 1:
            return k.widen(load(0, count))
        if stride == 2:  # columns 0, 2, ... of the first, and count, count + 2, ... which the second has at 1, 3, ...
            picked = [*range(0, count, 2), *range(count + 1, 2 * count, 2)]
            lanes = [column * block + lane for column in picked for lane in range(block)]
            return k.widen(vector.shuffle(load(0, count), load(count - 1, count), lanes))
        value = k.splat(0.0, count * block, k.element_type(self.x))
        for column in range(count):
            value = vector.insert_strided_slice(load(column * stride, 1), value, [column * block], [1])
        return k.widen(value)

    def _lanes(self, value: ir.Value, u: int, c: int) -> ir.Value:
        """Input lanes as the lanes of output block `u` read them: lane l the c-th channel of its group."""
        kernel, block = self.kernel, self.kernel.out.block
        read = [(u * block + lane) // kernel.filters * kernel.channels + c for lane in range(block)]
        if read == list(range(block)):
            return value
        lanes = [column * block + lane for column in range(kernel.columns) for lane in read]
        return vector.shuffle(value, value, lanes)

    def _repeated(self, source: ir.Value, offset: ir.Value) -> ir.Value:
        """C numbers, once for each column of a vector, as f32."""
        value = k.widen(k.load_vector(source, offset, self.kernel.out.block))
        return k.repeat(value, self.kernel.columns)

    def _store(self, sums: Sums, o: ir.Value, h: ir.Value, w: ir.Value) -> None:
        """Writes the epilogue of the sums to where the consumer reads them."""
        kernel = self.kernel
        out, (rows, vectors) = kernel.out, kernel.tile
        finish = self.finisher.of(self.n, o, columns=kernel.columns)
        for i in range(rows):
            row = k.at(f"a * {out.size[1]} + b + {i}", self.d, h)
            line = k.at(f"a + b * {out.block}", out.row_offset(self.n, o, row), w)
            for v, result in enumerate(finish(sums[i * vectors : (i + 1) * vectors], row, w)):
                k.store_vector(result, self.target, k.at(f"a + {v * kernel.lanes}", line))
