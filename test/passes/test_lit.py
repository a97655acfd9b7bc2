"""Each lit file as a pytest case, so that pytest counts them; lit runs once for all that were selected."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent
_FILES = sorted(path for path in _ROOT.rglob("*.mlir") if not {"Inputs", "Output"} & set(path.parts))


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """lit's verdict and output for each selected file, by its path below this folder."""
    selected = [item.callspec.params["path"] for item in request.session.items if item.path == Path(__file__)]
    report = tmp_path_factory.mktemp("lit") / "report.json"
    command = [str(Path(sys.executable).with_name("lit")), "-q", "-o", str(report), *map(str, selected)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert report.exists(), done.stdout + done.stderr
    prefix = "rt3d-mlir :: passes/"
    return {test["name"].removeprefix(prefix): test for test in json.loads(report.read_text())["tests"]}


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_lit(results: dict[str, dict], path: Path):
    result = results[str(path.relative_to(_ROOT))]
    assert result["code"] == "PASS", result["output"]
