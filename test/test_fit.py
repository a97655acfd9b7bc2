"""The cost models against what was timed, and the tools of fit/ that say how good they are."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from rt3d_mlir.passes.cost.cpu_tile import DirectConv, tile_cycles
from rt3d_mlir.passes.cost.gpu_tile import ConvShape, model_cycles, tiles
from rt3d_mlir.passes.ops.halo import Halo
from rt3d_mlir.targets import get_target

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def fit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no part of the package: its commands run in the root of the repository."""
    monkeypatch.syspath_prepend(ROOT)


def said(text: str) -> list[float]:
    """The shares of a verdict, in percent: loss, the worst one, spread."""
    return [float(share) for share in re.findall(r"([\d.]+)%", text)][:3]


def test_groups_are_ranked_as_they_were_timed(capsys: pytest.CaptureFixture[str]):
    from fit import group_time

    group_time.main([])
    out = capsys.readouterr().out
    assert re.findall(r"takes ([\d.]+) times", out) == ["4.58", "2.27", "1.16", "1.00"]
    loss, _, spread = said(out)
    assert loss == 0
    assert spread < 100 * (1 / group_time.GAIN - 1)


def test_winograd_is_taken_where_it_was_faster(capsys: pytest.CaptureFixture[str]):
    from fit import winograd

    winograd.main(["--fit"])
    before, after = (said(line) for line in capsys.readouterr().out.splitlines() if "timed kernels" in line)
    assert before[0] == after[0] == 0
    assert after[2] < before[2] < 5


def test_register_tiles_are_ranked_as_they_were_timed(capsys: pytest.CaptureFixture[str]):
    """Of the tiles that were timed, what the model takes costs 3 % on the whole, and never an eighth."""
    from fit import cpu_tile

    cpu_tile.main([])
    found = re.search(r"take ([\d.]+)% longer than the best ones, at most ([\d.]+)%", capsys.readouterr().out)
    assert found
    assert float(found[1]) < 3.5
    assert float(found[2]) < 12.5


def test_a_fit_finds_the_numbers_again():
    from fit.judge import Sample, fit, judge

    facts = [(x, y) for x in (1.0, 2.0, 5.0) for y in (1.0, 3.0, 8.0)]

    def model(numbers: Mapping[str, float], at: tuple[float, float]) -> float:
        return max(numbers["load"] * at[0], numbers["product"] * at[1]) + 1

    timed = [Sample(f"layer {x}", model({"load": 4.0, "product": 2.0}, (x, y)), (x, y)) for x, y in facts]
    start = {"load": 2.5, "product": 3.0}
    found = fit(start, timed, model)
    assert judge(timed, lambda at: model(start, at)).spread > 0.1
    assert judge(timed, lambda at: model(found, at)).spread < 0.02
    assert found["load"] / found["product"] == pytest.approx(2.0, rel=0.05)


def test_a_verdict_counts_the_chosen_ones():
    from fit.judge import Sample, judge

    timed = [Sample("a", 2.0, 1), Sample("a", 1.0, 2), Sample("b", 3.0, 1), Sample("b", 3.5, 2)]
    found = judge(timed, float)
    assert (found.samples, found.layers, found.worst) == (4, 2, pytest.approx(1.0))
    assert found.loss == pytest.approx(math.sqrt(2) - 1)


def test_other_numbers_of_the_cpu_model():
    from fit import cpu_tile

    target = get_target("cortex-a76")
    conv = DirectConv(8, 4, (4, 14, 14), Halo((1, 1), (4, 14), (6, 16)), (3, 3))
    ours = cpu_tile.numbers(target)
    assert cpu_tile.model(ours, (conv, (1, 7), 9), target) == pytest.approx(9 * tile_cycles(conv, (1, 7), target))
    more = {**ours, "overhead": ours["overhead"] + 2}
    added = cpu_tile.model(more, (conv, (1, 7), 1), target) - cpu_tile.model(ours, (conv, (1, 7), 1), target)
    assert added == pytest.approx(2 * (4 * 14 * 2) * conv.halo.share(0, 4, 3) * conv.halo.share(1, 14, 3))


def test_times_of_a_gpu_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Of kernels that took what the model says, all choices are right; one of no conv is left out."""
    from fit import gpu, judge

    monkeypatch.setattr(judge, "DATA", tmp_path / "data")
    name = "gpu_tile_in_step"
    target, shape = gpu.MODELS[name].target, ConvShape(16, 4, 34, 40, 3136, 96, 4)
    rows = []
    for rank, tile in enumerate(tiles(shape, target)[:5]):
        folder = tmp_path / f"{name}-s3d-{rank}"
        folder.mkdir()
        (folder / gpu.TILES).write_text(json.dumps({"conv": {"shape": asdict(shape), "tile": asdict(tile)}}))
        kernels = [{"layer": "conv", "kernel": {"ms": model_cycles(shape, tile, target) / 1e6}}]
        rows.append({"case": folder.name, "kernels": [*kernels, {"layer": "", "kernel": {"ms": 1.0}}]})
    measured = {"device": {"name": "GPU"}, "machine": {"date": "today", "command": "bench"}, "rows": rows}
    (tmp_path / "gpu.json").write_text(json.dumps(measured))
    gpu.read_times(tmp_path)
    gpu.show_model(name, better=False)
    assert "5 timed kernels of 1 layers: the model's choices take 0.0% longer" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"gpu_matrix_tile.json is not there yet: fit/README.md has the command"):
        gpu.show_model("gpu_matrix_tile", better=False)
