"""Each lit file as a pytest case, so that pytest counts them; lit runs once for all that were selected."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent
_FILES = sorted(path for path in _ROOT.rglob("*.mlir") if not {"Inputs", "Output"} & set(path.parts))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a process that runs rt3d-mlir-opt and filecheck without importing them each time."""
    address = tmp_path_factory.mktemp("forked") / "socket"
    command = [sys.executable, str(_ROOT / "forked.py"), str(address)]
    environment = {**os.environ, "TERM": "dumb"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment) as process:
        while not address.exists():
            assert process.poll() is None
            time.sleep(0.05)
        yield address


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Path) -> dict[str, dict]:
    """lit's verdict and output for each selected file, by its path below this folder."""
    selected = [item.callspec.params["path"] for item in request.session.items if item.path == Path(__file__)]
    report = tmp_path_factory.mktemp("lit") / "report.json"
    command = [str(Path(sys.executable).with_name("lit")), "-q", "-o", str(report), *map(str, selected)]
    environment = {**os.environ, "RT3D_FORKED": str(server)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert report.exists(), done.stdout + done.stderr
    prefix = "rt3d-mlir :: passes/"
    return {test["name"].removeprefix(prefix): test for test in json.loads(report.read_text())["tests"]}


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_lit(results: dict[str, dict], path: Path):
    result = results[str(path.relative_to(_ROOT))]
    assert result["code"] == "PASS", result["output"]
