"""The group size by measurement, as in the paper (RT3D, AAAI 2021: found offline by timing synthetic layers)."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rt3d_mlir.bench.profiler import profile_calls
from rt3d_mlir.compile.exported import export
from rt3d_mlir.sparsity import GroupSize, MaskSet, magnitude_mask
from rt3d_mlir.static import analyse
from rt3d_mlir.targets import CpuTarget

GROUPS = [GroupSize(m, n) for n in (4, 8) for m in (4, 8, 16, 32)]
KEPT = 0.25


@dataclass(frozen=True)
class GroupSpeed:
    """GFLOP/s of kept work on the host, or the share of the FMA peak by static analysis."""

    group: GroupSize
    speed: float


def sweep_groups(target: CpuTarget, progress: Callable[[str], None] = lambda _what: None) -> list[GroupSpeed]:
    """A 256->256 3x3x3 layer on 8x28x28, a quarter of it kept, for each group size."""
    found = []
    for number, group in enumerate(GROUPS, 1):
        progress(f"groups of {group}, {number} of {len(GROUPS)}")
        found.append(GroupSpeed(group, _speed(group, target)))
    return found


def _speed(group: GroupSize, target: CpuTarget) -> float:
    layer = nn.Conv3d(256, 256, 3, padding=1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.weight.normal_(0, 0.02, generator=generator)
        layer.get_parameter("bias").zero_()
    net = nn.Sequential(layer, nn.MaxPool3d(4))
    weight = layer.weight.detach().numpy()
    masks = MaskSet(group, "kgs", {"0.weight": magnitude_mask(weight, group, 1 - KEPT)}, {"0.weight": weight.shape})
    exported = export(net, (torch.zeros(1, 256, 8, 28, 28),), masks=masks)
    if target.name != "host":
        report = analyse(exported, target)
        return report.share["cortex-x1" if target.cpu.startswith("cortex-x") else "neoverse-n1"]
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "x.npy")
        np.save(clip, np.ones((1, 256, 8, 28, 28), np.float32))
        exported.compile(Path(folder, "a"), target="host")
        calls = profile_calls(Path(folder, "a", "module.vmfb"), clip, 12)
    seconds = min(sum(time for kernel, time in call.dispatches if kernel == "layer_0") for call in calls)
    return 2 * exported.report().macs_after / seconds / 1e9
