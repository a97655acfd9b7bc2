"""How long a conv takes with its zeros packed in groups of one size or another.

Larger groups keep more of the weights, smaller ones use less of the registers. By the model of the core that ranks
register tiles (cpu_tile), a tap of 4 channels with 4, 8, 16 and 32 filters takes 4.1, 2.1, 1.03 and 1 times as long a
multiplication with AVX-512, where 4.6, 2.3, 1.16 and 1 were measured. A tap of 1 channel has the overhead of one of 4;
on NEON its input is loaded into all lanes, which leaves 0.58 of the speed by the model and by llvm-mca (neoverse-n1).
fit/group_time.py compares the two.
"""

from dataclasses import dataclass
from functools import cached_property
from math import gcd, prod

import numpy as np

from rt3d_mlir.passes.cost.cpu_tile import DirectConv, timed_tiles
from rt3d_mlir.passes.cost.winograd import Shape, choose
from rt3d_mlir.passes.ir.match import defining_op, pad_amounts
from rt3d_mlir.passes.ops.conv import Conv
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.passes.ops.winograd_matrices import KERNEL, POINTS
from rt3d_mlir.sparsity import GroupSize, kept_blocks
from rt3d_mlir.targets import CpuTarget

#: A smaller group, another order or zeros at all have to leave at most this share of the time: the model is as good.
GAIN = 0.9


@dataclass(frozen=True)
class GroupTime:
    """Of one conv of floor 1, not a grouped one, on a target; `half` where it is to be stored as f16."""

    conv: Conv
    target: CpuTarget
    half: bool = False

    @property
    def native(self) -> GroupSize:
        """The target's group, cut to one channel block."""
        return GroupSize(self.target.group.m, self.block)

    @property
    def block(self) -> int:
        return gcd(self.target.group.m, self.target.group.n)

    @cached_property
    def candidates(self) -> tuple[list[int], list[int]]:
        """Filters, from one block to the target's own group, and channels, from one to one block; each doubles."""
        filters = [m for i in range(8) if (m := self.block << i) <= self.target.group.m]
        return filters, [n for i in range(8) if (n := 1 << i) <= self.block]

    def best(self, live: np.ndarray) -> tuple[GroupSize, float]:
        """The group with the least cycles for weights [M, N, K] that are `live` or zero; one of more filters, if near.

        Cycles are those of the taps on one core, and of the weights that it reads once.
        """
        cycles = {group: taps * self._tap(group) for group, taps in kept_blocks(live, *self.candidates).items()}
        least = min(cycles.values())
        near = [group for group in cycles if GAIN * cycles[group] <= least]
        chosen = max(near, key=lambda group: (group == self.native, group.m, -cycles[group]))
        return chosen, cycles[chosen]

    def dense(self) -> float:
        """Cycles of the direct conv with all taps."""
        filters, channels, *kernel = self.conv.weight.type.shape
        groups = [GroupSize(m, self.block) for m in self.candidates[0]]
        return prod(kernel) * min(each.rows(filters) * each.cols(channels) * self._tap(each) for each in groups)

    def winograd_is_faster(self, share: float) -> bool:
        """Whether Winograd, which needs all taps, beats a direct conv that takes `share` of the dense one's cycles."""
        filters, channels, depth, *plane = self.conv.weight.type.shape
        apart = self.conv.dilations[1], self.conv.dilations[2]
        read = [extent + (KERNEL - 1) * each for extent, each in zip(self.conv.shape[3:], apart, strict=True)]
        if self.half or plane != [KERNEL, KERNEL] or self.conv.strides[1:] != [1, 1]:
            return False
        if read != list(self.conv.x.type.shape[3:]):
            return False
        halo, (_, _, *size) = self._halo, self.conv.shape
        shape = Shape(
            filters=filters,
            channels=self.native.cols(channels) * self.block,
            live=channels,
            block=self.block,
            kernel_depth=depth,
            size=(size[0], size[1], size[2]),
            batch=self.conv.shape[0],
            planes=halo.size[0],
            inside=(halo.share(0, size[0], depth), halo.share(1, size[1], KERNEL)),
            kept=share,
            apart=apart,
        )
        return choose(shape, self.target, list(POINTS)) is not None

    def _tap(self, group: GroupSize) -> float:
        """Cycles of one tap at all positions."""
        lanes = self.target.lanes * (2 if self.half else 1)
        channels = min(group.n, self.conv.weight.type.shape[1])
        packed = self.half and self.conv.strides[2] == 1 and channels == self.block
        a_load = lanes // self.block if packed else int(group.n > 1)
        kernel, size = self.conv.weight.type.shape[2:4], tuple(self.conv.shape[2:])
        direct = DirectConv(
            group.m, channels, size, self._halo, (kernel[0], kernel[1]), lanes=lanes, columns_a_load=a_load
        )
        tiles = timed_tiles(direct, self.target)
        read = (2 if self.half else 4) * group.m * channels / self.target.core.weights
        return self.conv.shape[0] * tiles[0][0] + read

    @cached_property
    def _halo(self) -> Halo:
        """Where the input is padding, by the tensor.pad in front of the conv."""
        full = (self.conv.x.type.shape[2], self.conv.x.type.shape[3])
        amounts = pad_amounts(defining_op(self.conv.x))
        if amounts is None or amounts.value != 0.0:
            return Halo((0, 0), full, full)
        _, _, depth, height, _ = amounts.source.type.shape
        return Halo((amounts.low[2], amounts.low[3]), (depth, height), full)
