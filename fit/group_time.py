"""python -m fit.group_time [--time]: kernel groups of a conv, timed and by the model (passes/cost/group_time.py).

The model has no numbers of its own but GAIN: it is the model of the register tile, asked for groups of other sizes.
GAIN has to be at least as far from 1 as its times are off.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from fit import cpus
from fit.judge import Sample, judge, read, write
from rt3d_mlir.passes.cost.cpu_tile import DirectConv, timed_tiles
from rt3d_mlir.passes.cost.group_time import GAIN
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.targets import CpuTarget, get_target
from rt3d_mlir.tune.group_sweep import sweep_groups

NAME = "group_time"
SIZE = (8, 28, 28)


def cycles(filters: int, target: CpuTarget) -> float:
    """Of a multiplication of a padded 3x3x3 conv, packed in groups of `filters` x 4."""
    full = (SIZE[0] + 2, SIZE[1] + 2)
    conv = DirectConv(filters, 4, SIZE, Halo((1, 1), (SIZE[0], SIZE[1]), full), (3, 3))
    return timed_tiles(conv, target)[0][0] / filters


def samples(data: Mapping[str, Any]) -> list[Sample]:
    """Of groups of 4 channels, which are a channel block: time a multiplication, in any unit."""
    sizes = {group: tuple(map(int, group.split("x"))) for group in data["gflops"]}
    return [
        Sample("conv", 1 / speed, sizes[group][0]) for group, speed in data["gflops"].items() if sizes[group][1] == 4
    ]


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m fit.group_time")
    parser.add_argument("--time", action="store_true", help="time the groups again on this machine, in two minutes")
    if parser.parse_args(argv).time:
        found = sweep_groups(get_target("host"), lambda what: print(what, file=sys.stderr))
        gflops = {str(each.group): round(each.speed, 1) for each in found}
        write(NAME, {**cpus.here(["python", "-m", "fit.group_time", *argv]), "gflops": gflops})
    data = read(NAME)
    target, timed = cpus.x86(data["vector_bits"]), samples(data)
    fastest = min(timed, key=lambda sample: sample.ms)
    for sample in timed:
        by_model = cycles(sample.facts, target) / cycles(fastest.facts, target)
        print(f"{sample.facts:3}x4 takes {sample.ms / fastest.ms:.2f} times as long, {by_model:.2f} by the model")
    print(f"{judge(timed, lambda filters: cycles(filters, target))}; GAIN allows for {1 / GAIN - 1:.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
