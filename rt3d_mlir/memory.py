"""What does not fit this machine is refused before it is allocated: a slip of the keyboard should cost no time."""

import os
from collections.abc import Sequence
from math import prod

from rt3d_mlir.errors import InputError


def check_memory(shapes: Sequence[Sequence[int]], what: str) -> None:
    """Raises InputError where float32 arrays of these shapes are together more than the machine's memory."""
    wanted = sum(4 * prod(shape) for shape in shapes)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if wanted > memory:
        raise InputError(f"{what}: {wanted / 2**30:.3g} GiB, but this machine has {memory / 2**30:.3g} GiB of memory")
