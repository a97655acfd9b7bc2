"""Pads by less than nothing, which cut off, as slices.

    pad(x, (-1, 1)) = pad(x[1:], (0, 1))

MLIR takes a tensor.pad whose result is as large as its input for one that does nothing, so that this one would be x.
"""

from collections.abc import Sequence

import torch


def crop_and_pad(x: torch.Tensor, pad: Sequence[int], value: float = 0.0) -> torch.Tensor:
    """aten.constant_pad_nd: `pad` is (low, high) of the last axis, then of the one before. As it is without a cut."""
    if min(pad, default=0) >= 0:
        return NotImplemented
    for i in range(0, len(pad), 2):
        axis = x.dim() - 1 - i // 2
        first, last = max(0, -pad[i]), x.shape[axis] - max(0, -pad[i + 1])
        x = torch.ops.aten.slice.Tensor(x, axis, first, last)
    rest = [max(0, amount) for amount in pad]
    return torch.ops.aten.constant_pad_nd.default(x, rest, value) if any(rest) else x
