"""rt3d-mlir-report on artifacts that were compiled for this machine, and what it says when it cannot."""

import json
import re
from pathlib import Path

import made_artifacts as made
import nets
import pytest
import torch
from torch import nn

import rt3d_mlir
from rt3d_mlir.bench.roofs import Roofs
from rt3d_mlir.html_report import timing
from rt3d_mlir.html_report.masks import draw_mask
from rt3d_mlir.sparsity import GroupSize, MaskSet, Sparsity, magnitude_mask
from rt3d_mlir.tools.report import main

GROUP = GroupSize(8, 4)
#: So large that each layer takes more than a microsecond, and that the profile's warm-up is not of very many calls.
CLIP = (1, 3, 16, 64, 64)


def net() -> nn.Module:
    return nets.seeded(nets.Net, features=16 * 8 * 32 * 32)


@pytest.fixture(scope="module")
def masks() -> MaskSet:
    weight = net().state_dict()["conv2.weight"].numpy()
    mask = magnitude_mask(weight, GROUP, 0.75, Sparsity.KGS)
    return MaskSet(GROUP, Sparsity.KGS, {"conv2.weight": mask}, {"conv2.weight": weight.shape})


@pytest.fixture(scope="module")
def compiled(masks: MaskSet, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A net for this machine, dense and pruned."""
    folder, args = tmp_path_factory.mktemp("artifacts"), (torch.zeros(CLIP),)
    dense = rt3d_mlir.export(net(), args, dense=True)
    pruned = rt3d_mlir.export(net(), args, masks=masks, group=GROUP)
    for name, exported in (("dense", dense), ("pruned", pruned)):
        exported.compile(folder / name, target="host")
    return [folder / "dense", folder / "pruned"]


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(arg) for arg in argv])
    out, err = capsys.readouterr()
    return code, out, err


def rows(html: str, layer: str) -> list[str]:
    """The cells of a layer's row, tags taken off."""
    (row,) = re.findall(rf'<tr><th class="word" scope="row">{layer}</th>(.*?)</tr>', html, re.DOTALL)
    return re.findall(r"<td[^>]*>([^<]*)</td>", row)


def test_times_and_masks_of_real_modules(
    compiled: list[Path],
    masks: MaskSet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(timing, "measure_roofs", lambda: Roofs(1e11, 1e10))
    code, out, err = run(capsys, *compiled, "-o", tmp_path / "report")
    assert (code, err) == (0, "")
    assert out == f"wrote {tmp_path}/report/report.html and 2 PNGs beside it\n"
    html = (tmp_path / "report" / "report.html").read_text()
    for layer in ("conv1", "conv2", "fc"):
        _, kept, _, ms, share, _, *pruned = rows(html, layer)
        assert (kept, pruned[0]) == ("100.0%", "25.0%" if layer == "conv2" else "100.0%")
        assert float(ms) > 0
        assert float(pruned[2]) > 0
        assert re.fullmatch(r"\d+%", share)
        assert re.fullmatch(r"\d+\.\d\dx", pruned[4])
    assert f"rt3d-mlir-report {compiled[0]}" in html
    picture = (tmp_path / "report" / "02-mask-pruned-conv2.png").read_bytes()
    assert picture == draw_mask(masks.masks["conv2.weight"]).png


def test_nothing_runs_where_that_is_asked(
    compiled: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for name in ("measure_roofs", "profile_calls"):
        monkeypatch.setattr(timing, name, None)
    reports = [tmp_path / "one", tmp_path / "two"]
    for report in reports:
        assert run(capsys, *compiled, "--no-run", "-o", report)[0] == 0
    assert "not run: --no-run" in (reports[0] / "report.html").read_text()
    first, second = ({path.name: path.read_bytes() for path in report.iterdir()} for report in reports)
    assert first == second


def test_phone_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = made.make(tmp_path / "dense")
    for name, data in (("run", made.record(folder, 61.5)), ("static", [made.projection("dense", 31.5)])):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    argv = ["--phone", tmp_path / "run.json", "--phone", tmp_path / "static.json", "-o", tmp_path / "report"]
    assert run(capsys, folder, *argv)[0] == 0
    html = (tmp_path / "report" / "report.html").read_text()
    assert ">61.5</td>" in html
    assert ">31.5</td>" in html


def test_what_goes_wrong_is_said_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder, report = made.make(tmp_path / "dense"), tmp_path / "report"
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "thesis.txt").write_text("mine")
    cases = [
        ([tmp_path / "none"], "no artifact folder at "),
        ([folder, "--phone", tmp_path / "bad.json"], "bad.json is not JSON, or a damaged one"),
        ([folder, "--phone", folder / "manifest.json"], "format is 'rt3d-artifact', version 1; expected 'rt3d-phone'"),
    ]
    for argv, message in cases:
        code, out, err = run(capsys, *argv, "-o", report)
        assert (code, out) == (1, "")
        assert err.startswith("rt3d-mlir-report: error: ")
        assert message in err
        assert not report.exists()
    code, _, err = run(capsys, folder, "-o", tmp_path)
    assert (code, (tmp_path / "thesis.txt").read_text()) == (1, "mine")
    assert "is not a report that can be replaced (bad.json is in it)" in err
    code, _, err = run(capsys, folder, "-o", tmp_path / "thesis.txt" / "report")
    assert code == 1
    assert "report cannot be written: " in err
    assert {path.name for path in tmp_path.iterdir()} == {"dense", "bad.json", "thesis.txt"}


def test_usage(capsys: pytest.CaptureFixture[str]):
    assert run(capsys)[0] == 2
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for option in ("DIR", "-o OUT", "--phone JSON", "--no-run"):
        assert option in out
