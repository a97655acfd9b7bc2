"""Batch norms behind, before and between convs."""

from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, depthwise, flat


def normalized() -> dict[str, Case]:
    """Those that are folded into a conv, and those that cannot be."""
    x = (1, 4, 4, 5, 6)
    return {
        "batch-norm": Case(
            nn.Sequential(conv(4, 6, bias=False), nn.BatchNorm3d(6), nn.ReLU(), conv(6, 4, padding=1)), x, False
        ),
        "batch-norm-bias": Case(
            nn.Sequential(conv(4, 8, density=0.25), nn.BatchNorm3d(8), conv(8, 4)), (1, 4, 6, 6, 6), False
        ),
        "batch-norm-plain": Case(nn.Sequential(conv(4, 8, 1), nn.BatchNorm3d(8, affine=False)), x, False),
        "batch-norm-one-plane": Case(nn.Sequential(conv(4, 6), nn.BatchNorm3d(6)), (1, 4, 3, 3, 6), False),
        "batch-norm-grouped": Case(
            nn.Sequential(
                *(conv(6, 12, 1, bias=False), nn.BatchNorm3d(12), nn.ReLU()),
                *(depthwise(12, padding=1, bias=False), nn.BatchNorm3d(12), nn.ReLU()),
                *(conv(12, 16, 1, groups=2), nn.BatchNorm3d(16)),
            ),
            (1, 6, 3, 4, 6),
            False,
        ),
        "batch-norm-first": Case(nn.Sequential(nn.BatchNorm3d(4), conv(4, 8, padding=1)), x, False),
        "batch-norm-shared": Case(
            Net(
                lambda net, x: net.n(net.c(F.relu(net.m(net.c(x))))),
                c=conv(4, 4, padding=1),
                m=nn.BatchNorm3d(4),
                n=nn.BatchNorm3d(4),
            ),
            x,
            False,
        ),
        "batch-norm-two-users": Case(
            Net(lambda net, x: flat(net.m(y := net.c(x)), y), c=conv(4, 4), m=nn.BatchNorm3d(4)), x, False
        ),
        "1d-batch-norm": Case(
            nn.Sequential(nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), nn.ReLU(), nn.Conv1d(6, 4, 1)), (2, 4, 20), False
        ),
    }
