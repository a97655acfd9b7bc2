"""python -m fit.winograd [--time] [--fit]: dense C3D's convs, direct and by Winograd, timed and by the model.

A layer's choices are the direct conv and Winograd's tiles of 2x2 and 4x4 (passes/cost/winograd.py); what a layer pools
is in its time. WORTH and LARGER_WORTH are no times: they say what memory and larger weights have to be worth.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fit import cpus
from fit.cpus import kernel_times
from fit.judge import Sample, read, show, write
from rt3d_mlir.compile.exported import export_config
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.cost.winograd import DIRECT_PEAK, Shape, direct_cycles, plan_tile
from rt3d_mlir.passes.floor2.winograd import Winograd
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.targets import CpuTarget, get_target

NAME = "winograd"
#: Filters, channels and output (D, H, W) of C3D's convs; conv1 has too few channels, and conv5b is conv5a again.
LAYERS = {
    "conv2": (128, 64, (16, 56, 56)),
    "conv3a": (256, 128, (8, 28, 28)),
    "conv3b": (256, 256, (8, 28, 28)),
    "conv4a": (512, 256, (4, 14, 14)),
    "conv4b": (512, 512, (4, 14, 14)),
    "conv5a": (512, 512, (2, 7, 7)),
}


def shape_of(layer: str, target: CpuTarget) -> Shape:
    filters, channels, size = LAYERS[layer]
    depth, height, _ = size
    halo = Halo((1, 1), (depth, height), (depth + 2, height + 2))
    inside = halo.share(0, depth, 3), halo.share(1, height, 3)
    return Shape(filters, channels, channels, target.group.n, 3, size, 1, depth, inside)


def samples(data: Mapping[str, Any]) -> list[Sample]:
    """Choices are "direct", "2" and "4"."""
    return [Sample(layer, ms, (layer, choice)) for layer, times in data["ms"].items() for choice, ms in times.items()]


def numbers(target: CpuTarget) -> dict[str, float]:
    return {"weights": target.core.weights, "activations": target.core.activations, "direct_peak": DIRECT_PEAK}


def model(tried: Mapping[str, float], facts: tuple[str, str], target: CpuTarget) -> float:
    """Cycles of a layer by one of its choices."""
    layer, choice = facts
    core = replace(target.core, weights=tried["weights"], activations=tried["activations"])
    target = replace(target, core=core)
    shape = shape_of(layer, target)
    if choice == "direct":
        read = 4 * shape.filters * shape.live * shape.kernel_depth * 9 / core.weights
        return (direct_cycles(shape, target) - read) * DIRECT_PEAK / tried["direct_peak"] + read
    plan = plan_tile(shape, target, int(choice))
    assert plan is not None
    return plan.cycles


def time_layers() -> dict[str, dict[str, float]]:
    """Milliseconds of each layer by each of its choices, on this machine."""
    target = get_target("host")
    found: dict[str, dict[str, float]] = {layer: {} for layer in LAYERS}
    for choice in ("direct", "2", "4"):
        print(f"dense C3D, {choice}", file=sys.stderr)
        exported = export_config("c3d", "dense", target, winograd=False)
        passes = exported.pipeline(target)
        if choice != "direct":
            at = [step.name for step in passes].index("schedule-cpu")
            passes.insert(at, Winograd(target, int(choice)))
        times = kernel_times(exported, passes, target)
        for layer in LAYERS:
            steps = (symbol_of(layer + step) for step in ("", "_winograd_input", "_winograd_output"))
            found[layer][choice] = round(sum(times.get(step, 0.0) for step in steps), 2)
    return found


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m fit.winograd")
    parser.add_argument("--time", action="store_true", help="time the layers again on this machine, in five minutes")
    parser.add_argument("--fit", action="store_true", help="look for better numbers")
    args = parser.parse_args(argv)
    if args.time:
        write(NAME, {**cpus.here(["python", "-m", "fit.winograd", *argv]), "ms": time_layers()})
    data = read(NAME)
    target, timed = cpus.x86(data["vector_bits"]), samples(data)
    ours = numbers(target)
    for layer, times in data["ms"].items():
        direct = model(ours, (layer, "direct"), target)
        for choice, ms in times.items():
            by_model = model(ours, (layer, choice), target) / direct
            timed_share = ms / times["direct"]
            print(
                f"{layer:7} {choice:7} {ms:6.1f} ms, {timed_share:.2f} of the direct conv, {by_model:.2f} by the model"
            )
    show(ours, timed, lambda tried, facts: model(tried, facts, target), args.fit)


if __name__ == "__main__":
    main(sys.argv[1:])
