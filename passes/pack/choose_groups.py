"""choose-groups: each conv gets the group size with which its own zeros take the least time.

A net that was pruned elsewhere has its zeros in groups that need not be the target's: 8x8, 4x4, whole input channels
(Mx1). Groups of 1 channel find any of these channel blocks, and rows of so many filters find any set of neighbouring
filters. The model in group_time says which size is fastest, and pack-kgs then packs the layer in it. Where no group
leaves out enough weights to save time, as after unstructured pruning, the pass says so. Winograd's algorithm needs all
taps. Where it is faster than the taps that are left, all taps are kept.

Filters that a layer does not have count as zeros do. A dense layer of 16 filters fills groups of 16, and half of groups
of 32.

Given, on a target with groups of 16x4, a layer pruned in groups of 8x1:
    %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w) outs(%zero)
Result:
    %y = linalg.conv_3d_ncdhw_fcdhw {kgs_group = {group = array<i64: 8, 1>}}
         ins(%x, %w) outs(%zero)
"""

from dataclasses import dataclass, field
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.cost.group_time import GAIN, GroupTime
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import layer_obstacle, ops_named
from rt3d_mlir.passes.ops.conv import PLAIN, Conv
from rt3d_mlir.passes.pack.pack_kgs import AllTaps, ChosenGroup
from rt3d_mlir.sparsity import live_weights
from rt3d_mlir.targets import CpuTarget, get_target

#: A layer with fewer zeros than this share is dense, and nothing is said of them.
NOTABLE = 0.1


@dataclass(frozen=True)
class ChooseGroups(Pass):
    """Chooses by the time on `target`, in f16 where `half`.

    `winograd` is whether that pass will run, `dense` whether all taps are kept, zeros or not.
    """

    name: ClassVar[str] = "choose-groups"
    target: CpuTarget = field(default_factory=lambda: get_target("host"))
    half: bool = False
    winograd: bool = True
    dense: bool = False

    def run(self, module: ir.Module, state: State) -> None:
        useless: list[tuple[str, int, int]] = []
        for conv in plain_convs(module):
            value = constant_value(conv.weight, state.weights)
            if value is None or layer_obstacle(conv.op):
                continue  # pack-kgs will say so
            live = live_weights(value[0]) | self.dense
            zeros = live.size - int(live.sum())
            time = GroupTime(conv, self.target, self.half)
            if zeros == 0:
                self._fit_filters(conv, time, live)
                continue
            name = state.weights.origin(value[1]).removesuffix(".weight") if value[1] else "conv"
            group, cycles = time.best(live)
            share = cycles / time.dense()
            if share > GAIN and zeros > NOTABLE * live.size:
                useless.append((name, zeros, live.size))
            if self.winograd and time.winograd_is_faster(share):
                AllTaps.mark(conv.op)
                if share <= GAIN:
                    state.refuse(
                        self.name,
                        name,
                        f"packed in groups of {group}, its zeros would leave {share:.0%} of the time; Winograd, with "
                        "all weights, is faster",
                    )
            elif group != time.native:
                ChosenGroup.mark(conv.op, group=group)
        if useless:
            _report(useless, self.name, state)

    def _fit_filters(self, conv: Conv, time: GroupTime, live: np.ndarray) -> None:
        """Smaller groups for a dense layer whose filters do not fill the target's."""
        if len(live) % time.native.m == 0 or (self.winograd and time.winograd_is_faster(1.0)):
            return
        group, _ = time.best(live)
        if group != time.native:
            ChosenGroup.mark(conv.op, group=group)


def plain_convs(module: ir.Module) -> list[Conv]:
    """All convs of one group, in the order of the module."""
    convs = (Conv.match(op.opview) for op in ops_named(module, PLAIN))
    return [conv for conv in convs if conv is not None]


def _report(useless: list[tuple[str, int, int]], name: str, state: State) -> None:
    """One line for all layers whose zeros bring nothing."""
    layers = ", ".join(dict.fromkeys(layer for layer, _, _ in useless))
    share = sum(zeros for _, zeros, _ in useless) / sum(size for _, _, size in useless)
    state.refuse(
        name,
        layers,
        f"{share:.0%} of the weights are zero, but no group of filters x channels shares enough of them to save time; "
        "they are multiplied all the same. rt3d-mlir-prune prunes in groups that are left out",
    )
