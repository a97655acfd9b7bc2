"""Pruning, end to end: a small C3D learns to tell motions apart, loses most of its MACs, and is compiled twice.

    python samples/demo_prune.py [--rate 2.6] [--epochs 8] [--clips 1000] [--threads N] [-o DIR]

The clips are the synthetic set's: moving shapes, made here. Dense training and pruning get the same number of epochs,
far fewer than is usual, with learning rate and penalty raised to match. Both nets are compiled for this machine and
answer every test clip.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from small_nets import BatchNormC3D

import rt3d_mlir
from rt3d_mlir.pruning import PruneConfig
from rt3d_mlir.runtime.module import Module
from rt3d_mlir.sparsity import MaskSet
from rt3d_mlir.targets import get_target
from rt3d_mlir.training import ClipData, Recipe, Trainer
from rt3d_mlir.training.data import moving_shapes, split_batches
from rt3d_mlir.training.progress import Progress

ROUNDS = 50


@dataclass(frozen=True)
class Compiled:
    """What a compiled net did with the test clips, and how long one clip took it and PyTorch."""

    name: str
    rate: float
    accuracy: float
    same: float
    """Share of test clips on which PyTorch says the same class."""
    ms: float
    torch_ms: float


def main() -> int:
    """Trains, prunes, compiles, prints the table; 1 if a compiled net answers otherwise than PyTorch."""
    parser = argparse.ArgumentParser(description="Train a small C3D, prune it, and compile both.")
    parser.add_argument("--rate", type=float, default=2.6, help="dense MACs / MACs left (default: 2.6)")
    parser.add_argument("--epochs", type=int, default=8, help="of dense training, and of pruning (default: 8)")
    parser.add_argument("--clips", type=int, default=1000, help="to train on (default: 1000)")
    parser.add_argument("--width", type=int, default=16, help="channels of conv1 (default: 16)")
    parser.add_argument("--threads", type=int, default=1, help="of what is timed (default: 1)")
    parser.add_argument("-o", dest="output", type=Path, help="keep the compiled nets here")
    args = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    data = moving_shapes(train=args.clips)
    torch.manual_seed(0)
    model = BatchNormC3D(len(data.classes), args.width, data.shape[1:])
    console.print(f"{data.train_size} clips to train on, {data.test_size} to test; moving {', '.join(data.classes)}")
    with Progress(console, args.epochs) as progress:
        Trainer(model, data, Recipe(0, args.epochs, dense_lr=0.02), observer=progress).train()
    with tempfile.TemporaryDirectory() as folder:
        output = args.output or Path(folder)
        dense = compile_and_run("dense", model, None, data, output, args.threads)
        config = PruneConfig(rate=args.rate, group=get_target("host").group, strength=0.05)
        with Progress(console, args.epochs) as progress:
            trainer = Trainer(model, data, Recipe(args.epochs, lr=0.005), config, observer=progress)
            trainer.train()
        assert trainer.pruner is not None
        pruned = compile_and_run("pruned", model, trainer.pruner.masks, data, output, args.threads)
    show(dense, pruned, args.threads, console)
    return 0 if min(dense.same, pruned.same) == 1 else 1


def compile_and_run(
    name: str, model: torch.nn.Module, masks: MaskSet | None, data: ClipData, folder: Path, threads: int
) -> Compiled:
    """Compiles the model for this machine, and asks the module and PyTorch about every test clip."""
    clip = torch.zeros(1, *data.shape)
    exported = rt3d_mlir.export(model, (clip,), masks=masks, dense=masks is None)
    exported.compile(folder / name, target="host", force=True)
    module = rt3d_mlir.load(folder / name, device="local-sync" if threads == 1 else "local-task", threads=threads)
    accuracy, same = ask(module, model, data)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    with torch.no_grad():
        ms, torch_ms = medians(lambda: module(clip.numpy()), lambda: model(clip))
    torch.set_num_threads(before)
    return Compiled(name, exported.report().rate, accuracy, same, ms, torch_ms)


def ask(module: Module, model: torch.nn.Module, data: ClipData) -> tuple[float, float]:
    """Accuracy of the module on the test clips, and the share on which PyTorch says the same class."""
    answers, wanted, labels = [], [], []
    with torch.no_grad():
        for clips, batch_labels in data.test_batches(split_batches(data.test_size, 32)):
            wanted += model(clips).argmax(1).tolist()
            answers += [int(np.argmax(module(one[None].numpy()))) for one in clips]
            labels += batch_labels.tolist()
    return float(np.mean(np.equal(answers, labels))), float(np.mean(np.equal(answers, wanted)))


def medians(*runs: Callable[[], object]) -> list[float]:
    """Milliseconds of each, taken in turn."""
    times = np.empty((ROUNDS, len(runs)))
    for i in range(-3, ROUNDS):  # three rounds to warm up
        for j, run in enumerate(runs):
            started = time.perf_counter()
            run()
            times[max(i, 0), j] = 1e3 * (time.perf_counter() - started)
    return np.median(times, axis=0).tolist()


def show(dense: Compiled, pruned: Compiled, threads: int, console: Console) -> None:
    """The table, and what it says in one line."""
    table = Table(box=None, pad_edge=False)
    table.add_column("net", no_wrap=True)
    for column in ("MACs", "test accuracy", "as PyTorch", "ms", "PyTorch ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for net in (dense, pruned):
        table.add_row(
            net.name,
            f"{net.rate:.2f}x fewer" if net is pruned else "all",
            f"{net.accuracy:.1%}",
            f"{net.same:.1%}",
            f"{net.ms:.2f}",
            f"{net.torch_ms:.2f}",
        )
    console.print(table)
    console.print(
        f"pruned over dense, both compiled: {dense.ms / pruned.ms:.2f}x faster, {pruned.rate:.2f}x fewer MACs, "
        f"{100 * (pruned.accuracy - dense.accuracy):+.1f} points of accuracy"
    )
    console.print(f"one clip, {threads} thread{'s' * (threads > 1)}; {get_target('host').description}")


if __name__ == "__main__":
    sys.exit(main())
