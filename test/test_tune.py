"""rt3d_mlir.tune.tiles: layers keep their fastest tile, the table is what presets read, and the model's choice else."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.errors import TargetError
from rt3d_mlir.passes.cost.cpu_tile import DirectConv, timed_tiles
from rt3d_mlir.passes.cpu.conv_kernel import ConvKernel
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.passes.ops.tap_layout import TapLayout
from rt3d_mlir.targets import CpuTarget, get_target, tiles_path
from rt3d_mlir.tools import tune as tune_tool
from rt3d_mlir.tune import tiles as tune

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


def _faster_with_narrow_tiles(exported: Exported, target: CpuTarget) -> dict[str, float]:
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
    table = json.loads(tune.to_json(list(tuned.values()), target, {}))
    assert table["tiles"][conv2.key] == list(conv2.best)


def test_what_is_not_worth_it_stays_with_the_model(tmp_path: Path):
    close = tune.Tuned("8x4 k1x1 1x1x8", ("a",), (1, 8), 1.0, (1, 4), 0.99)
    clear = tune.Tuned("8x4 k1x1 1x1x9", ("b",), (1, 9), 1.0, (1, 3), 0.5)
    old = {"8x4 k1x1 1x1x8": (1, 2), "other": (1, 1)}
    table = json.loads(tune.to_json([close, clear], get_target("cortex-a76"), old))
    assert table == {"cpu": "cortex-a76", "tiles": {"8x4 k1x1 1x1x9": [1, 3], "other": [1, 1]}}


def test_presets_read_the_tables_of_their_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name in ("host", "snapdragon-865"):
        path = tiles_path(get_target(name).cpu)
        assert path.is_relative_to(tmp_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cpu": "core", "tiles": {"k": [2, 3]}}))
        assert get_target(name).tiles == {"k": (2, 3)}
    assert get_target("cortex-a77").tiles == {"k": (2, 3)}
    assert get_target("cortex-a76").tiles == {}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"tiles": [1]}', '{"tiles": {"k": 1}}', '{"tiles": {"k": [1, "x"]}}']
)
def test_a_damaged_table(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = tiles_path("cortex-a76")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(TargetError, match=r"cortex-a76\.json is no table of rt3d-mlir-tune \(.*\): remove it, or tune"):
        get_target("cortex-a76")


def test_tables_lie_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tiles_path("core") == tmp_path / ".local" / "share" / "rt3d_mlir" / "tiles" / "core.json"


def test_layers_whose_names_are_numbers():
    """As those of a torch.nn.Sequential; their kernels have other names."""
    net = torch.nn.Sequential(torch.nn.Conv3d(4, 8, 3), torch.nn.ReLU(), torch.nn.Conv3d(8, 8, (1, 3, 3)))
    (first, second) = tune.tune([rt3d_mlir.export(net, (torch.zeros(1, 4, 3, 8, 8),))], get_target("host"), rounds=1)
    assert sorted(first.layers + second.layers) == ["0", "2"]
    assert min(first.model_time, second.model_time) > 0


def test_the_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Where nothing else is said, the presets find what it writes; each step is a line on stderr."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    clear = tune.Tuned("8x4 k1x1 1x1x9", ("b",), (1, 9), 1.0, (1, 3), 0.5)
    monkeypatch.setattr(tune_tool, "tune", lambda _nets, _target, _rounds, progress: progress("tile 1") or [clear])
    monkeypatch.setattr(tune_tool, "sweep_groups", lambda _target, progress: progress("groups") or [])
    monkeypatch.setattr(tune_tool, "export_config", lambda *_args, **_options: None)
    assert tune_tool.main(["cortex-a76", "--configs", "dense"]) == 0
    out, err = capfd.readouterr()
    assert err == "reading c3d\ntile 1\ngroups\n"
    assert out.endswith(f"1 of 1 kinds of layers changed in {tmp_path}/rt3d_mlir/tiles/cortex-a76.json\n")
    assert get_target("cortex-a76").tiles == {clear.key: clear.best}
    assert tune_tool.main(["cortex-a76", "--configs", "dense", "-o", "-"]) == 0
    assert json.loads(capfd.readouterr().out)["tiles"] == {clear.key: list(clear.best)}
    assert tune_tool.main(["cortex-a76", "--configs", "dense", "-o", str(tmp_path / "no" / "t.json")]) == 1
    assert "t.json cannot be written: No such file or directory" in capfd.readouterr().err


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
    ranked = [tile for _, tile in timed_tiles(DirectConv(8, 4, OUT.size, HALO, (3, 3)), target)]
    assert ranked
    assert all(rows * columns <= target.columns and OUT.rows % rows == 0 for rows, columns in ranked)
