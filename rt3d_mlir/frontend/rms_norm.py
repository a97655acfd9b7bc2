"""RMS norms without an epsilon, whose epsilon PyTorch takes from the type of the input.

torch-mlir leaves it out, and where all numbers are 0 divides by 0.
"""

from collections.abc import Sequence

import torch


def rms_norm(
    x: torch.Tensor, shape: Sequence[int], weight: torch.Tensor | None = None, epsilon: float | None = None
) -> torch.Tensor:
    """aten.rms_norm over the last axes of x, of sizes `shape`. As it is where it has an epsilon."""
    if epsilon is not None:
        return NotImplemented
    return torch.ops.aten.rms_norm.default(x, shape, weight, torch.finfo(x.dtype).eps)
