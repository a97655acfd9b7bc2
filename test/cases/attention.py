"""Attention, norms between tokens and recurrence in their public forms, at the sizes at which IREE stumbles.

All of it but the linear layers is left to IREE. Window volumes such as 7 x 7 x 7 are no multiple of any vector, and a
norm of a sum that is read again has to pass by memory (unfuse-norms).
"""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv
from cases.foreign import Between

Tensor = torch.Tensor


class Attention(nn.Module):
    """Scaled dot product attention over tokens [N, T, C], whose queries, keys and values are one linear layer's."""

    def __init__(self, channels: int, heads: int, keys: int = 0, masked: str = "", scale: float | None = None):
        super().__init__()
        self.heads, self.masked, self.scale = heads, masked, scale
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.keys = keys

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        if self.keys:
            k, v = k[:, :, : self.keys], v[:, :, : self.keys]
        mask = None
        if self.masked in ("bool", "float"):
            mask = torch.arange(t)[:, None] + 3 > torch.arange(k.shape[2])
            mask = mask if self.masked == "bool" else torch.where(mask, 0.0, -100.0).to(x.dtype)
        out = F.scaled_dot_product_attention(q, k, v, mask, is_causal=self.masked == "causal", scale=self.scale)
        return self.out(out.transpose(1, 2).reshape(n, t, c))


class Windows(nn.Module):
    """One block of a Swin transformer over a map [N, C, ...]: windows, shifted ones with their mask, and its MLP.

    As torchvision and MONAI have it: a bias by relative position, gathered from a table, and padding where the map is
    no multiple of the window.
    """

    def __init__(self, channels: int, heads: int, window: Sequence[int], shift: Sequence[int] | None = None):
        super().__init__()
        self.heads, self.window, self.shift = heads, tuple(window), tuple(shift or [0] * len(window))
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.up, self.down = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        grid = torch.stack(torch.meshgrid(*map(torch.arange, window), indexing="ij")).flatten(1)
        relative = grid[:, :, None] - grid[:, None]
        index = torch.zeros(relative.shape[1:], dtype=torch.int64)
        for distance, size in zip(relative, window, strict=True):
            index = index * (2 * size - 1) + distance + size - 1
        self.index: Tensor
        self.register_buffer("index", index)
        self.table = nn.Parameter(torch.zeros(int(index.max()) + 1, heads))

    def forward(self, x: Tensor) -> Tensor:
        x = x.movedim(1, -1)
        x = x + self._attend(self.norm1(x))
        x = x + self.down(F.gelu(self.up(self.norm2(x))))
        return x.movedim(-1, 1)

    def _attend(self, x: Tensor) -> Tensor:
        n, *size, _ = x.shape
        axes = tuple(range(1, 1 + len(size)))
        pads = [-s % w for s, w in zip(size, self.window, strict=True)]
        x = F.pad(x, [0, 0, *itertools.chain(*((0, p) for p in reversed(pads)))])
        x = x.roll([-s for s in self.shift], axes) if any(self.shift) else x
        tokens = self._split(x)
        q, k, v = self.qkv(tokens).view(*tokens.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index.flatten()].view(*self.index.shape, -1).permute(2, 0, 1).contiguous()
        weights = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1) + bias
        if any(self.shift):
            weights = (weights.view(n, -1, *weights.shape[1:]) + self._mask(x)[None, :, None]).view(weights.shape)
        tokens = self.out((weights.softmax(-1) @ v).transpose(1, 2).reshape(tokens.shape))
        x = self._join(tokens, x.shape)
        x = x.roll(self.shift, axes) if any(self.shift) else x
        return x[(slice(None), *(slice(0, s) for s in size))].contiguous()

    def _split(self, x: Tensor) -> Tensor:
        """[N, ...size, C] to [N * windows, tokens, C]."""
        n, *size, c = x.shape
        cut = list(itertools.chain(*((s // w, w) for s, w in zip(size, self.window, strict=True))))
        rank = len(size)
        order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1]
        return x.view(n, *cut, c).permute(order).reshape(-1, self.index.shape[0], c)

    def _join(self, tokens: Tensor, shape: Sequence[int]) -> Tensor:
        """The other way."""
        n, *size, c = shape
        rank = len(size)
        counts = [s // w for s, w in zip(size, self.window, strict=True)]
        order = [0, *itertools.chain(*((1 + i, 1 + rank + i) for i in range(rank))), 2 * rank + 1]
        return tokens.view(n, *counts, *self.window, c).permute(order).reshape(shape)

    def _mask(self, x: Tensor) -> Tensor:
        """Of pairs that the shift brought together, [windows, tokens, tokens]: -100."""
        regions = torch.zeros(1, *x.shape[1:-1], 1)
        parts = [
            (slice(0, -w), slice(-w, -s), slice(-s, None)) for w, s in zip(self.window, self.shift, strict=True) if s
        ]
        for count, place in enumerate(itertools.product(*parts)):
            regions[(0, *place)] = count
        ids = self._split(regions).squeeze(-1)
        return torch.where(ids[:, None] == ids[:, :, None], 0.0, -100.0)


def _attention_map(x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return F.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).reshape(x.shape)


def _own(channels: int, norm: nn.Module, then: Callable[[Tensor], Tensor] = lambda x: x) -> Case:
    """A sum that IREE computes, its norm, and the sum again: over a map of tokens that were moved before."""

    def compute(net: Net, x: Tensor) -> Tensor:
        x = x.movedim(1, -1)
        total = x + x.flip(1)
        return torch.cat([then(net.norm(total)), total.roll(1, 2)], -1).movedim(-1, 1)

    return Case(Net(compute, norm=norm), (1, channels, 16, 16, 16), exact=False)


def attention() -> dict[str, Case]:
    """Of tokens [N, T, C] and of maps; T and the heads' widths uneven."""
    forms = {
        "plain": ((2, 49, 16), Attention(16, 2)),
        "causal": ((1, 98, 16), Attention(16, 4, masked="causal")),
        "bool-mask": ((1, 49, 24), Attention(24, 3, masked="bool")),
        "float-mask": ((1, 50, 24), Attention(24, 2, masked="float")),
        "cross": ((1, 49, 16), Attention(16, 4, keys=7)),
        "one-token": ((3, 1, 16), Attention(16, 4)),
        "scaled": ((1, 17, 40), Attention(40, 1, scale=0.3)),
        "343-tokens": ((1, 343, 12), Attention(12, 3)),
        "wide-heads": ((1, 49, 128), Attention(128, 2)),
        "multihead": (
            (2, 49, 16),
            Net(lambda net, x: net.a(x, x, x)[0], a=nn.MultiheadAttention(16, 2, batch_first=True)),
        ),
        "multihead-weights": (
            (2, 21, 16),
            Net(lambda net, x: net.a(x, x, x)[1], a=nn.MultiheadAttention(16, 2, batch_first=True)),
        ),
        "multihead-tokens-first": ((21, 2, 16), Net(lambda net, x: net.a(x, x, x)[0], a=nn.MultiheadAttention(16, 4))),
        "encoder": ((2, 49, 16), nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True)),
        "encoder-norm-first": (
            (2, 49, 16),
            nn.TransformerEncoderLayer(16, 2, 32, 0.0, activation="gelu", batch_first=True, norm_first=True),
        ),
        "decoder": (
            (1, 21, 16),
            Net(lambda net, x: net.d(x, x[:, :5]), d=nn.TransformerDecoderLayer(16, 2, 32, 0.0, batch_first=True)),
        ),
    }
    bodies = {"map": _attention_map, "map-2": lambda x: _attention_map(x) + x}
    return {
        **{name: Case(model, shape, exact=False) for name, (shape, model) in forms.items()},
        **{name: Case(Between(body), (1, 3, 4, 6, 8), exact=False) for name, body in bodies.items()},
        "map-odd": Case(Between(_attention_map, channels=12), (1, 3, 3, 5, 7), exact=False),
        "map-2d": Case(
            nn.Sequential(nn.Conv2d(3, 8, 3), Net(lambda _, x: _attention_map(x)), nn.Conv2d(8, 4, 1)),
            (1, 3, 9, 9),
            exact=False,
        ),
    }


def windowed() -> dict[str, Case]:
    """Swin blocks of two and three axes."""
    return {
        "2d": Case(Windows(16, 2, (7, 7)), (1, 16, 14, 14), exact=False),
        "2d-shifted": Case(Windows(16, 4, (7, 7), (3, 3)), (1, 16, 14, 14), exact=False),
        "2d-padded": Case(Windows(16, 2, (4, 4), (2, 2)), (1, 16, 10, 7), exact=False),
        "3d": Case(Windows(12, 3, (7, 7, 7)), (1, 12, 7, 7, 7), exact=False),
        "3d-shifted": Case(Windows(12, 3, (2, 7, 7), (1, 3, 3)), (1, 12, 4, 14, 7), exact=False),
        "3d-padded": Case(Windows(24, 6, (7, 7, 7)), (1, 24, 16, 16, 16), exact=False),
        "between-convs": Case(Between(Windows(8, 2, (2, 3, 4), (1, 1, 2))), (1, 3, 4, 6, 8), exact=False),
    }


def normed() -> dict[str, Case]:
    """Norms of sums that are read again."""
    return {
        "layer-norm": _own(24, nn.LayerNorm(24)),
        "layer-norm-wide": _own(64, nn.LayerNorm(64), F.gelu),
        "rms-norm": _own(24, nn.RMSNorm(24)),
        "softmax": _own(24, nn.Softmax(-1)),
        "group-norm": _own(24, Net(lambda net, x: net.n(x.movedim(-1, 1)).movedim(1, -1), n=nn.GroupNorm(4, 24))),
        "instance-norm": _own(24, Net(lambda net, x: net.n(x.movedim(-1, 1)).movedim(1, -1), n=nn.InstanceNorm3d(24))),
        "unit-length": _own(24, Net(lambda net, x: F.normalize(x, dim=-1))),
        "mean": _own(24, Net(lambda net, x: x - x.mean(-1, keepdim=True))),
    }


def recurrent() -> dict[str, Case]:
    """Heads over time."""
    return {
        "lstm": Case(Net(lambda net, x: net.r(x)[0], r=nn.LSTM(12, 20, batch_first=True)), (2, 7, 12), exact=False),
        "lstm-both-ways": Case(
            Net(lambda net, x: net.r(x)[0], r=nn.LSTM(12, 10, 2, batch_first=True, bidirectional=True)),
            (1, 5, 12),
            exact=False,
        ),
        "gru": Case(Net(lambda net, x: net.r(x)[0], r=nn.GRU(12, 20)), (5, 2, 12), exact=False),
        "gru-last": Case(Net(lambda net, x: net.r(x)[1], r=nn.GRU(12, 20, batch_first=True)), (2, 5, 12), exact=False),
        "behind-conv": Case(
            Net(
                lambda net, x: net.r(net.c(x).mean((3, 4)).transpose(1, 2))[0][:, -1],
                c=conv(3, 12),
                r=nn.LSTM(12, 8, batch_first=True),
            ),
            (1, 3, 5, 6, 6),
            exact=False,
        ),
    }
