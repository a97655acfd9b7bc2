import shutil
from pathlib import Path

import pytest
import tiny


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact to read from."""
    return tiny.scores(tmp_path_factory.mktemp("artifacts") / "scores")


@pytest.fixture
def artifact(compiled: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(compiled, tmp_path / "artifact"))
