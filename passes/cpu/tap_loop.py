"""The inner loop of the CPU conv: the products of a range of taps, added to the sums of a tile.

The taps of a sparse row jump through an input that is larger than a core's cache, in an order that no hardware
foresees. So each tap also prefetches what it will read two tiles on.

Where weights and activations are f16, an FMA does twice as many products. `CHUNK` taps are summed in f16 registers, and
then extended and added to the f32 sums, which LLVM keeps on the stack meanwhile. An f16 sum of n products is rounded n
times to 11 bits, each time by up to u = 2^-11 of what it is by then. Independent products make it grow with the root of
n, and its error with u n / 3: about u sqrt(n) / 3 of the chunk's sum, 0.0018 for 32 taps of 4 channels, next to 0.0003
that storing the operands as f16 costs. Chunks are independent too, so a layer has that share, however many taps it has;
all in f16, one of 1024 products would have 0.005. In the worst case all n roundings are full and go one way: n u, 6 %
of the sum of the products' magnitudes, again for a chunk and for the layer alike.

Of bf16, one instruction (AVX512-BF16) adds the products of a pair of channels to f32 sums.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, llvm, memref, vector

from rt3d_mlir.passes.cpu.conv_kernel import ConvKernel
from rt3d_mlir.passes.emit import vectors as k

#: Taps that are summed in f16; even, for two taps are an iteration.
CHUNK = 32
#: How many tiles ahead of their use lines are fetched.
AHEAD = 2
#: Sums of the instructions that multiply pairs of bf16, largest first.
PAIR_LANES = (16, 8, 4)

Sums = Sequence[ir.Value]


@dataclass(frozen=True, eq=False)
class TapLoop:
    """Builds the loops over taps of a kernel, on its input, weights [T, channels, filters] and offsets [T]."""

    kernel: ConvKernel
    x: ir.Value
    weights: ir.Value
    offsets: ir.Value

    def add(self, span: tuple[ir.Value, ir.Value], bases: Sequence[ir.Value], sums: Sums) -> Sums:
        """Adds the taps of a range to f32 sums, one vector a column; `bases` are where the tile's rows read."""
        if not self.kernel.half:
            return self._multiply(*span, bases, sums)
        zeros = [k.splat(0.0, self.kernel.filters, ir.F16Type.get())] * len(sums)

        def chunk(first: ir.Value, carried: Sums) -> Sums:
            last = arith.minsi(k.at(f"a + {CHUNK}", first), span[1])
            parts = self._multiply(first, last, bases, zeros)
            return [arith.addf(total, k.widen(part)) for total, part in zip(carried, parts, strict=True)]

        return k.reduce_loop(*span, sums, chunk, step=CHUNK)

    def _multiply(self, first: ir.Value, last: ir.Value, bases: Sequence[ir.Value], sums: Sums) -> Sums:
        """Adds the taps first .. last to sums of the weights' type."""
        kernel = self.kernel
        width, step = kernel.taps.width, kernel.strides[2] * kernel.out.block
        channels, columns, step_of_pairs = kernel.taps.channels, kernel.tile[1], kernel.taps.step == 2

        def tap(j: ir.Value, carried: Sums) -> Sums:
            offset = k.load_index(self.offsets, j)
            starts = [k.at(f"a + b * {width} + {t * step}", base, offset) for base in bases for t in range(columns)]
            if kernel.far:
                self._prefetch(starts[::columns], columns * step)
            read = self._pair_reader(starts) if step_of_pairs else self._reader(starts)
            for i, channel in enumerate(channels):
                where = k.at(f"(a * {len(channels)} + {i}) * {kernel.filters * kernel.taps.step}", j)
                weight = k.load_vector(self.weights, where, kernel.filters * kernel.taps.step)
                multiply = _add_pairs if step_of_pairs else vector.fma
                carried = [multiply(read(c, channel), weight, total) for c, total in enumerate(carried)]
            return carried

        if kernel.target.broadcast == "lane":  # two taps an iteration hide the latency of the first one's loads
            pairs = k.at("a + ((b - a) floordiv 2) * 2", first, last)
            sums = k.reduce_loop(first, pairs, sums, lambda j, carried: tap(k.at("a + 1", j), tap(j, carried)), step=2)
            first = pairs
        return k.reduce_loop(first, last, sums, tap)

    def _prefetch(self, starts: Sequence[ir.Value], width: int) -> None:
        """Fetches the lines of the tile's rows, `width` numbers each, that lie `AHEAD` tiles behind `starts`."""
        for start in starts:
            for line in range(AHEAD * width, (AHEAD + 1) * width, self.kernel.target.cache_line // self.kernel.bytes):
                k.prefetch(self.x, k.at(f"a + {line}", start))

    def _pair_reader(self, starts: Sequence[ir.Value]) -> Callable[[int, int], ir.Value]:
        """(column, channel) -> that number of bf16 and the next one, as a word of 32 bits."""

        def read(c: int, i: int) -> ir.Value:
            pair = k.load_vector(self.x, k.at(f"a + {i}", starts[c]), 2)
            word = vector.bitcast(ir.VectorType.get([1], ir.IntegerType.get_signless(32)), pair)
            return vector.extract(word, [], [0])

        return read

    def _reader(self, starts: Sequence[ir.Value]) -> Callable[[int, int], ir.Value]:
        """(column, channel) -> that input number in all lanes, in the way the target's FMA likes it."""
        block, filters = self.kernel.out.block, self.kernel.filters
        if self.kernel.target.broadcast != "lane" or not self.kernel.columns_a_load:
            return lambda c, i: k.broadcast(memref.load(self.x, [k.at(f"a + {i}", starts[c])]), filters)
        width, each = self.kernel.tile[1], self.kernel.columns_a_load
        loaded = {
            c: k.load_vector(self.x, start, min(each, width - c % width) * self.kernel.taps.width)
            for c, start in enumerate(starts)
            if c % width % each == 0
        }

        def lane(c: int, i: int) -> ir.Value:
            behind = c % width % each
            return k.broadcast(vector.extract(loaded[c - behind], [], [behind * block + i]), filters)

        return lane


def _add_pairs(word: ir.Value, weights: ir.Value, total: ir.Value) -> ir.Value:
    """Adds to f32 sums of filters the products of a pair of bf16 with theirs, [filters * 2], register by register."""
    filters = ir.VectorType(total.type).shape[0]
    done = 0
    for lanes in PAIR_LANES:
        while filters - done >= lanes:
            spread = vector.bitcast(ir.VectorType.get([2 * lanes], ir.BF16Type.get()), k.broadcast(word, lanes))
            part, own = k.slice_vector(total, done, lanes), k.slice_vector(weights, 2 * done, 2 * lanes)
            name = f"llvm.x86.avx512bf16.dpbf16ps.{32 * lanes}"
            part = llvm.call_intrinsic(part.type, name, [part, spread, own], [], [])
            total = vector.insert_strided_slice(part, total, [done], [1])
            done += lanes
    assert done == filters, "narrow-bf16 leaves rows of other filters in f32"
    return total
