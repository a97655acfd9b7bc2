"""Norms anywhere, and attention over positions: what sums over more than a window."""

from dataclasses import dataclass

import torch
from fuzz.base import Op, Shape, of_rank
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, repr=False)
class Norm(Op):
    """A "batch", "instance" or "group" norm; "layer", "rms": over the channels of each position, "planes": over all."""

    kind: str
    affine: bool = False
    groups: int = 1

    def module(self, shape: Shape) -> nn.Module:
        channels, rank = shape[1], len(shape) - 2
        if self.kind == "group":
            return nn.GroupNorm(self.groups, channels, affine=self.affine)
        if self.kind == "planes":
            return nn.LayerNorm(shape[1:], elementwise_affine=self.affine)
        if self.kind in ("layer", "rms"):
            norm = nn.LayerNorm if self.kind == "layer" else nn.RMSNorm
            return _LastAxis(norm(channels, elementwise_affine=self.affine))
        return of_rank({"batch": "BatchNorm", "instance": "InstanceNorm"}[self.kind], rank)(
            channels, affine=self.affine
        )


@dataclass(frozen=True, repr=False)
class Attention(Op):
    """Each position looks at all; `layers`: with nn.MultiheadAttention's linear layers. `residual`: added to it."""

    heads: int
    layers: bool = False
    residual: bool = False

    def module(self, shape: Shape) -> nn.Module:
        inside = nn.MultiheadAttention(shape[1], self.heads, batch_first=True) if self.layers else None
        return _Attention(self.heads, inside, self.residual)


class _LastAxis(nn.Module):
    def __init__(self, norm: nn.Module):
        super().__init__()
        self.norm = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class _Attention(nn.Module):
    def __init__(self, heads: int, inside: nn.Module | None, residual: bool):
        super().__init__()
        self.heads, self.inside, self.residual = heads, inside, residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        if self.inside is not None:
            y = self.inside(tokens, tokens, tokens, need_weights=False)[0]
        else:
            split = tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)
            y = F.scaled_dot_product_attention(split, split, split).transpose(1, 2).flatten(2)
        y = y.transpose(1, 2).reshape(x.shape)
        return x + y if self.residual else y
