"""Pools, linear layers, and values with several users."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune as torch_prune

from cases.base import Case, Net, conv, flat, relu_after, residual
from cases.pools import max_pools, overlapping


def graphs() -> dict[str, Case]:
    """What is between layers: pools, copies, linear layers, several users."""
    return max_pools() | overlapping() | copies() | linear() | users()


def copies() -> dict[str, Case]:
    """Copies within one tensor, which IREE would make in place (clone-slices)."""
    return {
        # Copies within one tensor, which IREE would make in place (clone-slices).
        "circular": Case(nn.Conv3d(4, 8, 3, padding=1, padding_mode="circular"), (1, 4, 3, 4, 5)),
        "circular-1d": Case(
            nn.Sequential(
                nn.Conv1d(3, 8, 3, padding=1, padding_mode="circular"),
                nn.ReLU(),
                nn.Conv1d(8, 4, 5, padding=2, padding_mode="circular"),
            ),
            (2, 3, 9),
        ),
        "overlapping-copy": Case(Net(lambda _, x: _shifted(F.relu(x))), (1, 2, 4, 5, 5)),
    }


def linear() -> dict[str, Case]:
    """Linear layers, alone and after a flatten."""
    return {
        "linear": Case(nn.Sequential(nn.Flatten(), nn.Linear(24, 10)), (2, 4, 1, 2, 3)),
        "linear-only": Case(nn.Linear(10, 5, bias=False), (3, 10)),
        "linear-chain": Case(
            nn.Sequential(
                relu_after(conv(4, 6, padding=1)),
                nn.MaxPool3d(2, padding=(0, 1, 1)),
                nn.Flatten(),
                relu_after(nn.Linear(6 * 1 * 2 * 3, 9)),
                nn.Linear(9, 5),
            ),
            (2, 4, 2, 3, 4),
        ),
    }


def users() -> dict[str, Case]:
    """Layers that are used twice, values with several users, and what is joined or masked."""
    return {
        "shared": Case(Net(lambda net, x: net.c(F.relu(net.c(x))), c=conv(5, 5, padding=1)), (1, 5, 3, 4, 5)),
        "shared-sizes": Case(
            Net(lambda net, x: net.c(net.p(net.c(x))), c=conv(5, 5, padding=1), p=nn.MaxPool3d(2)), (1, 5, 4, 4, 6)
        ),
        "two-consumers": Case(
            Net(lambda net, x: _both(net, F.relu(net.a(x))), a=conv(4, 8), b=conv(8, 8, padding=1), c=conv(8, 8, 1)),
            (1, 4, 4, 5, 6),
        ),
        "two-paddings": Case(
            Net(lambda net, x: flat(net.b(x), net.c(x)), b=conv(4, 8, padding=1), c=conv(4, 8, padding=(0, 1, 2))),
            (1, 4, 4, 5, 6),
        ),
        "returned-too": Case(
            Net(lambda net, x: _then(net, F.relu(net.a(x))), a=conv(4, 6), b=conv(6, 4, padding=1)), (1, 4, 4, 5, 6)
        ),
        "before-relu-too": Case(Net(lambda net, x: _before(net.a(x)), a=conv(4, 6)), (1, 4, 4, 5, 6)),
        "residual": Case(
            Net(lambda net, x: F.relu(net.b(F.relu(net.a(x))) + x), a=conv(8, 8, padding=1), b=conv(8, 8, padding=1)),
            (1, 8, 3, 4, 5),
        ),
        "residual-inside": Case(
            Net(
                lambda net, x: net.c(residual(net, net.a(x))),
                a=conv(3, 8),
                b=conv(8, 8, padding=1),
                c=conv(8, 4, padding=1),
            ),
            (1, 3, 4, 5, 6),
        ),
        "concat": Case(
            Net(
                lambda net, x: net.c(torch.cat([net.a(x), net.b(x)], 1)),
                a=conv(4, 8),
                b=conv(4, 4),
                c=conv(12, 4, padding=1),
            ),
            (1, 4, 4, 5, 6),
        ),
        "concat-odd": Case(
            Net(
                lambda net, x: net.c(torch.cat([net.a(x), net.b(x)], 1)),
                a=conv(8, 6, 1),
                b=conv(8, 4, 1),
                c=conv(10, 4, 1),
            ),
            (2, 8, 3, 5, 6),
        ),
        "prelu": Case(nn.Sequential(conv(8, 6, 1), nn.PReLU(6), conv(6, 4, padding=1)), (2, 8, 3, 5, 6)),
        "flatten-2": Case(Net(lambda net, x: F.relu(net.a(x).flatten(2)), a=conv(4, 8)), (1, 4, 4, 5, 6)),
        "prune": Case(nn.Sequential(_masked(conv(8, 16)), nn.ReLU(), _masked(conv(16, 8, 1))), (1, 8, 3, 4, 5)),
        "weights-of-one-parameter": Case(Net(_three_ways, c=nn.Conv2d(8, 12, 3, bias=False)), (1, 8, 5, 5, 5)),
    }


def _three_ways(net: Net, x: torch.Tensor) -> torch.Tensor:
    """The 2D filters of one parameter, a third of them across each axis, as ACS convs have them."""
    kernels = [part.unsqueeze(2 + axis) for axis, part in enumerate(net.c.weight.split(4))]
    padding = ((0, 1, 1), (1, 0, 1), (1, 1, 0))
    return torch.cat([F.conv3d(x, w, padding=around) for w, around in zip(kernels, padding, strict=True)], 1)


def _masked(layer: nn.Conv3d) -> nn.Conv3d:
    """torch.nn.utils.prune: `weight` is `weight_orig * weight_mask` in every forward."""
    keep = torch.from_numpy(_checkerboard(tuple(layer.weight.shape)))
    return torch_prune.custom_from_mask(layer, "weight", keep)


def _checkerboard(shape: tuple[int, ...]):
    groups = np.indices((shape[0] // 8, -(-shape[1] // 4), *shape[2:])).sum(0) % 2 == 0
    return groups.repeat(8, 0)[: shape[0]].repeat(4, 1)[:, : shape[1]]


def _shifted(x: torch.Tensor) -> torch.Tensor:
    """Moved right by one, and then down and left by one."""
    x[..., 1:] = x[..., :-1].clone()
    x[..., 1:, :-1] = x[..., :-1, 1:].clone()
    return x


def _both(net: Net, y: torch.Tensor) -> torch.Tensor:
    return net.b(y) + net.c(y)


def _then(net: Net, y: torch.Tensor) -> torch.Tensor:
    return flat(y, net.b(y))


def _before(y: torch.Tensor) -> torch.Tensor:
    return flat(y, F.relu(y))
