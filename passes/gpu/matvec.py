"""The GPU kernel of a packed conv with few output positions: a fully connected layer, a gate, a classifier.

There are fewer positions than lanes, so the threads of a workgroup share a row's taps instead: thread t takes every
THREADSth vector of the row's weights, which lie one behind the other, times the input number that it belongs to. Their
sums are added up through shared memory. Weights are read once, neighbouring threads reading neighbouring vectors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, math, memref

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.epilogue import GpuFinisher
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.tap_layout import TapLayout

#: Positions, of all clips, up to which this kernel is used; a row's weights are then read once for each.
FEW = 4
#: Taps that a thread has on their way at a time: all their loads come before the first product.
AHEAD = 8


@dataclass(frozen=True)
class GpuMatvecKernel:
    """`size` is the (D, H, W) of the output, `source` the padded input; all channels of a tap have weights.

    A workgroup has at most `most` threads.
    """

    taps: TapLayout
    source: Blocked
    strides: tuple[int, ...]
    size: tuple[int, ...]
    out: Blocked
    most: int

    @property
    def quads(self) -> int:
        """Vectors of filters of a row."""
        return self.taps.filters // LANES

    @property
    def tap_vectors(self) -> int:
        return LANES * self.quads

    @property
    def weights(self) -> np.ndarray:
        """As the kernel reads them: [taps, channels, filters]."""
        return self.taps.weights

    @property
    def starts(self) -> np.ndarray:
        """Where taps begin, as in TapLayout."""
        return self.taps.starts

    @cached_property
    def threads(self) -> int:
        """Whole taps of them."""
        return self.most // self.tap_vectors * self.tap_vectors

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.taps.rows, self.out.batch, 1

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, weights, offsets, starts, then the epilogue's inputs, then the output."""
        x, weights, offsets, starts, *operands, target = bindings
        p, n, _, thread = ids
        finisher = GpuFinisher(epilogue, operands, self.out, target)
        (kd, kh), share = self.taps.kernel, self.threads // self.tap_vectors
        first = k.load_index(starts, k.at(f"a * {kd * kh}", p))
        last = k.load_index(starts, k.at(f"(a + 1) * {kd * kh}", p))
        before = k.at("a - 1", arith.maxui(last, k.index(1)))
        part, within = gpu.split(thread, (share, self.tap_vectors))
        channel, _ = gpu.split(within, (LANES, self.quads))
        positions = [gpu.split(k.index(i), self.size) for i in range(prod(self.size))]
        bases = [
            gpu.place(self.source, n, k.index(0), *(k.at(f"a * {s}", a) for a, s in zip(at, self.strides, strict=True)))
            for at in positions
        ]

        def step(start: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            taps = [k.at(f"a + b + {ahead * share}", start, part) for ahead in range(AHEAD)]
            clamped = [arith.minui(tap, before) for tap in taps]
            places = [k.load_index(offsets, tap) for tap in clamped]
            kept = [memref.load(weights, [k.at(f"a * {self.tap_vectors} + b", tap, within)]) for tap in clamped]
            values = [[memref.load(x, [arith.addi(base, place)]) for base in bases] for place in places]
            sums = list(sums)
            for tap, loaded, xs in zip(taps, kept, values, strict=True):
                weight = gpu.select(gpu.below(tap, last), k.widen(loaded), gpu.zero(ir.F32Type.get()))
                for i, value in enumerate(xs):
                    sums[i] = math.fma(gpu.lane(k.widen(value), channel), weight, sums[i])
            return sums

        zeros = [gpu.zero(ir.F32Type.get())] * len(bases)
        sums = k.reduce_loop(first, last, zeros, lambda at, carried: step(at, list(carried)), AHEAD * share)
        table = gpu.shared([len(bases), self.threads], gpu.vector_type(ir.F32Type.get()))
        self._add_up(table, thread, list(sums))

        def finish() -> None:
            block = k.at(f"a * {self.quads} + b", p, thread)
            for i, position in enumerate(positions):
                total = memref.load(table, [k.at(f"a + {i * self.threads}", thread)])
                self._if_exists(block, partial(finisher.store, total, n, block, position))

        k.if_else(gpu.below(thread, self.quads), finish)
        if self.out.padded:
            with k.loop(thread, k.index(prod(self.out.full[1:])), self.threads) as number:
                for m in range(self.quads):
                    block = k.at(f"a * {self.quads} + {m}", p)
                    self._if_exists(block, partial(finisher.border, n, block, number))

    def _add_up(self, table: ir.Value, thread: ir.Value, sums: list[ir.Value]) -> None:
        """Each thread's sum of each position, of all threads that share filters, to the first of these: by halves."""
        places = [k.at(f"a + {i * self.threads}", thread) for i in range(len(sums))]
        for total, mine in zip(sums, places, strict=True):
            memref.store(total, table, [mine])
        gpu.barrier()
        count = self.threads // self.quads
        while count > 1:
            lower = (count + 1) // 2

            def fold(lower: int = lower) -> None:
                for mine in places:
                    other = memref.load(table, [k.at(f"a + {lower * self.quads}", mine)])
                    memref.store(arith.addf(memref.load(table, [mine]), other), table, [mine])

            k.if_else(gpu.below(thread, (count - lower) * self.quads), fold)
            gpu.barrier()
            count = lower

    def _if_exists(self, block: ir.Value, write: Callable[[], None]) -> None:
        """Calls `write` unless the block lies behind the last output channel."""
        if self.taps.rows * self.quads == self.out.blocks:
            write()
        else:
            k.if_else(gpu.below(block, self.out.blocks), write)
