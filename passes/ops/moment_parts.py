"""Means and variances from parts of an activation: what the CPU's and the GPU's kernels have in common.

A first kernel gives of each part, a run of positions of one channel block, the mean and the sum of squares around it.
Its sums are of differences from the part's first position, so none is large beside what it adds up. A second kernel
adds up the parts p of a group,

    mean     = sum of n_p * mean_p / n
    variance = sum of (squares_p + n_p * (mean_p - mean)^2) / n

(Chan, Golub and LeVeque, 1979). The activation is read once, by as many cores or threads as there are parts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, lcm

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, vector

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.moments import Groups


@dataclass(frozen=True)
class Parts:
    """N clips of Q channel blocks of C, each of `positions` cut into runs of `run`, the last of which may be shorter.

    In memory they are [N, Q, parts, 2, C]: the mean, then the sum of squares.
    """

    batch: int
    blocks: int
    block: int
    positions: int
    run: int

    @property
    def count(self) -> int:
        return ceil(self.positions / self.run)

    @property
    def shape(self) -> list[int]:
        return [self.batch, self.blocks, self.count, 2, self.block]

    @property
    def grid(self) -> tuple[int, int, int]:
        """A workgroup a part."""
        return self.count, self.blocks, self.batch

    def length(self, part: ir.Value) -> ir.Value:
        """Positions of a part, an index."""
        last = self.positions - self.run * (self.count - 1)
        if last == self.run:
            return k.index(self.run)
        is_last = arith.cmpi(arith.CmpIPredicate.eq, part, k.index(self.count - 1))
        return arith.select(is_last, k.index(last), k.index(self.run))

    def at(self, n: ir.Value, block: ir.Value, part: ir.Value, which: int) -> ir.Value:
        """Where the mean (0) or the squares (1) of a part are, in vectors of C."""
        return k.at(f"((a * {self.blocks} + b) * {self.count} + c) * 2 + {which}", n, block, part)


def part_moments(pivot: ir.Value, sums: ir.Value, squares: ir.Value, length: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The mean and the sum of squares around it, of `length` numbers of which these are the sums around a pivot."""
    lanes = ir.VectorType(pivot.type).shape[0]
    count = k.broadcast(as_f32(length), lanes)
    off = arith.divf(sums, count)
    return arith.addf(pivot, off), arith.subf(squares, arith.mulf(off, sums))


def as_f32(number: ir.Value) -> ir.Value:
    """An index as f32."""
    whole = arith.index_cast(ir.IntegerType.get_signless(32), number)
    return arith.sitofp(ir.F32Type.get(), whole)


Vectors = Sequence[ir.Value]
#: A clip, a channel block, a part of it.
_Part = tuple[ir.Value, ir.Value, ir.Value]


@dataclass(frozen=True)
class MomentAccess:
    """How a kernel reads and writes vectors of C, and how its threads share what there is to do."""

    load: Callable[[ir.Value], ir.Value]
    store: Callable[[ir.Value, ir.Value], None]
    total: Callable[[int, Callable[[ir.Value], Vectors]], Vectors]
    """The sums, over all i below a count, of the vectors for i; all threads get them."""
    each: Callable[[int, Callable[[ir.Value], None]], None]
    """Does something for all i below a count, once each."""


@dataclass(frozen=True)
class Combination:
    """The second kernel: means in blocks 0 .. Q - 1 of its result [N, 2 * Q, 1, 1, 1, C], variances in the others.

    A workgroup takes as many whole groups as fill whole channel blocks.
    """

    parts: Parts
    groups: Groups

    @property
    def blocks(self) -> int:
        """Channel blocks of a workgroup."""
        return lcm(self.groups.size, self.parts.block) // self.parts.block

    @property
    def shares_blocks(self) -> bool:
        """Whether a block has channels of several groups; else a workgroup takes one."""
        return self.groups.size % self.parts.block != 0

    @property
    def grid(self) -> tuple[int, int, int]:
        return ceil(self.parts.blocks / self.blocks), 1, self.parts.batch

    @property
    def _count(self) -> int:
        """Numbers of a group."""
        return self.parts.positions * self.groups.size

    def body(self, access: MomentAccess, unit: ir.Value, n: ir.Value) -> None:
        """The groups of one workgroup."""
        (self._groups if self.shares_blocks else self._one_group)(access, unit, n)

    def _one_group(self, access: MomentAccess, unit: ir.Value, n: ir.Value) -> None:
        """A group of whole blocks."""
        count = self.parts.count

        def place(i: ir.Value) -> tuple[ir.Value, ir.Value]:
            return k.at(f"a * {self.blocks} + b floordiv {count}", unit, i), k.at(f"a mod {count}", i)

        pivot = self._first(access, n, k.at(f"a * {self.blocks}", unit))

        def mean_of(i: ir.Value) -> Vectors:
            block, part = place(i)
            return [self._weighted(access, (n, block, part), pivot)]

        def squares_of(i: ir.Value) -> Vectors:
            block, part = place(i)
            return [self._squares(access, (n, block, part), mean)]

        (sums,) = access.total(self.blocks * count, mean_of)
        mean = arith.addf(self._spread(pivot, self.parts.block), self._spread(sums, self._count))
        (squares,) = access.total(self.blocks * count, squares_of)
        variance = self._spread(squares, self._count)

        def write(i: ir.Value) -> None:
            block = k.at(f"a * {self.blocks} + b", unit, i)
            access.store(mean, self._out(n, block, 0))
            access.store(variance, self._out(n, block, 1))

        access.each(self.blocks, write)

    def _groups(self, access: MomentAccess, unit: ir.Value, n: ir.Value) -> None:
        """Groups that share blocks."""
        last = k.index(self.parts.blocks - 1)
        blocks = [k.at(f"a * {self.blocks} + {i}", unit) for i in range(self.blocks)]
        inside = [arith.minsi(block, last) for block in blocks]  # a last workgroup may have less
        count = self.parts.count
        pivots = [self._first(access, n, block) for block in inside]
        sums = access.total(
            count,
            lambda part: [
                self._weighted(access, (n, block, part), pivot) for block, pivot in zip(inside, pivots, strict=True)
            ],
        )
        centres, offs = self._by_group(pivots, self.groups.size), self._by_group(sums, self._count)
        means = [arith.addf(centre, off) for centre, off in zip(centres, offs, strict=True)]
        squares = access.total(
            count,
            lambda part: [
                self._squares(access, (n, block, part), mean) for block, mean in zip(inside, means, strict=True)
            ],
        )
        variances = self._by_group(squares, self._count)

        def write(_: ir.Value) -> None:
            for block, mean, variance in zip(blocks, means, variances, strict=True):
                whole = self.parts.blocks % self.blocks == 0

                def store(block: ir.Value = block, mean: ir.Value = mean, variance: ir.Value = variance) -> None:
                    access.store(self._present(mean, block), self._out(n, block, 0))
                    access.store(self._present(variance, block), self._out(n, block, 1))

                store() if whole else k.if_else(k.less(block, k.index(self.parts.blocks)), store)

        access.each(1, write)

    def _first(self, access: MomentAccess, n: ir.Value, block: ir.Value) -> ir.Value:
        """The mean of a block's first part: means of parts are added up around it."""
        return access.load(self.parts.at(n, block, k.index(0), 0))

    def _weighted(self, access: MomentAccess, at: _Part, pivot: ir.Value) -> ir.Value:
        weight = k.broadcast(as_f32(self.parts.length(at[2])), self.parts.block)
        return arith.mulf(arith.subf(access.load(self.parts.at(*at, 0)), pivot), weight)

    def _squares(self, access: MomentAccess, at: _Part, mean: ir.Value) -> ir.Value:
        weight = k.broadcast(as_f32(self.parts.length(at[2])), self.parts.block)
        off = arith.subf(access.load(self.parts.at(*at, 0)), mean)
        return arith.addf(access.load(self.parts.at(*at, 1)), arith.mulf(arith.mulf(off, off), weight))

    def _spread(self, sums: ir.Value, count: int) -> ir.Value:
        """The sum of all lanes over a count, in all lanes."""
        lanes = self.parts.block
        total = _added([vector.extract(sums, [], [i]) for i in range(lanes)])
        return arith.divf(k.broadcast(total, lanes), k.splat(float(count), lanes))

    def _by_group(self, sums: Vectors, count: int) -> list[ir.Value]:
        """The sum of each group's channels over a count, in all of them."""
        lanes, size, divisor = self.parts.block, self.groups.size, k.splat(float(count), self.parts.block)
        if size == 1:
            return [arith.divf(each, divisor) for each in sums]
        numbers = [vector.extract(each, [], [i]) for each in sums for i in range(lanes)]
        totals = [_added(numbers[i : i + size]) for i in range(0, len(numbers), size)]
        kind = ir.VectorType.get([lanes], ir.F32Type.get())
        spread = [totals[i // size] for i in range(len(numbers))]
        joined = [vector.from_elements(kind, spread[i : i + lanes]) for i in range(0, len(spread), lanes)]
        return [arith.divf(each, divisor) for each in joined]

    def _present(self, value: ir.Value, block: ir.Value) -> ir.Value:
        """Zero in channels behind the last one, which groups of several do not have."""
        present = self.groups.channels - (self.parts.blocks - 1) * self.parts.block
        lanes = self.parts.block
        if present == lanes or self.groups.size == 1:
            return value
        zero = arith.constant(ir.F32Type.get(), 0.0)
        kept = [vector.extract(value, [], [i]) if i < present else zero for i in range(lanes)]
        cut = vector.from_elements(ir.VectorType(value.type), kept)
        is_last = arith.cmpi(arith.CmpIPredicate.eq, block, k.index(self.parts.blocks - 1))
        return arith.select(k.broadcast(is_last, lanes), cut, value)

    def _out(self, n: ir.Value, block: ir.Value, which: int) -> ir.Value:
        return k.at(f"(a * 2 + {which}) * {self.parts.blocks} + b", n, block)


def _added(numbers: Sequence[ir.Value]) -> ir.Value:
    """The sum, pairs first."""
    while len(numbers) > 1:
        pairs = zip(numbers[::2], numbers[1::2], strict=False)
        odd = [numbers[-1]] if len(numbers) % 2 else []
        numbers = [*(arith.addf(a, b) for a, b in pairs), *odd]
    return numbers[0]
