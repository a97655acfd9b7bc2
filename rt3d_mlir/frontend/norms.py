"""Norms in the form that block-layout knows: instance and group norms as means over positions, of volumes.

    mean = mean of x by group             variance = mean of (x - mean)^2 by group
    y    = (x - mean) * (rsqrt(variance + epsilon) * weight) + bias

torch-mlir's own form computes variances in float64, views a volume as [N, G, C/G, positions], and gathers weights by
tables of indices. Layer norms and variances along one axis, as over channels, are means of the same kind.
"""

from collections.abc import Sequence
from typing import Any

import torch

Parameter = torch.Tensor | None
Axes = Sequence[int] | None
Correction = float | None


def instance_norm(x: torch.Tensor, weight: Parameter, bias: Parameter, *options: Any) -> torch.Tensor:
    """aten.instance_norm of x [N, C, *positions]. As it is where it normalizes by running statistics."""
    _running_mean, _running_var, use_input_stats, _momentum, epsilon, _cudnn = options
    if not use_input_stats or not _is_volume(x):
        return NotImplemented
    return _normalized(x, x.shape[1], weight, bias, epsilon)[0]


def group_norm(
    x: torch.Tensor,
    groups: int,
    weight: Parameter = None,
    bias: Parameter = None,
    epsilon: float = 1e-5,
    cudnn: bool = True,
) -> torch.Tensor:
    """aten.group_norm of x [N, C, *positions]."""
    return _normalized(x, groups, weight, bias, epsilon)[0] if _is_volume(x) else NotImplemented


def native_group_norm(
    x: torch.Tensor, weight: Parameter, bias: Parameter, *options: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """aten.native_group_norm: with the mean and the inverse deviation of each group, [N, G]."""
    batch, _channels, _positions, groups, epsilon = options
    if not _is_volume(x):
        return NotImplemented
    y, mean, inverse = _normalized(x, groups, weight, bias, epsilon)
    return y, mean.view(batch, groups, -1)[:, :, 0], inverse.view(batch, groups, -1)[:, :, 0]


def batch_norm_of_one(
    x: torch.Tensor, weight: Parameter, bias: Parameter, *options: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """aten._native_batch_norm_legit.no_stats, which an instance norm is in core ATen: of N clips viewed as one of N * C
    channels. With the mean and the inverse deviation, [N * C]. As it is where it takes several clips together."""
    _training, _momentum, epsilon = options
    if x.shape[0] != 1 or not _is_volume(x):
        return NotImplemented
    y, mean, inverse = _normalized(x, x.shape[1], weight, bias, epsilon)
    return y, mean.view(-1), inverse.view(-1)


def native_layer_norm(
    x: torch.Tensor, shape: Sequence[int], weight: Parameter, bias: Parameter, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """aten.native_layer_norm over the last axes of x, of sizes `shape`: with the mean and the inverse deviation."""
    axes = list(range(x.ndim - len(shape), x.ndim))
    mean = x.mean(axes, keepdim=True)
    off = x - mean
    inverse = torch.rsqrt((off * off).mean(axes, keepdim=True) + epsilon)
    y = off * inverse
    y = y if weight is None else y * weight
    return (y if bias is None else y + bias), mean, inverse


def var(x: torch.Tensor, dim: Axes = None, *, correction: Correction = None, keepdim: bool = False) -> torch.Tensor:
    """aten.var.correction along one axis. As it is along several."""
    if dim is None or len(dim) != 1 or not isinstance(x.shape[dim[0]], int):
        return NotImplemented
    (axis,) = dim
    off = x - x.mean(axis, keepdim=True)
    count = max(0, x.shape[axis] - (1 if correction is None else correction))
    return (off * off).sum(axis, keepdim=keepdim) / count


def std(x: torch.Tensor, dim: Axes = None, *, correction: Correction = None, keepdim: bool = False) -> torch.Tensor:
    """aten.std.correction along one axis. As it is along several."""
    found = var(x, dim, correction=correction, keepdim=keepdim)
    return found if found is NotImplemented else found.sqrt()


def var_mean(
    x: torch.Tensor, dim: Axes = None, *, correction: Correction = None, keepdim: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """aten.var_mean.correction along one axis. As it is along several."""
    found = var(x, dim, correction=correction, keepdim=keepdim)
    if found is NotImplemented or dim is None:
        return NotImplemented
    return found, x.mean(list(dim), keepdim=keepdim)


def _is_volume(x: torch.Tensor) -> bool:
    """Planes and rows are volumes of depth 1, as lift-to-3d has them."""
    return 3 <= x.ndim <= 5 and all(isinstance(size, int) for size in x.shape)


def _normalized(
    x: torch.Tensor, groups: int, weight: Parameter, bias: Parameter, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The result, and by channel the mean and the inverse deviation, [N, C, 1, 1, 1]."""
    batch, channels, *positions = x.shape
    volume = x.view(batch, channels, *[1] * (5 - x.ndim), *positions)
    mean = _means(volume, groups)
    off = volume - mean
    inverse = torch.rsqrt(_means(off * off, groups) + epsilon)
    scale = inverse if weight is None else inverse * weight.view(1, channels, 1, 1, 1)
    y = off * scale
    return (y if bias is None else y + bias.view(1, channels, 1, 1, 1)).view(x.shape), mean, inverse


def _means(x: torch.Tensor, groups: int) -> torch.Tensor:
    """The mean of each channel's group over all positions: [N, C, 1, 1, 1] of [N, C, D, H, W]."""
    batch, channels, *positions = x.shape
    if groups == channels:
        return x.mean((2, 3, 4), keepdim=True)
    means = x.view(batch, groups, -1, *positions).mean((2, 3, 4, 5), keepdim=True)
    return means.expand(batch, groups, channels // groups, 1, 1, 1).reshape(batch, channels, 1, 1, 1)
