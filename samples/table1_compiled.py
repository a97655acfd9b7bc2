"""The nets that samples/table1.py kept, compiled for this machine: do they still say the same, and how fast?

    python samples/table1_compiled.py build/table1 --data radar_clips32.npz [--threads N]

Where weights are there, the module and PyTorch are asked about every test clip. All nets are timed, with random weights
where only masks are there, since time depends on masks alone: dense with direct kernels, dense, and pruned in turn.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from demo_prune import ask, medians
from rich.console import Console
from rich.table import Table

import rt3d_mlir
from rt3d_mlir.runtime.module import Module
from rt3d_mlir.sparsity import MaskSet, load_masks
from rt3d_mlir.targets import get_target
from rt3d_mlir.training import ClipData, open_model
from rt3d_mlir.training.data import Transform, load_clips
from rt3d_mlir.training.model import load_checkpoint


@dataclass(frozen=True)
class Compiled:
    """One net: accuracy of the module and share of clips that it classes as PyTorch does; None without weights."""

    name: str
    rate: float
    accuracy: float | None
    same: float | None
    ms: list[float]
    """Dense by direct kernels, dense, pruned."""


def main() -> int:
    """Prints the table; 1 if a module answers otherwise than PyTorch."""
    parser = argparse.ArgumentParser(description="Compile the nets of table 1 for this machine.")
    parser.add_argument("folder", type=Path, help="the -o of table1.py")
    parser.add_argument("--data", type=Path, required=True, help="the .npz it trained on")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True, width=140)
    data = load_clips(args.data, "cpu", Transform.LOG1P)
    nets = []
    for place in sorted((args.folder / "nets").iterdir()):
        with console.status(place.name):
            nets.append(compile_net(place, data, args.width, args.threads))
    show(nets, console)
    console.print(f"one clip, {args.threads} thread{'s' * (args.threads > 1)}; {get_target('host').description}")
    return 0 if all(net.same in (1, None) for net in nets) else 1


def compile_net(place: Path, data: ClipData, width: int, threads: int) -> Compiled:
    """A folder of nets/, called <net>-<sparsity>-<algorithm>-<rate>x-<seed>."""
    model = open_model(f"small_nets:{place.name.split('-')[0]}", len(data.classes), data.shape, width=width)
    weights = place / "weights.safetensors"
    if weights.exists():
        load_checkpoint(model, str(weights))
    model.eval()
    masks, clip = load_masks(place / "masks.safetensors"), np.zeros((1, *data.shape), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        direct, _ = module(model, clip.shape, None, Path(folder, "direct"), threads, winograd=False)
        dense, _ = module(model, clip.shape, None, Path(folder, "dense"), threads)
        pruned, rate = module(model, clip.shape, masks, Path(folder, "pruned"), threads)
        accuracy, same = ask(pruned, model, data) if weights.exists() else (None, None)
        ms = medians(lambda: direct(clip), lambda: dense(clip), lambda: pruned(clip))
    return Compiled(place.name, rate, accuracy, same, ms)


def module(
    model: torch.nn.Module,
    shape: tuple[int, ...],
    masks: MaskSet | None,
    folder: Path,
    threads: int,
    winograd: bool = True,
) -> tuple[Module, float]:
    """The model compiled for this machine, and its MACs rate."""
    exported = rt3d_mlir.export(model, (torch.zeros(shape),), masks=masks, dense=masks is None, winograd=winograd)
    exported.compile(folder, target="host")
    device = "local-sync" if threads == 1 else "local-task"
    return rt3d_mlir.load(folder, device=device, threads=threads), exported.report().rate


def show(nets: list[Compiled], console: Console) -> None:
    """One row a net."""
    table = Table(box=None, pad_edge=False)
    table.add_column("net", no_wrap=True)
    for column in ("MACs rate", "accuracy", "as PyTorch", "direct dense ms", "dense ms", "pruned ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for net in nets:
        shares = ["" if share is None else f"{share:.1%}" for share in (net.accuracy, net.same)]
        table.add_row(net.name, f"{net.rate:.2f}", *shares, *(f"{ms:.2f}" for ms in net.ms))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
