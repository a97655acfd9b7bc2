"""rt3d_mlir.tune: layers keep their fastest tile, the table is what presets read, and the model's choice else."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import rt3d_mlir
from rt3d_mlir import models, targets, tune
from rt3d_mlir.exported import Exported
from rt3d_mlir.passes.blocked import Blocked
from rt3d_mlir.passes.cpu_conv import ConvKernel
from rt3d_mlir.passes.cpu_taps import TapLayout
from rt3d_mlir.passes.cpu_tile import Halo, timed_tiles
from rt3d_mlir.targets import Target, get_target

OUT = Blocked(1, 8, (4, 14, 14), (8, 4, 14, 14), (0, 0, 0, 0), 4)
SOURCE = Blocked(1, 2, (6, 16, 16), (2, 6, 16, 16), (0, 0, 0, 0), 4)
HALO = Halo((1, 1), (4, 14), (6, 16))
TAPS = TapLayout(
    weights=np.zeros((4, 4, 8), np.float32),
    taps=np.zeros((4, 4), np.int32),
    starts=np.arange(5, dtype=np.int32),
    channels=(0, 1, 2, 3),
    kernel=(1, 1),
    rows=4,
    width=4,
)


@pytest.fixture(scope="module")
def exported() -> Exported:
    net = models.build("c3d", width=4, num_classes=5, clip=(16, 16, 16))
    return rt3d_mlir.export(net, (torch.zeros(1, 3, 16, 16, 16),), dense=True)


def _faster_with_narrow_tiles(exported: Exported, target: Target) -> dict[str, float]:
    """A core on which a tile's time is its columns: it likes what the model likes least."""
    with tune._scheduled(exported, target) as (_module, state):
        return {layer: float((target.tiles.get(key) or tiles[0])[1]) for layer, (key, tiles) in state.tiles.items()}


def test_the_fastest_tile_of_each_kind_is_found(exported: Exported, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(tune, "_times", _faster_with_narrow_tiles)
    target = get_target("cortex-a76")
    tuned = {each.layers: each for each in tune.tune([exported], target, rounds=100)}
    conv2 = next(each for layers, each in tuned.items() if layers == ("conv2",))
    assert conv2.model[1] > 1
    assert conv2.best[1] == 1
    assert conv2.worth_it
    path = tmp_path / "core.json"
    tune.write_table(list(tuned.values()), target, path)
    assert json.loads(path.read_text())["tiles"][conv2.key] == list(conv2.best)


def test_what_is_not_worth_it_stays_with_the_model(tmp_path: Path):
    close = tune.Tuned("8x4 k1x1 1x1x8", ("a",), (1, 8), 1.0, (1, 4), 0.99)
    clear = tune.Tuned("8x4 k1x1 1x1x9", ("b",), (1, 9), 1.0, (1, 3), 0.5)
    path = tmp_path / "core.json"
    path.write_text(json.dumps({"cpu": "x", "tiles": {"8x4 k1x1 1x1x8": [1, 2], "other": [1, 1]}}))
    tune.write_table([close, clear], get_target("cortex-a76"), path)
    assert json.loads(path.read_text())["tiles"] == {"8x4 k1x1 1x1x9": [1, 3], "other": [1, 1]}


def test_a_preset_reads_its_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(targets, "tiles_path", lambda cpu: tmp_path / f"{cpu}.json")
    (tmp_path / "core.json").write_text(json.dumps({"cpu": "core", "tiles": {"k": [2, 3]}}))
    assert targets.tuned_tiles("core") == {"k": (2, 3)}
    assert targets.tuned_tiles("another") == {}


def test_a_tuned_tile_is_used_and_one_that_does_not_fit_is_not():
    plain = dataclasses.replace(get_target("cortex-a76"), tiles={})
    kernel = ConvKernel(plain, TAPS, SOURCE, HALO, (1, 1, 1), (1, 1, 1), OUT.size, OUT)
    by_model, another = kernel.tiles_by_model[0], kernel.tiles_by_model[-1]
    assert kernel.tile == by_model

    def with_table(tile: tuple[int, int]) -> ConvKernel:
        return dataclasses.replace(kernel, target=dataclasses.replace(plain, tiles={kernel.tile_key: tile}))

    assert with_table(another).tile == another
    assert with_table((7, 1000)).tile == by_model


def test_every_ranked_tile_fits_the_registers_and_divides_the_rows():
    target = get_target("cortex-a76")
    ranked = [tile for _, tile in timed_tiles(target, 8, 4, OUT.size, HALO, (3, 3), (1, 1, 1))]
    assert ranked
    assert all(rows * columns <= target.columns and OUT.rows % rows == 0 for rows, columns in ranked)
