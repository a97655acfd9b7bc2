import os

import pytest

from rt3d_mlir.errors import VersionError
from rt3d_mlir.static import find_mca


@pytest.fixture(scope="session")
def llvm_mca() -> str:
    """The llvm-mca to use; without one, the test is skipped with the reason, and fails under CI."""
    try:
        return find_mca()
    except VersionError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
