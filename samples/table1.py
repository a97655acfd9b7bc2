"""The paper's tables 1 and 3 in small: which sparsity and algorithm keep the accuracy, on real clips and small nets.

    python samples/table1.py --data radar_clips32.npz -o build/table1 --minutes 9     # again, until it says all is done
    python samples/table1.py -o build/table1 --table                                  # the tables, as Markdown

Table 1 (RT3D, AAAI 2021): dense, then {filter, vanilla, kgs} x {heuristic, fixed, reweighted} at 2.6x, and KGS at 3.6x.
Table 3: vanilla and KGS, reweighted, at several rates, to read off the rates of equal accuracy. A C3D and an R(2+1)D,
three seeds each. All pruned runs of a net and seed start from the same dense one; all have the same epochs. Filter
sparsity removes single filters (groups of 1x4), the others work on groups of 8x4.

Several worker processes share one GPU, for nets this small leave it idle. A finished run is a line of results.jsonl,
and is not run again with the same settings; so is one whose rate the net cannot reach. Masks of seed 0, reweighted,
stay in nets/, and weights too at the rates of table 1. The clips are counts, and the nets see log(1 + x). `--smoke`
does all kinds of runs for a moment on few clips.
"""

import argparse
import json
import multiprocessing
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from table1_report import COLUMNS, report

from rt3d_mlir.errors import Rt3dError, TrainingError
from rt3d_mlir.pruning import PruneConfig
from rt3d_mlir.sparsity import GroupSize, save_masks, save_weights
from rt3d_mlir.training import Recipe, Trainer, World, open_model
from rt3d_mlir.training.data import ClipArrays, Transform, load_clips
from rt3d_mlir.training.data.clips import KEYS
from rt3d_mlir.training.distributed import find_device
from rt3d_mlir.training.model import load_checkpoint, numpy_weights

NETS = ("c3d", "r2plus1d")
ALGORITHMS = ("heuristic", "fixed", "reweighted")
RATES = (2.6, 3.6, 4.6, 6.0)
DENSE = "dense"


@dataclass(frozen=True)
class Settings:
    """What all runs share."""

    width: int
    dense_epochs: int
    epochs: int
    batch: int
    dense_lr: float
    lr: float
    strength: float
    clips: int
    """To train on; 0 is all."""


@dataclass(frozen=True)
class Run:
    """One net, trained once."""

    net: str
    sparsity: str
    algorithm: str
    rate: float
    seed: int

    @property
    def name(self) -> str:
        """A folder's name for its files."""
        return f"{self.net}-{self.sparsity}-{self.algorithm}-{self.rate:g}x-{self.seed}"


def all_runs(seeds: int) -> list[Run]:
    """Dense ones first, then table 1, then what table 3 needs beside it."""
    runs: dict[Run, None] = {}
    pruned = [(sparsity, algorithm, rate) for sparsity, rate in COLUMNS for algorithm in ALGORITHMS]
    pruned += [(sparsity, "reweighted", rate) for sparsity in ("vanilla", "kgs") for rate in RATES]
    for sparsity, algorithm, rate in [(DENSE, DENSE, 1.0), *pruned]:
        for net in NETS:
            for seed in range(seeds):
                runs[Run(net, sparsity, algorithm, rate, seed)] = None
    return list(runs)


def main() -> int:
    """Runs what is not done yet, or prints the tables."""
    args = parse()
    console = Console(highlight=False, soft_wrap=True)
    results = args.output / "results.jsonl"
    if args.table:
        lines = [json.loads(line) for line in results.read_text().splitlines()]
        console.print(report(lines), markup=False)
        return 0
    settings = Settings(
        args.width, args.dense_epochs, args.epochs, args.batch, args.dense_lr, args.lr, args.strength, args.clips
    )
    (args.output / "dense").mkdir(parents=True, exist_ok=True)
    done = {key(line) for line in read(results) if line["settings"] == asdict(settings)}
    todo = [run for run in all_runs(args.seeds) if key(asdict(run)) not in done]
    console.print(f"{len(done)} runs done, {len(todo)} to do")
    left = work_off(todo, settings, args, results, console)
    console.print("all is done" if not left else f"{left} runs left; run it again")
    return 0


def parse() -> argparse.Namespace:
    """The command line; `--smoke` overrides much of it."""
    parser = argparse.ArgumentParser(description="Tables 1 and 3 of RT3D on small nets.")
    parser.add_argument("--data", type=Path, help="an .npz of uint8 counts, as rt3d-mlir-prune takes it")
    parser.add_argument("-o", dest="output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--table", action="store_true", help="print the tables of what is done")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no run that would not end by then")
    parser.add_argument("--device", default="cuda", help="cuda, cpu; several GPUs: cuda:0,cuda:1 (default: cuda)")
    parser.add_argument("--workers", type=int, default=8, help="processes (default: 8)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, default=16, help="channels of the first layer (default: 16)")
    parser.add_argument("--dense-epochs", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=24, help="of pruning and retraining (default: 24)")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dense-lr", type=float, default=0.02)
    parser.add_argument("--lr", type=float, default=0.005)
    parser.add_argument("--strength", type=float, default=0.04)
    parser.add_argument("--clips", type=int, default=0, help="train on so many only")
    parser.add_argument("--smoke", action="store_true", help="narrow nets, 64 clips, one seed, on the CPU")
    args = parser.parse_args()
    if args.smoke:
        args.device, args.workers, args.seeds, args.clips = "cpu", 1, 1, 64
        args.width, args.dense_epochs, args.epochs = 8, 1, 2
    if args.data is None and not args.table:
        parser.error("--data is missing")
    try:
        args.devices = [] if args.table else [find_device(name) for name in args.device.split(",")]
    except TrainingError as error:
        parser.error(str(error))
    return args


def key(line: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a run the same run, settings aside."""
    return (line["net"], line["sparsity"], line["algorithm"], line["rate"], line["seed"])


def read(path: Path) -> list[dict[str, Any]]:
    """The finished runs; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def work_off(todo: list[Run], settings: Settings, args: argparse.Namespace, results: Path, console: Console) -> int:
    """Runs `todo` in worker processes as long as time allows; returns how many are left."""
    started, longest = time.monotonic(), {DENSE: 0.0, "pruned": 0.0}
    context = multiprocessing.get_context("spawn")
    places = context.Queue()
    for i in range(args.workers):
        places.put(str(args.devices[i % len(args.devices)]))
    running: dict[Future[dict[str, Any]], Run] = {}
    with (
        ProcessPoolExecutor(args.workers, context, start, (places, args.data, settings, args.workers)) as pool,
        results.open("a") as file,
    ):
        while True:
            late = time.monotonic() - started + max(longest.values()) * 1.1 > 60 * args.minutes
            for run in [] if late else startable(todo, running, args.workers, args.output):
                todo.remove(run)
                running[pool.submit(work, run, settings, args.output)] = run
            if not running:
                return len(todo)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                run, line = running.pop(future), future.result()
                kind = DENSE if run.sparsity == DENSE else "pruned"
                longest[kind] = max(longest[kind], line["seconds"])
                file.write(json.dumps(line) + "\n")
                file.flush()
                said = line["error"] or f"{line['accuracy']:.1%} at {line['reached']:.2f}x, {line['seconds']:.1f} s"
                console.print(f"{time.monotonic() - started:5.0f} s  {run.name:36} {said}; {len(todo)} to start")


def startable(todo: list[Run], running: dict[Future[dict[str, Any]], Run], workers: int, folder: Path) -> list[Run]:
    """As many runs as workers are idle, of those whose dense net is there."""
    ready = [run for run in todo if run.sparsity == DENSE or dense_path(folder, run).exists()]
    return ready[: workers - len(running)]


def dense_path(folder: Path, run: Run) -> Path:
    """The weights of the dense net that `run` is, or starts from."""
    return folder / "dense" / f"{run.net}-{run.seed}.safetensors"


# What follows runs in the workers.

_data: ClipArrays
_device: torch.device


def start(places: Any, path: Path, settings: Settings, workers: int) -> None:
    """Loads the clips once a process."""
    global _data, _device
    _device = torch.device(places.get())
    if _device.type == "cuda":
        torch.cuda.set_device(_device)
    torch.set_num_threads(max(1, multiprocessing.cpu_count() // workers))
    _data = load_clips(path, _device, Transform.LOG1P) if not settings.clips else a_few(path, settings.clips)


def a_few(path: Path, count: int) -> ClipArrays:
    """`count` clips to train on and as many to test, drawn at random."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in KEYS}
    for part in ("train", "test"):
        chosen = np.random.default_rng(0).permutation(len(arrays[f"y_{part}"]))[:count]
        arrays |= {f"{kind}_{part}": arrays[f"{kind}_{part}"][chosen] for kind in "xy"}
    return ClipArrays(path.name, arrays, _device, Transform.LOG1P)


def work(run: Run, settings: Settings, folder: Path) -> dict[str, Any]:
    """One run; its line of the results. What the net cannot do is a result too."""
    started = time.monotonic()
    line: dict[str, Any] = {"accuracy": None, "hard_pruned": None, "reached": None, "error": ""}
    try:
        line |= train_dense(run, settings, folder) if run.sparsity == DENSE else prune(run, settings, folder)
    except Rt3dError as error:
        line["error"] = str(error)
    return {**asdict(run), **line, "seconds": time.monotonic() - started, "settings": asdict(settings)}


def train_dense(run: Run, settings: Settings, folder: Path) -> dict[str, Any]:
    """From random weights to those that the pruned runs start from."""
    model = small_net(run, settings)
    recipe = Recipe(0, settings.dense_epochs, settings.batch, dense_lr=settings.dense_lr, seed=run.seed)
    trainer = Trainer(model, _data, recipe, world=World(_device))
    trainer.train()
    save_weights(dense_path(folder, run), numpy_weights(model))
    return {"accuracy": trainer.accuracy["final"], "reached": 1.0}


def prune(run: Run, settings: Settings, folder: Path) -> dict[str, Any]:
    """From the dense weights to the pruned net's."""
    model = small_net(run, settings)
    load_checkpoint(model, str(dense_path(folder, run)))
    recipe = Recipe(settings.epochs, 0, settings.batch, settings.lr, seed=run.seed)
    trainer = Trainer(model, _data, recipe, prune_config(run, settings), World(_device))
    trainer.train()
    assert trainer.pruner is not None
    assert trainer.pruner.masks is not None
    if run.seed == 0 and run.algorithm == "reweighted":
        place = folder / "nets" / run.name
        place.mkdir(parents=True, exist_ok=True)
        save_masks(place / "masks.safetensors", trainer.pruner.masks)
        if (run.sparsity, run.rate) in COLUMNS:
            save_weights(place / "weights.safetensors", numpy_weights(model))
    return {
        "accuracy": trainer.accuracy["final"],
        "hard_pruned": trainer.accuracy["hard_pruned"],
        "reached": trainer.pruner.report().rate_reached,
    }


def small_net(run: Run, settings: Settings) -> torch.nn.Module:
    """With random weights of the run's seed."""
    return open_model(f"small_nets:{run.net}", len(_data.classes), _data.shape, run.seed, settings.width)


def prune_config(run: Run, settings: Settings) -> PruneConfig:
    """Single filters for filter sparsity, as in the paper; groups of 8x4 for the others."""
    group = GroupSize(1, 4) if run.sparsity == "filter" else GroupSize(8, 4)
    return PruneConfig(run.sparsity, group, run.algorithm, run.rate, strength=settings.strength)


if __name__ == "__main__":
    sys.exit(main())
