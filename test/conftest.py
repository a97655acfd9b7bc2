"""The order of the files: `make test` gives each to one process, and the longest, begun last, would end alone. And what
is compiled in the tests' own processes is compiled quickly.
"""

import os
from collections.abc import Iterator

import compiler
import pytest

from rt3d_mlir.iree import command as backend

# The tables of register tiles that somebody tuned here are not the tests' business.
os.environ["XDG_DATA_HOME"] = os.path.join(os.path.dirname(__file__), "no-data")

#: In folders below this one; a minute and more each.
LONGEST = (
    "fuzz/test_fuzz.py",
    "passes/test_numerics.py",
    "tools/test_compile.py",
    "passes/test_lit.py",
    "frontend/test_onnx_backend.py",
    "samples/test_demo.py",
)
#: What they are about is the user's own command.
AS_USERS = ("test_backend.py",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        name = "/".join(item.path.parts[-2:])
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=rank)


@pytest.fixture(autouse=True, scope="module")
def _quick_iree_compile(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name not in AS_USERS:
            command = backend.compile_command
            patch.setattr(backend, "compile_command", lambda *args: compiler.quick(command(*args)))
        yield
