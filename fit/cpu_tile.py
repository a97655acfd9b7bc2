"""python -m fit.cpu_tile [--time] [--fit]: register tiles of C3D's convs, timed and by passes/cost/cpu_tile.py.

Every layer of dense and pruned C3D gets the tiles that the model ranks first, and some that it ranks lower. A model
that is judged by its favourites alone looks better than it is.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from fit import cpus
from fit.convs import packed_convs
from fit.cpus import kernel_times
from fit.judge import Sample, read, show, write
from rt3d_mlir.compile.exported import Exported, export_config
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.cost import cpu_tile
from rt3d_mlir.passes.cost.cpu_tile import DirectConv, tile_cycles, timed_tiles
from rt3d_mlir.passes.cpu.conv_kernel import ConvKernel
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.passes.schedule.plan import plan_conv
from rt3d_mlir.targets import CpuTarget, get_target

NAME = "cpu_tile"
#: Places in the model's ranking, from the first; of a layer with fewer tiles the last ones fall away.
RANKS = (0, 1, 2, 4, 8, 16)


def numbers(target: CpuTarget) -> dict[str, float]:
    core = target.core
    return {"fmas": core.fmas, "loads": core.loads, "chain": core.chain, "overhead": cpu_tile.OVERHEAD}


def model(tried: Mapping[str, float], facts: tuple[DirectConv, tuple[int, int], int], target: CpuTarget) -> float:
    """Cycles of all taps of all rows, with other numbers than the code's."""
    core = replace(target.core, **{name: tried[name] for name in ("fmas", "loads", "chain")})
    conv, tile, taps = facts
    extra = tried["overhead"] - cpu_tile.OVERHEAD
    bare = replace(core, fmas=1e9, loads=1e9, chain=0)  # what is left is the overhead of all tiles
    overhead = tile_cycles(conv, tile, replace(target, core=bare)) / cpu_tile.OVERHEAD
    return taps * (tile_cycles(conv, tile, replace(target, core=core)) + extra * overhead)


def samples(data: Mapping[str, Any]) -> list[Sample]:
    found = []
    for layer in data["layers"]:
        halo = Halo(**{name: tuple(extents) for name, extents in layer["conv"]["halo"].items()})
        facts = {key: tuple(value) if isinstance(value, list) else value for key, value in layer["conv"].items()}
        conv = DirectConv(**{**facts, "halo": halo})
        for tile, ms in layer["ms"].items():
            rows, columns = map(int, tile.split("x"))
            found.append(Sample(layer["layer"], ms, (conv, (rows, columns), layer["taps"])))
    return found


def kernels(exported: Exported, target: CpuTarget) -> dict[str, ConvKernel]:
    """The kernel of each packed conv, by layer."""
    with packed_convs(exported, target) as (convs, state):
        plans = {conv.layer: plan_conv(conv, state, target) for conv in convs}
    return {layer: plan.kernel for layer, plan in plans.items() if plan is not None}


def time_layers() -> list[dict[str, Any]]:
    """Each conv's facts, and milliseconds by tile, on this machine."""
    target = replace(get_target("host"), tiles={})
    found: list[dict[str, Any]] = []
    for config in ("dense", "c3d-3.57x"):
        exported = export_config("c3d", config, target, winograd=False)
        convs = {layer: kernel for layer, kernel in kernels(exported, target).items() if kernel.rows > 1}
        ranked = {layer: timed_tiles(kernel.direct, target) for layer, kernel in convs.items()}
        times: dict[str, dict[str, float]] = {layer: {} for layer in convs}
        for rank in RANKS:
            print(f"{config}, tiles of rank {rank}", file=sys.stderr)
            chosen = {layer: tiles[min(rank, len(tiles) - 1)][1] for layer, tiles in ranked.items()}
            table = {convs[layer].tile_key: tile for layer, tile in chosen.items()}
            tried = replace(target, tiles=table)
            by_kernel = kernel_times(exported, exported.pipeline(tried), tried)
            for layer, (rows, columns) in chosen.items():
                if symbol_of(layer) in by_kernel:  # a kernel with the code of another one has no time of its own
                    times[layer][f"{rows}x{columns}"] = round(by_kernel[symbol_of(layer)], 3)
        found += [
            {
                "layer": f"{layer}, {config}",
                "conv": asdict(convs[layer].direct),
                "taps": int(convs[layer].taps.starts[-1]),
                "ms": ms,
            }
            for layer, ms in times.items()
            if ms
        ]
    return found


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m fit.cpu_tile")
    parser.add_argument("--time", action="store_true", help="time the tiles again on this machine, in five minutes")
    parser.add_argument("--fit", action="store_true", help="look for better numbers")
    args = parser.parse_args(argv)
    if args.time:
        write(NAME, {**cpus.here(["python", "-m", "fit.cpu_tile", *argv]), "layers": time_layers()})
    data = read(NAME)
    target, timed = cpus.x86(data["vector_bits"]), samples(data)
    ours = numbers(target)
    show(ours, timed, lambda tried, facts: model(tried, facts, target), args.fit)


if __name__ == "__main__":
    main(sys.argv[1:])
