"""python -m fit.gpu [--fit]: tiles of GPU convs, timed and by the models.

The models are passes/cost/gpu_tile.py, for threads that wait for the workgroup and for subgroups of their own, and
passes/cost/gpu_matrix_tile.py. `prepare DIR` compiles what `python -m rt3d_mlir.bench.gpu DIR` times where the GPU
is, and `read DIR` takes its answer into fit/data. The weights of a layer are one number and its negative, in turn by
channel: the folder packs well, and no sum overflows.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from fit.convs import packed_convs
from fit.judge import Sample, read, show, write
from rt3d_mlir.compile.artifact_writer import write_artifact
from rt3d_mlir.compile.exported import Exported, export_source
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.passes.cost.gpu_matrix_tile import MATRIX, MatrixCosts, MatrixTile, matrix_cycles, matrix_tiles
from rt3d_mlir.passes.cost.gpu_tile import IN_STEP, TOGETHER, ConvShape, Costs, GpuTile, model_cycles, tiles
from rt3d_mlir.passes.gpu import conv as gpu_conv
from rt3d_mlir.passes.gpu import matrix_conv as gpu_matrix_conv
from rt3d_mlir.passes.gpu.conv import GpuConvKernel
from rt3d_mlir.passes.gpu.matrix_conv import GpuMatrixKernel
from rt3d_mlir.passes.ops.epilogue import epilogue_after
from rt3d_mlir.passes.schedule.destination import destination
from rt3d_mlir.passes.schedule.gpu_choice import conv_kernel
from rt3d_mlir.sparsity import load_config, masks_for
from rt3d_mlir.targets import GpuTarget, get_gpu_target

NETS = (("r2plus1d_18", "r2plus1d-3.23x"), ("s3d", "s3d-2.10x"))
#: Places in the models' rankings, from the first.
RANKS = (0, 1, 2, 4, 8, 16, 32)
TILES = "tiles.json"


@dataclass(frozen=True)
class Model:
    """One of the three: its numbers, and cycles of a tile by others."""

    costs: Costs | MatrixCosts
    dtype: str
    in_step: bool
    tile: type[GpuTile] | type[MatrixTile]
    cycles: Callable[..., float]

    @property
    def target(self) -> GpuTarget:
        return replace(get_gpu_target("vulkan-nvidia"), in_step=self.in_step)

    def time(self, numbers: Mapping[str, float], facts: Mapping[str, Any]) -> float:
        shape, tile = ConvShape(**facts["shape"]), self.tile(**facts["tile"])
        return self.cycles(shape, tile, self.target, type(self.costs)(**numbers))  # type: ignore[arg-type]


MODELS = {
    "gpu_tile_in_step": Model(IN_STEP, "f32", True, GpuTile, model_cycles),
    "gpu_tile_together": Model(TOGETHER, "f32", False, GpuTile, model_cycles),
    "gpu_matrix_tile": Model(MATRIX, "f16", True, MatrixTile, matrix_cycles),
}


def prepare(folder: Path, nets: Sequence[tuple[str, str]] = NETS, ranks: Sequence[int] = RANKS) -> None:
    """An artifact for each model, net and rank, all convs with the tile of that rank; `tiles.json` says which."""
    for name, model in MODELS.items():
        for net, config in nets:
            exported = _exported(net, config, model)
            for rank in ranks:
                artifact = folder / f"{name}-{net}-{rank}"
                print(artifact, file=sys.stderr)
                with _rank(rank):
                    write_artifact(exported.job(model.target), artifact, force=True)
                    chosen = chosen_tiles(exported, model)
                (artifact / TILES).write_text(json.dumps(chosen, indent=1) + "\n")


def _exported(net: str, config: str, model: Model) -> Exported:
    source = open_source(net)
    parameters = source.parameters
    group = model.target.group_of(model.dtype)
    masks = masks_for(load_config(config), parameters, group, transposed=source.transposed)
    layers = {name: array for name, array in parameters.items() if array.ndim > 1}
    weights = {name: _in_turn(array) for name, array in layers.items()}
    return export_source(source, masks, weights=weights, dtype=model.dtype)


def _in_turn(weights: np.ndarray) -> np.ndarray:
    signs = np.where(np.arange(weights.shape[1]) % 2, -1, 1).reshape(1, -1, *[1] * (weights.ndim - 2))
    return (signs * np.abs(weights).mean() * np.ones_like(weights)).astype(np.float32)


@contextmanager
def _rank(rank: int) -> Iterator[None]:
    """Within it all convs have the tile of that rank, or the last one that there is."""

    def plain(shape: ConvShape, target: GpuTarget) -> GpuTile:
        ranked = sorted(tiles(shape, target), key=lambda tile: model_cycles(shape, tile, target))
        return ranked[min(rank, len(ranked) - 1)]

    def matrix(shape: ConvShape, target: GpuTarget) -> MatrixTile:
        ranked = sorted(matrix_tiles(shape, target), key=lambda tile: matrix_cycles(shape, tile, target))
        return ranked[min(rank, len(ranked) - 1)]

    with patch.object(gpu_conv, "choose_tile", plain), patch.object(gpu_matrix_conv, "choose_matrix_tile", matrix):
        yield


def chosen_tiles(exported: Exported, model: Model) -> dict[str, dict[str, Any]]:
    """`shape` and `tile` of each conv that the model is asked for, by layer."""
    found: dict[str, dict[str, Any]] = {}
    target = model.target
    with packed_convs(exported, target) as (convs, state):
        for conv in convs:
            constants = conv.constants(state.weights)
            if constants is None:
                continue
            epilogue = epilogue_after(conv.op.results[0], state)
            out = destination(epilogue.result if epilogue else conv.op.results[0], target.offset_alignment).out
            kernel = conv_kernel(conv, constants[0], out, target)
            tile = _tile(kernel)
            if isinstance(kernel, GpuConvKernel) and isinstance(tile, model.tile):
                found[conv.layer] = {"shape": asdict(kernel.shape), "tile": asdict(tile)}
    return found


def _tile(kernel: object) -> object:
    if isinstance(kernel, GpuMatrixKernel):
        return kernel.matrix_tile
    return kernel.tile if isinstance(kernel, GpuConvKernel) else None


def read_times(folder: Path) -> None:
    """What `rt3d_mlir.bench.gpu` wrote into `gpu.json`, next to the tiles of each artifact, into fit/data."""
    measured = json.loads((folder / "gpu.json").read_text())
    for name in MODELS:
        kernels = []
        for row in measured["rows"]:
            if row["case"].startswith(f"{name}-"):
                tiled = json.loads((folder / row["case"] / TILES).read_text())
                net = row["case"].removeprefix(f"{name}-").rpartition("-")[0]
                kernels += [
                    {"layer": f"{net}, {timed['layer']}", "ms": timed["kernel"]["ms"], **tiled[timed["layer"]]}
                    for timed in row["kernels"]
                    if timed["layer"] in tiled
                ]
        if kernels:
            where = {"machine": measured["device"]["name"], "date": measured["machine"]["date"]}
            write(name, {**where, "command": measured["machine"]["command"], "kernels": kernels})


def show_model(name: str, better: bool) -> None:
    model = MODELS[name]
    ours = {key: float(number) for key, number in asdict(model.costs).items()}
    timed = [
        Sample(kernel["layer"], kernel["ms"], {"shape": kernel["shape"], "tile": kernel["tile"]})
        for kernel in read(name)["kernels"]
    ]
    print(name)
    show(ours, timed, model.time, better)


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m fit.gpu", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("prepare", "read"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--fit", action="store_true", help="look for better numbers")
    args = parser.parse_args(argv)
    if args.what and args.folder is None:
        parser.error(f"{args.what} needs a folder")
    if args.what == "prepare":
        prepare(args.folder)
        return
    if args.what == "read":
        read_times(args.folder)
    for name in MODELS:
        show_model(name, args.fit)


if __name__ == "__main__":
    main(sys.argv[1:])
