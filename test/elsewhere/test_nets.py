"""A dozen small nets of other people's packages compile without an option, and are right; and how a check is judged."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from elsewhere import environment
from elsewhere.check import LIMIT, Outcome, answer, arguments, error, first_error
from elsewhere.registry import SMALL, all_nets

from rt3d_mlir.tools.compile import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small nets, in folders of their names. Skips where their packages are missing; fails instead under CI."""
    if not environment.PYTHON.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no build/nets: `make build/nets/.ready` makes it")
    folder = tmp_path_factory.mktemp("elsewhere")
    environment.export(SMALL, folder)
    return folder


@pytest.mark.parametrize("name", SMALL)
def test_a_net_from_elsewhere(name: str, exported: Path, capsys: pytest.CaptureFixture[str]):
    folder = exported / name
    assert "error" not in json.loads((folder / "export.json").read_text())
    assert main(arguments(folder)) == 0, capsys.readouterr().err
    assert error(answer(folder), folder) <= LIMIT


def test_the_packages_are_those_of_the_lock():
    lines = (ROOT / "requirements-nets.lock").read_text().lower().splitlines()
    pinned = {line.split("==")[0] for line in lines if not line.startswith("#")}
    assert all("==" in line for line in lines if not line.startswith("#"))
    assert {name.split("/")[0] for name in all_nets()} <= {name.replace("_", "-") for name in pinned}
    ours = {line.split("==")[0].lower() for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert not pinned & ours, "two versions of one package"


@pytest.mark.parametrize(
    ("outputs", "expected", "wanted"),
    [
        ([[1.0, -4.0]], [[1.0, -4.0]], 0.0),
        ([[1.0, -3.0]], [[1.0, -4.0]], 0.25),
        ([[1.0], [2.0]], [[1.0], [4.0]], 0.5),
        ([[1.0, 2.0]], [[1.0]], np.inf),
        ([[1.0]], [[1.0], [1.0]], np.inf),
    ],
)
def test_the_error_is_the_worst_of_all_outputs(
    outputs: list[list[float]], expected: list[list[float]], wanted: float, tmp_path: Path
):
    np.savez(tmp_path / "expected.npz", *[np.array(numbers) for numbers in expected])
    assert error([np.array(numbers) for numbers in outputs], tmp_path) == wanted


def test_what_is_right():
    assert Outcome(error=LIMIT).right
    assert not Outcome(error=2 * LIMIT).right
    assert not Outcome(error=float("nan")).right
    assert not Outcome(reason="not exported", error=0.0).right


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("note: x\nrt3d-mlir-compile: error: the file is empty\n", "the file is empty"),
        (
            "rt3d-mlir-compile: error: iree-compile failed:\na.mlirbc:0:0: error: no data\n",
            "iree-compile: no data",
        ),
        ("Traceback (most recent call last):\n  here\nKeyError: 'w'\n", "KeyError: 'w'"),
    ],
)
def test_the_first_error_of_a_log(log: str, said: str):
    assert first_error(log) == said
