"""python -m fit.volumes: two convs one behind the other, on volumes that fit a cache and on volumes that do not.

What a pair of convs could gain if it were computed slice by slice, so that what is between them stays in a cache, is at
most what a position takes longer in a large volume than in a small one.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

import rt3d_mlir

CHANNELS = 32
SIZES = (32, 64, 128)
ROUNDS = 9


def main() -> None:
    print(f"two convs 3x3x3 of {CHANNELS} channels, one thread: ms, and ns a position and conv")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            calls = {name: _call(size, winograd, Path(folder)) for name, winograd in WAYS.items()}
            times: dict[str, list[float]] = {name: [] for name in calls}
            for _ in range(ROUNDS):
                for name, call in calls.items():
                    started = time.perf_counter()
                    call()
                    times[name].append(time.perf_counter() - started)
            for name, found in times.items():
                median = statistics.median(found[1:])
                print(f"{size:4}^3  {name:10} {1e3 * median:9.1f}  {1e9 * median / 2 / size**3:7.0f}")


WAYS = {"direct": False, "winograd": True}


def _call(size: int, winograd: bool, folder: Path) -> Callable[[], object]:
    """The compiled pair, on one input."""
    torch.manual_seed(0)
    pair = nn.Sequential(
        *(layer for _ in range(2) for layer in (nn.Conv3d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU()))
    )
    clip = torch.randn(1, CHANNELS, size, size, size)
    artifact = folder / f"{size}-{winograd}"
    print(f"{artifact.name}: compiling", file=sys.stderr)
    rt3d_mlir.export(pair.eval(), (clip,), winograd=winograd).compile(artifact)
    module, x = rt3d_mlir.load(artifact, device="local-sync"), np.ascontiguousarray(clip.numpy())
    return lambda: module(x)


if __name__ == "__main__":
    main()
