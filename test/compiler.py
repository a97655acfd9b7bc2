"""iree-compile for the tests: the same bytes in half of the time that a user's command takes.

It is started without the Python script in front of it, works on one thread, for the tests keep all cores busy, and does
not verify the IR after each of its own passes.
"""

from collections.abc import Sequence

from iree.compiler.tools.binaries import find_tool


def quick(command: Sequence[object]) -> list[str]:
    """What to run in place of an iree-compile line."""
    return [find_tool("iree-compile"), *map(str, command[1:]), "--verify=false", "--mlir-disable-threading"]
