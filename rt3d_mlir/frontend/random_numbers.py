"""Models that draw random numbers in forward. A module draws others than PyTorch, so no answer may depend on them.

torch-mlir draws from a seed of the module's own, which is 0 when the module is loaded.
"""

from collections.abc import Callable, Sequence

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.source import Floor1
from rt3d_mlir.passes.framework.provenance import keys, tensor_ops

Answers = Sequence[np.ndarray]
#: How torch-mlir draws random numbers: from a seed that each draw changes.
RANDOM = ("ml_program.global_load", "ml_program.global_store")


def check_repeats(name: str, floor1: Floor1, answers: Answers, again: Callable[[], Answers]) -> None:
    """Raises ModelError where the model `name` draws random numbers and `again` answers something else."""
    drawing = _drawing_ops(floor1)
    if not drawing or all(map(_same, answers, again())):
        return
    raise ModelError(
        f"{name} answers differently in each call, by the random numbers that it draws in forward "
        f"({', '.join(drawing)}): a compiled module cannot be checked against that. Make the numbers an input of the "
        "model, or a buffer"
    )


def _drawing_ops(floor1: Floor1) -> list[str]:
    """The names of the ops that draw."""
    if "ml_program.global_load" not in floor1.text:
        return []
    with ir.Context(), ir.Location.unknown():
        module, _ = floor1.parse()
        found = {key for op in tensor_ops(module) if is_random(op) for key in keys(op)}
    return [op.name for key, op in floor1.ops.items() if key in found]


def is_random(op: ir.OpView) -> bool:
    """Whether an op is a part of drawing random numbers."""
    return op.name in RANDOM


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
