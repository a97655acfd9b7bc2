"""Circular pads and repeated positions as picks along one axis, which is how the passes see them.

    pad(x [.., 4], (1, 2), "circular") = x[.., [3, 0, 1, 2, 3, 0, 1]]        repeat_interleave(x, 2, 3) = x[.., i // 2]

torch.export writes the first as copies within one tensor.
"""

from collections.abc import Sequence

import torch


def pad(x: torch.Tensor, amounts: Sequence[int], mode: str = "constant", value: float | None = None) -> torch.Tensor:
    """aten.pad: `amounts` are (low, high) of the last axis, then of the one before; circular ones as picks."""
    aten, axes = torch.ops.aten, len(amounts) // 2
    if mode == "constant":
        return aten.constant_pad_nd.default(x, amounts, value or 0.0)
    if mode != "circular":
        kind = {"reflect": "reflection", "replicate": "replication"}[mode]
        return getattr(aten, f"{kind}_pad{axes}d").default(x, amounts)
    for i in range(axes):
        axis, low, high = x.dim() - 1 - i, amounts[2 * i], amounts[2 * i + 1]
        if min(low, high) < 0:
            x = aten.slice.Tensor(x, axis, max(0, -low), x.shape[axis] - max(0, -high))
        if max(low, high) > 0:
            places = aten.arange.start(-max(0, low), x.shape[axis] + max(0, high), device=x.device)
            x = aten.index_select.default(x, axis, aten.remainder.Scalar(places, x.shape[axis]))
    return x


def repeated(x: torch.Tensor, repeats: int, dim: int | None = None, *, output_size: int | None = None) -> torch.Tensor:
    """aten.repeat_interleave of one number of repeats, along an axis or of the flattened tensor."""
    if dim is None:
        x, dim = torch.ops.aten.reshape.default(x, [-1]), 0
    places = torch.ops.aten.arange.default(x.shape[dim] * repeats, device=x.device)
    return torch.ops.aten.index_select.default(
        x, dim, torch.ops.aten.div.Scalar_mode(places, repeats, rounding_mode="floor")
    )
