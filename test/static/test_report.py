import dataclasses
import json

import pytest
import torch
from rich.console import Console

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.errors import TargetError
from rt3d_mlir.static import StaticReport, analyse
from rt3d_mlir.targets import get_target
from rt3d_mlir.tools import bench

CLIP = (16, 112, 112)

#: What the kernels reach, rounded down: the tiles are those of the full C3D, for they depend on the clip alone.
#: Of f16 the additions of its chunks' sums to the f32 sums take a part.
SHARE_F16 = {"neoverse-n1": 0.88, "cortex-x1": 0.91}
SHARE = {"neoverse-n1": 0.88, "cortex-x1": 0.99}


@pytest.fixture(scope="module")
def exported() -> Exported:
    return rt3d_mlir.export(models.build("c3d", width=16, clip=CLIP), (torch.zeros(1, 3, *CLIP),))


@pytest.fixture(scope="module")
def report(exported: Exported, llvm_mca: str) -> StaticReport:
    del llvm_mca
    return analyse(exported, "cortex-a76")


@pytest.fixture(scope="module")
def half(exported: Exported, llvm_mca: str) -> StaticReport:
    del llvm_mca
    return analyse(dataclasses.replace(exported, dtype="f16"), "cortex-a76")


def text_of(table: object) -> str:
    console = Console(width=400)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@pytest.mark.parametrize("core", SHARE)
def test_the_share_of_the_peak_does_not_fall(report: StaticReport, core: str):
    assert report.share[core] >= SHARE[core]


@pytest.mark.parametrize("core", SHARE_F16)
def test_the_share_of_the_peak_does_not_fall_for_f16(half: StaticReport, core: str):
    assert half.share[core] >= SHARE_F16[core]


def test_an_fmla_of_f16_is_eight_multiplications(half: StaticReport):
    assert [row.layer for row in half.rows if row.macs != row.taps * row.fmla * 8] == []
    assert "c3d f16 projected" in text_of(dataclasses.replace(half, model="c3d").projection_table())


def test_nothing_is_spilled(report: StaticReport):
    assert [row.layer for row in report.rows if row.spills] == []
    assert report.spills == 0


def test_every_layer_has_its_row(report: StaticReport):
    names = ["conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b", "fc6", "fc7", "fc8"]
    assert [row.layer for row in report.rows] == names
    assert [row.layer for row in report.rows if row.memory_bound] == names[-3:]
    for row in report.rows:
        assert row.fmla + row.loads + row.address < row.instructions
        assert 0 < row.share["neoverse-n1"] <= 1


def test_the_share_is_weighted_by_macs(report: StaticReport):
    rows = [dataclasses.replace(row, spills=1) for row in report.rows[:2]]
    shares = [row.share["neoverse-n1"] for row in rows]
    both = dataclasses.replace(report, rows=rows)
    assert min(shares) <= both.share["neoverse-n1"] <= max(shares)
    assert both.spills == 2


def test_the_tables_say_projected_and_show_the_paper(report: StaticReport):
    assert "conv5b" in text_of(report.table())
    full = text_of(dataclasses.replace(report, model="c3d").projection_table())
    assert "projected, not measured" in full
    assert "357 at 3.6x" in full
    assert "357" not in text_of(report.projection_table())
    for name in ("s3d", "s3d_ts1"):
        assert "611 at 2.1x" in text_of(dataclasses.replace(report, model=name).projection_table())
    assert "611" not in text_of(dataclasses.replace(report, model="s3d_torchvision").projection_table())


def test_only_aarch64_is_read(exported: Exported):
    target = dataclasses.replace(get_target("cortex-a76"), name="mine", triple="x86_64-unknown-linux-gnu")
    with pytest.raises(TargetError, match="mine is x86_64-unknown-linux-gnu; the static analysis reads aarch64"):
        analyse(exported, target)


def test_an_unknown_phone_is_an_error(exported: Exported):
    with pytest.raises(TargetError, match=r"no phone is called 'Snapdragon 866'.*did you mean 'Snapdragon 865'"):
        analyse(exported, "cortex-a76", ["Snapdragon 866"])


def test_the_command_prints_both_tables(
    report: StaticReport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(bench, "analyse", lambda *_: report)
    assert bench.main(["--static", "--models", "c3d", "--configs", "dense,c3d-3.57x"]) == 0
    out = capsys.readouterr().out
    assert out.count("projected, not measured") == 2
    assert "c3d dense, compiled for cortex-a76" in out


def test_the_command_prints_json(
    report: StaticReport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(bench, "analyse", lambda *_: report)
    assert bench.main(["--static", "--configs", "dense,c3d-3.57x", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["config"] for each in found] == ["dense", "c3d-3.57x"]
    assert found[0]["share"] == report.share
    assert found[0]["rows"][0]["cycles"] == report.rows[0].cycles


def test_the_command_names_an_unknown_configuration(capsys: pytest.CaptureFixture[str]):
    assert bench.main(["--static", "--configs", "c3d-3.5x"]) == 1
    assert "did you mean 'c3d-3.57x'" in capsys.readouterr().err
