"""The order of the files: `make test` gives each to one process, and the longest, begun last, would end alone."""

import pytest

#: In folders below this one; a minute and more each.
LONGEST = (
    "fuzz/test_fuzz.py",
    "passes/test_numerics.py",
    "tools/test_compile.py",
    "passes/test_lit.py",
    "samples/test_demo.py",
    "samples/test_shot_cuts.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        name = "/".join(item.path.parts[-2:])
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=rank)
