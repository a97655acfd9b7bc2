"""Max and average pools."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d, flat, relu_after


def max_pools() -> dict[str, Case]:
    """Windows that do not overlap. Where they tile the conv's output, the pool goes into its kernel."""
    return {
        "pool": Case(
            nn.Sequential(relu_after(conv(4, 8, padding=1)), nn.MaxPool3d(2), conv(8, 8, padding=1)), (1, 4, 4, 6, 8)
        ),
        "pool-first": Case(nn.Sequential(conv(4, 8), nn.MaxPool3d((1, 2, 2))), (1, 4, 4, 6, 8)),
        # Windows that tile the conv's output: the pool goes into its kernel.
        "pool-inside": Case(
            nn.Sequential(relu_after(conv(3, 6, padding=1)), nn.MaxPool3d((1, 2, 2)), conv(6, 5, padding=(0, 1, 1))),
            (2, 3, 3, 6, 34),
        ),
        "pool-inside-wide-window": Case(
            nn.Sequential(conv(4, 20, (1, 3, 3), stride=(1, 2, 1)), nn.MaxPool3d((1, 1, 3)), conv(20, 4, 1)),
            (1, 4, 2, 9, 23),
        ),
        "pool-inside-deep": Case(
            nn.Sequential(relu_after(conv(4, 20, padding=1)), nn.MaxPool3d((2, 3, 2)), conv(20, 4, padding=1)),
            (2, 4, 4, 6, 34),
        ),
        "pool-inside-tall": Case(nn.Sequential(conv(4, 8, 1), nn.MaxPool3d((1, 32, 2))), (1, 4, 1, 32, 4)),
        "pool-inside-wide": Case(nn.Sequential(conv(4, 8, 1), nn.MaxPool3d((1, 2, 32))), (1, 4, 1, 4, 32)),
    }


def overlapping() -> dict[str, Case]:
    """Max pools whose windows overlap, and others that no kernel of a conv takes."""
    return {
        # Windows that share a row with the next one: into the kernel, too. Several rows a chunk; one; no last row; no
        # padding; three rows apart; behind a residual.
        "pool-rows": Case(
            nn.Sequential(relu_after(conv(4, 20, 1)), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), conv(20, 4, 1)),
            (1, 4, 8, 34, 9),
        ),
        "pool-rows-padded": Case(
            nn.Sequential(
                relu_after(conv(3, 6, (1, 3, 3), padding=(0, 1, 1))),
                nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
                conv(6, 5, padding=(0, 1, 1)),
            ),
            (2, 3, 3, 9, 11),
        ),
        "pool-rows-inside": Case(
            nn.Sequential(conv(4, 8, 1), nn.MaxPool3d((1, 3, 2), (1, 2, 1)), conv(8, 4, 1)), (1, 4, 16, 31, 6)
        ),
        "pool-rows-ceil": Case(
            nn.Sequential(conv(4, 8, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2), ceil_mode=True), conv(8, 4, 1)),
            (1, 4, 10, 32, 8),
        ),
        "pool-rows-apart": Case(
            nn.Sequential(conv(4, 8, 1), nn.MaxPool3d((1, 4, 5), (1, 3, 2), (0, 1, 2)), conv(8, 4, 1)),
            (1, 4, 16, 35, 9),
        ),
        "pool-rows-residual": Case(
            Net(
                lambda net, x: net.b(F.max_pool3d(F.relu(net.a(y := net.i(x)) + y), (1, 3, 3), (1, 2, 2), (0, 1, 1))),
                i=conv(4, 8, 1),
                a=conv(8, 8, (3, 1, 1), padding=(1, 0, 0)),
                b=conv(8, 4, 1),
            ),
            (1, 4, 9, 33, 10),
        ),
        "pool-overlap": Case(
            nn.Sequential(conv(4, 8), nn.MaxPool3d(3, stride=(1, 2, 2), padding=1), conv(8, 4, padding=(0, 1, 1))),
            (1, 4, 5, 7, 8),
        ),
        "pool-ceil": Case(
            nn.Sequential(conv(4, 8, 1), nn.MaxPool3d(2, ceil_mode=True), conv(8, 4, 1)), (2, 4, 5, 7, 9)
        ),
        "pool-chain": Case(
            nn.Sequential(
                conv(4, 8, 1), nn.MaxPool3d(2), nn.MaxPool3d(3, 1, padding=1), conv(8, 4, 1, padding=(0, 1, 2))
            ),
            (1, 4, 4, 6, 8),
        ),
        # Left to IREE, which takes one window along an axis for all of the input (trim-windows).
        "pool-of-input": Case(Net(lambda _, x: flat(F.max_pool3d(x, 2), F.avg_pool3d(x, 2))), (1, 4, 3, 5, 3)),
    }


def averaged() -> dict[str, Case]:
    """Average pools in every form; their divisors are no powers of two."""
    x, c = (2, 8, 4, 6, 7), lambda: conv(8, 6, 1)

    def pool(*arguments: object, **options: object) -> Case:
        return Case(nn.Sequential(c(), nn.AvgPool3d(*arguments, **options), conv(6, 4, 1)), x, False)

    def function(compute: Callable[[torch.Tensor], torch.Tensor]) -> Case:
        return Case(Net(lambda net, x: compute(net.a(x)), a=c()), x, False)

    return {
        "avg": pool((2, 2, 3), 2),
        "avg-padded": pool(3, 2, 1),
        "avg-not-counted": pool((1, 2, 3), (1, 2, 2), (0, 1, 1), count_include_pad=False),
        "avg-ceil": pool((1, 2, 2), (1, 2, 2), ceil_mode=True),
        "avg-ceil-padded": pool((1, 3, 3), (1, 2, 2), (0, 1, 1), ceil_mode=True),
        "avg-ceil-not-counted": pool(3, 2, 1, ceil_mode=True, count_include_pad=False),
        "avg-override": pool(2, divisor_override=3),
        "avg-relu": function(lambda y: F.relu(F.avg_pool3d(y, 3, 1, 1)) + y),
        "mean-keepdim": function(lambda y: y.mean((2, 3, 4), keepdim=True)),
        "mean-of-space": function(lambda y: y.mean((3, 4), keepdim=True) * 2),
        "mean-flat": Case(
            Net(lambda net, x: net.b(F.relu(net.a(x).mean((2, 3, 4)))), a=c(), b=nn.Linear(6, 3)), x, False
        ),
        "adaptive": Case(nn.Sequential(c(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(6, 3)), x, False),
        "adaptive-equal": Case(nn.Sequential(c(), nn.AdaptiveAvgPool3d((2, 3, 7)), conv(6, 4, 1)), x, False),
        "2d-avg-padded": Case(
            nn.Sequential(conv2d(8, 6), nn.AvgPool2d(3, 2, 1, count_include_pad=False), conv2d(6, 4, 1)),
            (2, 8, 6, 7),
            False,
        ),
        "2d-mean": Case(
            Net(lambda net, x: net.b(net.a(x).mean((2, 3))), a=conv2d(8, 6), b=nn.Linear(6, 3)), (2, 8, 6, 7), False
        ),
        "1d-avg": Case(nn.Sequential(nn.Conv1d(8, 6, 3), nn.AvgPool1d(2), nn.Conv1d(6, 4, 1)), (2, 8, 9), False),
    }
