"""Register tiles by measurement: which of the tiles that the model of the core ranks first is really the fastest.

All layers of a network are tried at once: in round k each has the k-th tile of its own ranking. A round is one
compile and one profile, and each layer keeps the tile of its best round. On `host` kernels are timed with IREE's
profiler; for aarch64 their time is the static analysis's cycles.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.bench.profiler import Call, profile_calls
from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.errors import TargetError
from rt3d_mlir.ir_io.mlir_io import write_bytecode
from rt3d_mlir.iree.command import iree_compile
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.pipeline import run_pipeline
from rt3d_mlir.static import analyse
from rt3d_mlir.static.work import equal_kernels
from rt3d_mlir.targets import CpuTarget

Tile = tuple[int, int]
#: A tile enters the table where it is this much faster than the model's choice; below is noise.
WORTH = 0.03


@dataclass(frozen=True)
class Tuned:
    """A kind of layer: time of the model's tile and of the best one, in ms (host) or mega-cycles (aarch64)."""

    key: str
    layers: tuple[str, ...]
    model: Tile
    model_time: float
    best: Tile
    best_time: float

    @property
    def worth_it(self) -> bool:
        return self.best_time < (1 - WORTH) * self.model_time


def tune(
    exported: Sequence[Exported],
    target: CpuTarget,
    rounds: int = 6,
    progress: Callable[[str], None] = lambda _what: None,
) -> list[Tuned]:
    """Tries `rounds` tiles for each layer of the exported models. Raises TargetError, CompileError.

    Without a layer that has a tile, as a net of depthwise convs, there is nothing to try.
    """
    if target.name != "host" and not target.triple.startswith("aarch64"):
        raise TargetError(f"{target.name} can be timed neither here nor by the static analysis")
    plain = replace(target, tiles={})
    found: dict[str, dict[Tile, float]] = {}
    layers: dict[str, set[str]] = {}
    choices: dict[str, list[Tile]] = {}
    for number, model in enumerate(exported, 1):
        net = f"{model.source.name}, net {number} of {len(exported)}"
        progress(f"{net}: ranking tiles")
        ranked = _ranked(model, plain)
        ends = min(rounds, max((len(tiles) for _, tiles in ranked.values()), default=0))
        for round_ in range(ends):
            progress(f"{net}: tile {round_ + 1} of {ends} of each layer")
            table = {key: tiles[min(round_, len(tiles) - 1)] for key, tiles in ranked.values()}
            times = _times(model, replace(plain, tiles=table))
            for layer, (key, tiles) in ranked.items():
                layers.setdefault(key, set()).add(layer)
                choices[key] = tiles
                at = found.setdefault(key, {})
                at[table[key]] = min(at.get(table[key], np.inf), times[layer])
    return [
        Tuned(
            key=key,
            layers=tuple(sorted(layers[key])),
            model=choices[key][0],
            model_time=times[choices[key][0]],
            best=min(times, key=times.__getitem__),
            best_time=min(times.values()),
        )
        for key, times in found.items()
    ]


def to_json(tuned: Sequence[Tuned], target: CpuTarget, old: Mapping[str, Tile]) -> str:
    """The table of a preset: the tiles that are worth it, and the `old` ones of kinds that were not tuned."""
    tiles = {key: tile for key, tile in old.items() if key not in {each.key for each in tuned}}
    tiles |= {each.key: each.best for each in tuned if each.worth_it}
    return json.dumps({"cpu": target.cpu, "tiles": tiles}, indent=1, sort_keys=True) + "\n"


@contextmanager
def _scheduled(exported: Exported, target: CpuTarget) -> Iterator[tuple[ir.Module, State]]:
    """The scheduled module, inside its context."""
    with ir.Context(), ir.Location.unknown():
        module, table = exported.floor1.parse()
        state = State(table)
        run_pipeline(module, exported.pipeline(target), state)
        yield module, state


def _ranked(exported: Exported, target: CpuTarget) -> dict[str, tuple[str, list[Tile]]]:
    with _scheduled(exported, target) as (_module, state):
        return state.tiles


def _times(exported: Exported, target: CpuTarget) -> dict[str, float]:
    """Time of each conv by layer name: ms on the host, projected mega-cycles for aarch64."""
    if target.name != "host":
        report = analyse(exported, target)
        core = "cortex-x1" if target.cpu.startswith("cortex-x") else "neoverse-n1"
        return {row.layer: row.taps * row.cycles[core] / 1e6 for row in report.rows}
    with tempfile.TemporaryDirectory() as folder:
        source, vmfb, clip = (Path(folder, name) for name in ("m.mlirbc", "m.vmfb", "x.npy"))
        np.save(clip, exported.source.draw_inputs(np.random.default_rng(0))[0])
        with _scheduled(exported, target) as (module, state):
            names, equal = list(state.tiles), equal_kernels(module)
            write_bytecode(module, state.weights, source)
        iree_compile(source, vmfb, target.iree_flags)
        calls = profile_calls(vmfb, clip, 12)
    symbols = {name: symbol_of(name) for name in names}
    return {
        name: 1e3 * min(_mean(call, equal.get(symbol, [symbol])) for call in calls) for name, symbol in symbols.items()
    }


def _mean(call: Call, kernels: Sequence[str]) -> float:
    """Seconds of a layer whose kernel others of the same code share: they all run under one of the names."""
    return sum(seconds for kernel, seconds in call.dispatches if kernel in kernels) / len(kernels)
