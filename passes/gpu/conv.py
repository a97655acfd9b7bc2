"""The GPU kernel of a packed conv: a thread's sums stay in registers over the taps of a row.

    a workgroup:  one row p of filters, `lanes` x `columns` output positions, the row's taps dealt out to `splits` parts
    a thread:     `columns` positions, `lanes` apart, times the row's filters, over the taps of its part

    for each round of splits x 4 taps:
        the next round's weights on their way into the other buffer in shared memory, offsets into registers
        for each tap of the part:
            for each channel: sums[column, filters] += x[offset + column, channel] * weights[channel, filters]
    sums of the parts added up through shared memory; epilogue; store

Neighbouring lanes read neighbouring positions. All threads of a part read the same weight at the same time, which
shared memory serves at once. Where depth padding makes taps fall on zeros, a workgroup's positions are of one depth
plane, and the taps that read padding are a range that is left out. Extra workgroups write the zero border.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, prod

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, math, memref

from rt3d_mlir.passes.cost.gpu_tile import ConvShape, GpuTile, choose_tile
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.interleaved_store import conv_finisher
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.passes.ops.places import Places
from rt3d_mlir.passes.ops.tap_layout import TapLayout
from rt3d_mlir.targets import GpuTarget


@dataclass(frozen=True)
class GpuConvKernel:
    """All a kernel depends on; `size` is the (D, H, W) that is computed, `source` the input, `out` what is written: the
    same, or its channels interleaved to `places`."""

    taps: TapLayout
    source: Blocked
    halo: Halo
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    size: tuple[int, ...]
    out: Blocked
    target: GpuTarget
    places: Places | None = None

    @property
    def workgroup(self) -> "type[Workgroup]":
        return FmaWorkgroup

    @cached_property
    def tile(self) -> GpuTile:
        """The one of the least time by the model of the machine."""
        return choose_tile(self.shape, self.target)

    @property
    def shape(self) -> ConvShape:
        """What the choice of a tile depends on."""
        share = self.halo.share(0, self.size[0], self.taps.kernel[0]) if self.skips else 1.0
        return ConvShape(
            filters=self.taps.filters,
            channels=len(self.taps.channels),
            taps=max(1, round(share * int(self.taps.starts[-1]) / self.taps.rows)),
            longest=int(self.taps.lengths.max()),
            positions=self.positions,
            rows=self.taps.rows * self.sheets * self.out.batch,
            bytes=self.taps.weights.dtype.itemsize,
        )

    @property
    def weights(self) -> np.ndarray:
        """As the kernel reads them: [taps, live channels, filters]."""
        return self.taps.weights

    @property
    def uneven(self) -> bool:
        """Whether rows differ so much in taps that the long ones should begin first."""
        lengths = self.taps.lengths
        return int(lengths.max()) > 1.1 * float(lengths.mean())

    @property
    def starts(self) -> np.ndarray:
        """Where taps begin, as in TapLayout; behind it, for uneven rows, the row that each workgroup takes."""
        order = np.argsort(-self.taps.lengths, kind="stable") if self.uneven else []
        return np.concatenate([self.taps.starts, np.asarray(order, np.int32)]).astype(np.int32)

    @property
    def sheets(self) -> int:
        """Depth planes, where each has its own range of taps; else 1, the whole volume."""
        return self.size[0] if self.skips else 1

    @property
    def skips(self) -> bool:
        return self.halo.size[0] != self.halo.full[0] and self.taps.kernel[0] > 1

    @property
    def positions(self) -> int:
        """Output positions of a sheet."""
        return prod(self.size) // self.sheets

    @property
    def reach(self) -> int:
        """Output positions of a workgroup."""
        return self.tile.lanes * self.tile.columns

    @property
    def round_taps(self) -> int:
        """Taps of a round, of all parts."""
        return self.tile.splits * self.tile.depth

    @property
    def team(self) -> int:
        """Threads that load weights for each other: those that run in step, where they have all of a part, or all of a
        workgroup."""
        tile, target = self.tile, self.target
        return target.subgroup if target.in_step and tile.lanes * tile.halves <= target.subgroup else self.threads

    @property
    def team_parts(self) -> int:
        """Parts of the taps that a team has threads of."""
        return self.tile.splits * self.team // self.threads

    @property
    def chunks(self) -> int:
        """Workgroups a sheet."""
        return ceil(self.positions / self.reach)

    @property
    def threads(self) -> int:
        return self.tile.lanes * self.tile.splits * self.tile.halves

    @cached_property
    def grid(self) -> tuple[int, int, int]:
        """Behind the rows are more for the border: workgroups that have little to do come last, for where they come
        between the others, some processors get two of these and some none."""
        across = self.chunks * self.sheets
        border = self.border_chunks * self.taps.rows if self.out.padded else 0
        return across, self.taps.rows + ceil(border / across), self.out.batch

    @property
    def border_chunks(self) -> int:
        """Workgroups that write the border of a row's channel blocks."""
        return ceil(prod(self.out.full[1:]) / self.threads)

    @property
    def blocks(self) -> int:
        """Channel blocks that are computed."""
        return self.out.blocks if self.places is None else self.places.blocks

    @property
    def quads(self) -> int:
        """Vectors of filters of a row."""
        return self.taps.filters // LANES

    @property
    def tap_vectors(self) -> int:
        """Vectors of weights of a tap."""
        return len(self.taps.channels) * self.quads

    def body(
        self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None, behind: Epilogue | None = None
    ) -> None:
        """Bindings: input, weights, offsets, starts, then the inputs of the epilogue and of what is `behind` an
        interleave, then the output."""
        work = self.workgroup(self, bindings, ids, epilogue, behind)

        def compute() -> None:
            work.take_row()
            work.compute()

        if self.out.padded:
            k.if_else(gpu.below(ids[1], self.taps.rows), compute, work.border)
        else:
            compute()


class Workgroup(ABC):
    """Builds the code of one thread of a workgroup: which row and positions are its own, and where its sums go."""

    def __init__(
        self,
        kernel: GpuConvKernel,
        bindings: list[ir.Value],
        ids: list[ir.Value],
        epilogue: Epilogue | None,
        behind: Epilogue | None,
    ):
        self.kernel = kernel
        self.x, self.weights, self.offsets, self.starts, *operands, target = bindings
        self.chunk, self.y, self.n, self.thread = ids
        self.p = self.y
        self.finisher = conv_finisher(kernel.out, kernel.places, operands, target, epilogue, behind)
        self.target = target
        self.half = str(gpu.element(self.x)) == "f16"
        self.f32 = ir.F32Type.get()

    @property
    def tile(self) -> GpuTile:
        return self.kernel.tile

    def take_row(self) -> None:
        """The row that is this workgroup's."""
        if self.kernel.uneven:
            self.p = k.load_index(self.starts, k.at(f"a + {len(self.kernel.taps.starts)}", self.p))

    @abstractmethod
    def compute(self) -> None:
        """Sums up the row at this thread's positions, and stores them."""

    def take_positions(self, lane: ir.Value, lanes: int) -> ir.Value:
        """This thread's positions, `lanes` apart, those behind the last one at it; returns their sheet."""
        kernel = self.kernel
        sheet, chunk = k.index(0), self.chunk
        if kernel.skips:
            sheet, chunk = gpu.split(self.chunk, (kernel.sheets, kernel.chunks))
        first = k.at(f"a * {kernel.reach} + b", chunk, lane)
        numbers = [k.at(f"a + {i}", first) for i in range(0, kernel.reach, lanes)]
        self.exists = [gpu.below(number, kernel.positions) for number in numbers]
        self.positions = [
            self._position(arith.minui(number, k.index(kernel.positions - 1)), sheet) for number in numbers
        ]
        return sheet

    def border(self) -> None:
        """One position of the padded planes a thread: zero, where it is not inside."""
        kernel = self.kernel
        number = k.at(f"(a - {kernel.taps.rows}) * {kernel.chunks * kernel.sheets} + b", self.y, self.chunk)
        p, piece = gpu.split(number, (kernel.taps.rows, kernel.border_chunks))
        at = k.at(f"a * {kernel.threads} + b", piece, self.thread)

        def clear() -> None:
            for i in range(kernel.quads):
                block = k.at(f"a * {kernel.quads} + {i}", p)
                k.if_else(gpu.below(block, kernel.blocks), partial(self.finisher.border, self.n, block, at))

        k.if_else(gpu.below(at, prod(kernel.out.full[1:])), clear)

    def _position(self, number: ir.Value, sheet: ir.Value) -> list[ir.Value]:
        """(d, h, w) of a position of the sheet."""
        _, height, width = self.kernel.size
        if self.kernel.skips:
            return [sheet, *gpu.split(number, (height, width))]
        return gpu.split(number, self.kernel.size)

    def _range(self, sheet: ir.Value) -> tuple[ir.Value, ir.Value]:
        """First and last tap of row p that meet real data in depth."""
        kernel = self.kernel
        kd, kh = kernel.taps.kernel
        inside = kernel.halo.inside(0, sheet, kd, kernel.strides, kernel.dilations) if kernel.skips else None
        first, last = inside or (k.index(0), k.index(kd))
        start, stop = (k.at(f"(a * {kd} + b) * {kh}", self.p, at) for at in (first, last))
        return k.load_index(self.starts, start), k.load_index(self.starts, stop)

    def _store(self, total: ir.Value, column: int, block: ir.Value) -> None:
        def store() -> None:
            self._if_exists(block, lambda: self.finisher.store(total, self.n, block, self.positions[column]))

        k.if_else(self.exists[column], store)

    def _if_exists(self, block: ir.Value, write: Callable[[], None]) -> None:
        """Calls `write` unless the block lies behind the last output channel."""
        kernel = self.kernel
        if kernel.taps.rows * kernel.quads == kernel.blocks:
            write()
        else:
            k.if_else(gpu.below(block, kernel.blocks), write)

    def _window(self, position: list[ir.Value]) -> list[ir.Value]:
        """Where the window of an output position begins."""
        return [k.at(f"a * {stride}", at) for at, stride in zip(position, self.kernel.strides, strict=True)]


class FmaWorkgroup(Workgroup):
    """Sums up FMAs of vectors of 4 filters."""

    def compute(self) -> None:
        tile = self.tile
        self.part, self.share, self.lane = gpu.split(self.thread, (tile.splits, tile.halves, tile.lanes))
        sheet = self.take_positions(self.lane, tile.lanes)
        self._finish(self._rounds(self._range(sheet)))

    def _rounds(self, span: tuple[ir.Value, ir.Value]) -> list[ir.Value]:
        """The sums of this thread's part over the taps of a range: [columns x quads] vectors of f32."""
        kernel, tile = self.kernel, self.tile
        taps = kernel.round_taps
        vectors = kernel.team_parts * tile.depth * kernel.tap_vectors
        team, mate = gpu.split(self.thread, (kernel.threads // kernel.team, kernel.team))
        kept = gpu.shared([kernel.threads // kernel.team, 2, vectors], gpu.vector_type(gpu.element(self.weights)))
        first, last = span
        begin = k.at(f"a + (b floordiv {kernel.team_parts}) * {kernel.team_parts * tile.depth}", first, self.part)
        rounds = k.at(f"(b - a + {taps - 1}) floordiv {taps}", first, last)
        bases = [gpu.place(kernel.source, self.n, k.index(0), *self._window(position)) for position in self.positions]

        def fetch(r: ir.Value) -> list[ir.Value]:
            """This thread's share of a round's weights, zeros behind the last tap."""
            at = k.at(f"(a + b * {taps}) * {kernel.tap_vectors} + c", begin, r, mate)
            end = k.at(f"a * {kernel.tap_vectors}", last)
            shares = ceil(vectors / kernel.team)
            return [self._or_zero(self.weights, k.at(f"a + {i * kernel.team}", at), end) for i in range(shares)]

        def put(fetched: list[ir.Value], buffer: ir.Value) -> None:
            for i, value in enumerate(fetched):
                mine = k.at(f"a + {i * kernel.team}", mate)

                def store(mine: ir.Value = mine, value: ir.Value = value) -> None:
                    memref.store(value, kept, [k.at(f"(a * 2 + b) * {vectors} + c", team, buffer, mine)])

                whole = (i + 1) * kernel.team <= vectors
                store() if whole else k.if_else(gpu.below(mine, vectors), store)

        def one(r: ir.Value, carried: Sequence[ir.Value]) -> Sequence[ir.Value]:
            sums, places = list(carried[:count]), carried[count:]
            following, buffer = fetch(k.at("a + 1", r)), k.at("a mod 2", r)
            xs = [[gpu.load_at(self.x, base, place) for base in bases] for place in places]
            later = self._offsets(k.at("a + 1", r), span)
            sums = self._taps(kept, k.at("a * 2 + b", team, buffer), xs, sums)
            put(following, k.at("1 - a", buffer))
            wait()
            return [*sums, *later]

        wait = gpu.barrier if kernel.team == kernel.threads else gpu.subgroup_barrier
        count = tile.columns * kernel.quads // tile.halves
        put(fetch(k.index(0)), k.index(0))
        carried = [*[gpu.zero(self.f32)] * count, *self._offsets(k.index(0), span)]
        wait()
        return list(k.reduce_loop(k.index(0), rounds, carried, one))[:count]

    def _offsets(self, r: ir.Value, span: tuple[ir.Value, ir.Value]) -> list[ir.Value]:
        """Those of the taps of this thread's part in a round, i32; behind the last tap, that one's again."""
        (first, last), depth = span, self.tile.depth
        at = k.at(f"a + b * {self.kernel.round_taps} + c * {depth}", first, r, self.part)
        numbers = [arith.minui(k.at(f"a + {step}", at), self._before(last)) for step in range(depth)]
        return [memref.load(self.offsets, [number]) for number in numbers]

    def _taps(
        self, kept: ir.Value, round_at: ir.Value, xs: Sequence[Sequence[ir.Value]], sums: list[ir.Value]
    ) -> list[ir.Value]:
        """One round's taps of this part: the inputs of each, by columns, times the team's weights in shared memory."""
        kernel, quads, depth = self.kernel, self.kernel.quads, self.tile.depth
        mine = quads // self.tile.halves
        totals = [gpu.zero(ir.F16Type.get())] * len(sums) if self.half else sums
        for step, columns_of in enumerate(xs):
            parts = kernel.team_parts
            tap = k.at(f"(a * {parts} + b mod {parts}) * {depth} + {step}", round_at, self.part)
            vectors = k.at(f"a * {kernel.tap_vectors}", tap)
            for i, channel in enumerate(kernel.taps.channels):
                first = k.at(f"a + b * {mine} + {i * quads}", vectors, self.share)
                ws = [memref.load(kept, [k.at(f"a + {m}", first)]) for m in range(mine)]
                for column, x in enumerate(columns_of):
                    spread = gpu.lane(x, channel)
                    for m in range(mine):
                        totals[column * mine + m] = self._add(totals[column * mine + m], spread, ws[m])
        if not self.half:
            return totals
        return [arith.addf(total, k.widen(part)) for total, part in zip(sums, totals, strict=True)]

    def _add(self, total: ir.Value, x: ir.Value, weight: ir.Value) -> ir.Value:
        """total + x * weight. Drivers make one instruction of a product and a sum of f16; Qualcomm's was seen to
        calculate Fma of f16 in f32 (docs/projection.md)."""
        return arith.addf(total, arith.mulf(x, weight)) if self.half else math.fma(x, weight, total)

    def _finish(self, sums: list[ir.Value]) -> None:
        """The parts' sums added up, column by column; each part then finishes some of the row's vectors of filters."""
        tile, quads = self.tile, self.kernel.quads
        own = quads // tile.halves
        if tile.splits == 1:
            for column in range(tile.columns):
                for m in range(own):
                    block = k.at(f"a * {quads} + b * {own} + {m}", self.p, self.share)
                    self._store(sums[column * own + m], column, block)
            return
        table = gpu.shared([tile.splits, quads, tile.lanes], gpu.vector_type(self.f32))
        for column in range(tile.columns):
            for m in range(own):
                vectors = k.at(f"a * {quads} + b * {own} + {m}", self.part, self.share)
                memref.store(sums[column * own + m], table, [k.at(f"a * {tile.lanes} + b", vectors, self.lane)])
            gpu.barrier()
            for turn in range(ceil(own / tile.splits)):
                inside = k.at(f"a + {turn * tile.splits}", self.part)

                def add(inside: ir.Value = inside, column: int = column) -> None:
                    m = k.at(f"a * {own} + b", self.share, inside)
                    total = None
                    for part in range(tile.splits):
                        at = k.at(f"({part * quads} + a) * {tile.lanes} + b", m, self.lane)
                        value = memref.load(table, [at])
                        total = value if total is None else arith.addf(total, value)
                    assert total is not None
                    self._store(total, column, k.at(f"a * {quads} + b", self.p, m))

                whole = (turn + 1) * tile.splits <= own
                add() if whole else k.if_else(gpu.below(inside, own), add)
            if column + 1 < tile.columns:
                gpu.barrier()

    def _or_zero(self, source: ir.Value, at: ir.Value, end: ir.Value) -> ir.Value:
        """A vector of the weights, or zeros from `end` on."""
        inside = gpu.below(at, end)
        value = memref.load(source, [arith.minui(at, self._before(end))])
        return gpu.select(inside, value, gpu.zero(gpu.element(source)))

    @staticmethod
    def _before(end: ir.Value) -> ir.Value:
        """The last place before `end`, or the first one of all."""
        return k.at("a - 1", arith.maxui(end, k.index(1)))
