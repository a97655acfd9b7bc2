"""What works over channels at each position: layer and RMS norms, softmax, attention maps, channels-last regions."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d, depthwise

SHAPE = (1, 3, 4, 5, 6)


def between(compute: Callable[[torch.Tensor], torch.Tensor], channels: int = 12, out: int = 0) -> nn.Module:
    """Between two convs, the second of which reads zeros around what is computed."""
    return Net(
        lambda net, x: net.b(compute(net.a(x))),
        a=conv(3, channels, padding=1), b=conv(out or channels, 8, padding=1),
    )  # fmt: skip


class ChannelNorm(nn.Module):
    """A layer norm over axis 1, as ConvNeXt and SAM write it down."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        ones = [1] * (x.ndim - 2)
        return (x - mean) / torch.sqrt(variance + 1e-3) * self.weight.view(-1, *ones) + self.bias.view(-1, *ones)


class LastNorm(nn.Module):
    """nn.LayerNorm or nn.RMSNorm between two permutations."""

    def __init__(self, norm: nn.Module):
        super().__init__()
        self.norm = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        axes = list(range(2, x.ndim))
        return self.norm(x.permute(0, *axes, 1)).permute(0, x.ndim - 1, *[axis - 1 for axis in axes])


class ConvNext(nn.Module):
    """A block of ConvNeXt in 3D, 2D or 1D."""

    def __init__(self, channels: int, layer: nn.Module, scale: bool = True):
        super().__init__()
        self.dw, self.norm = layer, nn.LayerNorm(channels)
        self.up, self.down = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 0.5)) if scale else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        axes = list(range(2, x.ndim))
        y = self.norm(self.dw(x).permute(0, *axes, 1))
        y = self.down(F.gelu(self.up(y)))
        y = y if self.gamma is None else self.gamma * y
        return x + y.permute(0, x.ndim - 1, *[axis - 1 for axis in axes])


class Tokens(nn.Module):
    """A mixer of channels on tokens [N, L, C], in a residual."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm, self.up = nn.LayerNorm(channels), nn.Linear(channels, 2 * channels)
        self.down = nn.Linear(2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.down(F.relu(self.up(self.norm(tokens))))
        return tokens.transpose(1, 2).reshape(x.shape)


def spatial_attention(net: Net, x: torch.Tensor) -> torch.Tensor:
    """CBAM's: the mean and the maximum over channels, a conv of both, a gate of each position."""
    x = net.a(x)
    both = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
    return net.b(x * torch.sigmoid(net.m(both)))


def attention_gate(net: Net, x: torch.Tensor) -> torch.Tensor:
    """AttentionUnet's: a gate of each position from a conv of one filter."""
    x = net.a(x)
    return net.b(x * torch.sigmoid(net.one(F.relu(net.g(x)))))


def over_channels() -> dict[str, Case]:
    """Channels first; no result is exact, for it is divided."""
    nets: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
        "layer-norm": (Net(lambda n, x: n.b(n.n(n.a(x))), a=conv(3, 12), n=ChannelNorm(12), b=conv(12, 8, padding=1)),
                       (2, 3, 4, 5, 9)),
        "layer-norm-odd": (Net(lambda n, x: n.b(n.n(n.a(x))), a=conv(3, 7), n=ChannelNorm(7), b=conv(7, 8, padding=1)),
                           (1, 3, 4, 5, 6)),
        "layer-norm-wide": (Net(lambda n, x: n.b(n.n(n.a(x))), a=conv(3, 40), n=ChannelNorm(40), b=conv(40, 8, 1)),
                            (1, 3, 4, 6, 37)),
        "layer-norm-narrow": (
            between(lambda x: (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1), 3), SHAPE),
        "layer-norm-far-from-zero": (
            Net(lambda n, x: n.b(n.n(n.a(x) + 10)), a=conv(3, 12), n=ChannelNorm(12), b=conv(12, 8)), (1, 3, 6, 7, 8)),
        "layer-norm-twice": (
            Net(lambda n, x: n.b(n.n(F.relu(n.m(n.a(x))))), a=conv(3, 8), m=ChannelNorm(8), n=ChannelNorm(8),
                b=conv(8, 8, 1)), SHAPE),
        "layer-norm-and-residual": (
            Net(lambda n, x: n.b(n.a(x) + n.c(n.n(n.a(x)))), a=conv(3, 8), n=ChannelNorm(8), c=conv(8, 8, padding=1),
                b=conv(8, 8, 1)), SHAPE),
        "layer-norm-joined": (
            Net(lambda n, x: n.b(torch.cat([n.n(n.a(x)), n.c(x)], 1)), a=conv(3, 8, padding=1), n=ChannelNorm(8),
                c=conv(3, 4, padding=1), b=conv(12, 8, padding=1)), SHAPE),
        "layer-norm-of-the-input": (Net(lambda n, x: n.a(n.n(x)), n=ChannelNorm(3), a=conv(3, 8, padding=1)), SHAPE),
        "layer-norm-at-the-end": (Net(lambda n, x: n.n(n.a(x)), n=ChannelNorm(6), a=conv(3, 6)), (2, 3, 4, 5, 6)),
        "layer-norm-plane": (
            nn.Sequential(conv2d(3, 8, padding=1), ChannelNorm(8), nn.GELU(), conv2d(8, 8)), (2, 3, 7, 9)),
        "layer-norm-row": (nn.Sequential(nn.Conv1d(3, 6, 3), ChannelNorm(6), nn.Conv1d(6, 8, 3)), (2, 3, 19)),
        "var-mean": (
            between(lambda x: (x - x.mean(1, keepdim=True)) * torch.rsqrt(x.var(1, keepdim=True, correction=0) + 1e-2)),
            SHAPE),
        "rms-norm": (between(lambda x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-2)), SHAPE),
        "rms-norm-odd": (between(lambda x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-2), 5), SHAPE),
        "normalize": (between(lambda x: F.normalize(x, dim=1)), SHAPE),
        "normalize-odd": (between(lambda x: F.normalize(x, dim=1), 6), (2, 3, 4, 5, 6)),
        "softmax": (between(lambda x: torch.softmax(x, 1)), SHAPE),
        "softmax-odd": (between(lambda x: torch.softmax(40 * x, 1), 5), (2, 3, 4, 5, 6)),
        "softmax-at-the-end": (Net(lambda n, x: torch.softmax(n.a(x), 1), a=conv(3, 5)), SHAPE),
        "log-softmax": (Net(lambda n, x: F.log_softmax(n.a(x), 1), a=conv(3, 6)), SHAPE),
        "softmax-plane": (nn.Sequential(conv2d(3, 6), nn.Softmax(1), conv2d(6, 8)), (2, 3, 7, 9)),
        "sum": (between(lambda x: x.sum(1, keepdim=True), 10, 1), SHAPE),
        "largest": (between(lambda x: x.amax(1, keepdim=True), 10, 1), SHAPE),
        "smallest": (between(lambda x: x.amin(1, keepdim=True), 7, 1), (2, 3, 4, 5, 6)),
        "mean-without-axis": (Net(lambda n, x: n.a(x).mean(1), a=conv(3, 10)), SHAPE),
        "distance": (
            between(lambda x: torch.exp(-(x - x.amax(1, keepdim=True)).abs().sum(1, keepdim=True)) * x), SHAPE),
        "spatial-attention": (
            Net(spatial_attention, a=conv(3, 12), m=conv(2, 1, 3, padding=1), b=conv(12, 8)), (1, 3, 7, 8, 9)),
        "attention-gate": (
            Net(attention_gate, a=conv(3, 12), g=conv(12, 4, 1), one=conv(4, 1, 1), b=conv(12, 8, padding=1)),
            (2, 3, 7, 8, 9)),
        "attention-gate-odd": (
            Net(attention_gate, a=conv(3, 6), g=conv(6, 4, 1), one=conv(4, 1, 1), b=conv(6, 8, padding=1)), SHAPE),
        "both-gates": (
            Net(lambda n, x: n.b(n.a(x) * torch.sigmoid(n.c(n.a(x).mean((2, 3, 4), keepdim=True)) + n.s(n.a(x)))),
                a=conv(3, 8), c=conv(8, 8, 1), s=conv(8, 1, 1), b=conv(8, 8, padding=1)), SHAPE),
        "gate-of-one": (
            Net(lambda n, x: n.b(n.a(x) * torch.sigmoid(n.s(n.a(x).mean((2, 3, 4), keepdim=True)))),
                a=conv(3, 8), s=conv(8, 1, 1), b=conv(8, 8, padding=1)), (2, 3, 4, 5, 6)),
        "gate-without-axis": (
            Net(lambda n, x: n.b(n.a(x) * torch.sigmoid(n.a(x).mean(1)).unsqueeze(1)), a=conv(3, 8), b=conv(8, 8)),
            (1, 3, 6, 7, 8)),
        "gate-without-axis-plane": (
            Net(lambda n, x: n.b(n.a(x) * torch.sigmoid(n.a(x).mean(1)).unsqueeze(1)), a=conv2d(3, 8), b=conv2d(8, 8)),
            (2, 3, 7, 9)),
        "mask": (
            Net(lambda n, x: n.b(n.a(x) * n.m(x)), a=conv(3, 8, padding=1), m=conv(3, 1, 1), b=conv(8, 8, padding=1)),
            SHAPE),
        "prelu": (nn.Sequential(conv(3, 6), nn.PReLU(6), conv(6, 8)), (1, 3, 7, 7, 7)),
    }  # fmt: skip
    return {f"over-{name}": Case(net, shape, exact=False) for name, (net, shape) in nets.items()}


def channels_last() -> dict[str, Case]:
    """What is written with the channels on the last axis."""
    nets: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
        "layer-norm": (nn.Sequential(conv(3, 12), LastNorm(nn.LayerNorm(12)), conv(12, 8, padding=1)), (2, 3, 4, 5, 6)),
        "layer-norm-odd": (nn.Sequential(conv(3, 7), LastNorm(nn.LayerNorm(7)), conv(7, 8, padding=1)), SHAPE),
        "layer-norm-plain": (
            nn.Sequential(conv(3, 8), LastNorm(nn.LayerNorm(8, elementwise_affine=False)), conv(8, 8, 1)), SHAPE),
        "rms-norm": (nn.Sequential(conv(3, 12), LastNorm(nn.RMSNorm(12)), conv(12, 8, padding=1)), SHAPE),
        "layer-norm-plane": (nn.Sequential(conv2d(3, 8), LastNorm(nn.LayerNorm(8)), conv2d(8, 8)), (2, 3, 7, 9)),
        "layer-norm-row": (
            nn.Sequential(nn.Conv1d(3, 6, 3), LastNorm(nn.LayerNorm(6)), nn.Conv1d(6, 8, 3)), (2, 3, 19)),
        "convnext": (
            nn.Sequential(conv(3, 8), ConvNext(8, depthwise(8, padding=1)), conv(8, 8, padding=1)), (2, 3, 6, 7, 8)),
        "convnext-odd": (
            nn.Sequential(conv(3, 6), ConvNext(6, conv(6, 6, padding=1), False), conv(6, 8)), (1, 3, 6, 7, 8)),
        "convnext-plane": (
            nn.Sequential(conv2d(3, 8), ConvNext(8, conv2d(8, 8, padding=1, groups=8)), conv2d(8, 8)), (2, 3, 7, 9)),
        "convnext-row": (
            nn.Sequential(nn.Conv1d(3, 8, 3), ConvNext(8, nn.Conv1d(8, 8, 3, padding=1)), nn.Conv1d(8, 8, 3)),
            (2, 3, 19)),
        "convnext-twice": (
            nn.Sequential(conv(3, 8), *(ConvNext(8, depthwise(8, padding=1)) for _ in range(2)), conv(8, 8)),
            (1, 3, 6, 7, 8)),
        "tokens": (nn.Sequential(conv(3, 8), Tokens(8), conv(8, 8, padding=1)), (2, 3, 4, 5, 6)),
        "tokens-plane": (nn.Sequential(conv2d(3, 8), Tokens(8), conv2d(8, 8)), (1, 3, 7, 9)),
        "softmax": (Net(lambda n, x: torch.softmax(n.a(x).permute(0, 2, 3, 4, 1), -1), a=conv(3, 5)), SHAPE),
        "moved": (
            Net(lambda n, x: n.b(F.pad(torch.cat([n.a(x).permute(0, 2, 3, 4, 1), F.relu(n.c(x)).permute(0, 2, 3, 4, 1)],
                                                -1)[:, 1:, ::2], (0, 0, 1, 1)).permute(0, 4, 1, 2, 3)),
                a=conv(3, 8, padding=1), c=conv(3, 4, padding=1), b=conv(12, 8)), (1, 3, 6, 7, 8)),
        "squeeze-excite": (
            Net(lambda n, x: n.b((n.p(n.a(x)) * torch.sigmoid(n.l(n.p(n.a(x)).mean((1, 2, 3), keepdim=True)))).permute(
                    0, 4, 1, 2, 3)),
                p=Net(lambda _, x: x.permute(0, 2, 3, 4, 1)), a=conv(3, 8), l=nn.Linear(8, 8), b=conv(8, 8)),
            (1, 3, 6, 7, 8)),
        "end": (Net(lambda n, x: n.l(n.a(x).permute(0, 2, 3, 4, 1)), a=conv(3, 8), l=nn.Linear(8, 5)), (2, 3, 4, 5, 6)),
        "start": (Net(lambda n, x: n.a(F.relu(x).permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1), a=conv(3, 8)),
                  (1, 4, 5, 6, 3)),
        "embedding": (
            Net(lambda n, x: n.b(
                    (n.a(x).permute(0, 2, 3, 4, 1) + n.l.weight.view(1, 4, 5, 6, 8)).permute(0, 4, 1, 2, 3)),
                a=conv(3, 8), l=nn.Linear(8, 120), b=conv(8, 8)), (1, 3, 6, 7, 8)),
        "batch-norm": (
            Net(lambda n, x: n.b(
                    F.relu(n.a(x).permute(0, 2, 3, 4, 1) * n.s.weight[0] + n.s.bias).permute(0, 4, 1, 2, 3)),
                a=conv(3, 8), s=nn.Linear(8, 8), b=conv(8, 8)), (1, 3, 6, 7, 8)),
    }  # fmt: skip
    return {f"last-{name}": Case(net, shape, exact=False) for name, (net, shape) in nets.items()}
