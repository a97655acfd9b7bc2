"""Norms of channels and groups of them, between packed layers: statistics of the blocked layout, then elementwise."""

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d

SHAPE = (1, 3, 4, 5, 6)


def between(norm: nn.Module, channels: int = 12, pad: int = 1) -> nn.Module:
    """Between two convs, the second of which reads zeros around what is normalized."""
    return nn.Sequential(conv(3, channels, padding=1), norm, nn.LeakyReLU(0.1), conv(channels, 8, padding=pad))


class ByHand(nn.Module):
    """An instance norm that somebody wrote down."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((2, 3, 4), keepdim=True)
        variance = ((x - mean) * (x - mean)).mean((2, 3, 4), keepdim=True)
        return (x - mean) / (variance + 1e-3).sqrt()


def channel_norms() -> dict[str, Case]:
    """Instance and group norms; no result is exact, for it is divided by a root."""
    nets: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
        "instance": (between(nn.InstanceNorm3d(12, affine=True)), (2, 3, 4, 5, 6)),
        "instance-plain": (between(nn.InstanceNorm3d(12)), SHAPE),
        "instance-odd": (between(nn.InstanceNorm3d(7, affine=True), 7), SHAPE),
        "instance-unpadded": (between(nn.InstanceNorm3d(12), pad=0), SHAPE),
        "instance-one-column": (between(nn.InstanceNorm3d(12)), (1, 3, 5, 7, 1)),
        "instance-many-positions": (between(nn.InstanceNorm3d(4), 4), (1, 3, 9, 31, 37)),
        **{
            f"groups-of-{12 // groups}": (between(nn.GroupNorm(groups, 12)), SHAPE) for groups in (1, 2, 3, 4, 6, 12)
        },
        "groups-odd": (between(nn.GroupNorm(3, 15), 15), SHAPE),
        "groups-of-two-odd": (between(nn.GroupNorm(5, 10, affine=False), 10), (2, 3, 4, 5, 6)),
        "groups-wide": (between(nn.GroupNorm(2, 48), 48), (1, 3, 3, 3, 5)),
        "far-from-zero": (between(nn.Sequential(Net(lambda _, x: x + 10), nn.InstanceNorm3d(12))), SHAPE),
        "alike": (between(nn.Sequential(Net(lambda _, x: x * 0 + 3), nn.GroupNorm(3, 12))), SHAPE),
        "by-hand": (between(ByHand()), SHAPE),
        "of-the-input": (nn.Sequential(nn.InstanceNorm3d(3), conv(3, 8, padding=1)), SHAPE),
        "of-a-sum": (
            Net(
                lambda net, x: net.b(net.n(net.a(x) + net.c(x))),
                a=conv(3, 8), c=conv(3, 8), n=nn.GroupNorm(2, 8), b=conv(8, 8, 1),
            ),
            SHAPE,
        ),
        "joined": (
            Net(
                lambda net, x: net.b(torch.cat([F.relu(net.n(net.a(x))), net.c(x)], 1)),
                a=conv(3, 8, padding=1), c=conv(3, 4, padding=1), n=nn.InstanceNorm3d(8), b=conv(12, 8, padding=1),
            ),
            SHAPE,
        ),
        "twice": (between(nn.Sequential(nn.GroupNorm(2, 12), nn.InstanceNorm3d(12))), SHAPE),
        "plane": (nn.Sequential(conv2d(3, 8, padding=1), nn.GroupNorm(2, 8), conv2d(8, 8)), (2, 3, 7, 9)),
        "plane-instance": (nn.Sequential(conv2d(3, 6, padding=1), nn.InstanceNorm2d(6), conv2d(6, 8)), (1, 3, 7, 9)),
        "row": (nn.Sequential(nn.Conv1d(3, 6, 3), nn.GroupNorm(3, 6), nn.Conv1d(6, 8, 3)), (2, 3, 19)),
    }  # fmt: skip
    return {f"norm-{name}": Case(net, shape, exact=False) for name, (net, shape) in nets.items()}
