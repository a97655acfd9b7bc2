"""Activations and gates: networks whose float32 results are rounded whatever the weights."""

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d, depthwise
from cases.pools import averaged


def pooled() -> dict[str, Case]:
    """What takes averages: pools, and gates of them."""
    return averaged() | gated()


def rounded() -> dict[str, Case]:
    """Networks whose float32 results are rounded whatever the weights."""
    x = (1, 4, 4, 5, 6)
    return {
        "depthwise-silu": Case(nn.Sequential(depthwise(8), nn.SiLU(), conv(8, 4, 1)), (1, 8, 4, 5, 6), False),
        "depthwise-hardswish": Case(
            nn.Sequential(depthwise(6), nn.Hardswish(), conv(6, 4, padding=1)), (1, 6, 4, 5, 6), False
        ),
        "sigmoid": Case(nn.Sequential(conv(4, 8, bias=False), nn.Sigmoid(), conv(8, 4, padding=1)), x, False),
        "sigmoid-odd": Case(nn.Sequential(conv(4, 6), nn.Sigmoid(), conv(6, 4, padding=1)), x, False),
        "gelu": Case(nn.Sequential(conv(4, 8), nn.GELU(), conv(8, 4, padding=1)), x, False),
        "silu": Case(nn.Sequential(conv(4, 8), nn.SiLU(), conv(8, 4, padding=1)), x, False),
        "leaky": Case(nn.Sequential(conv(4, 8), nn.LeakyReLU(0.1), conv(8, 4, padding=1)), x, False),
        "tenth": Case(Net(lambda net, x: net.b(net.a(x) * 0.1), a=conv(4, 8, bias=False), b=conv(8, 4, 1)), x, False),
        "mean": Case(nn.Sequential(conv(4, 8), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 5)), x, False),
        "adaptive-unequal": Case(
            nn.Sequential(conv(4, 6, 1), nn.AdaptiveAvgPool3d((3, 4, 5)), conv(6, 4, 1)), (2, 4, 4, 6, 7), False
        ),
        "adaptive-tokens": Case(
            Net(lambda net, x: F.adaptive_avg_pool3d(net.a(x), (2, 1, 3)).flatten(2).transpose(1, 2), a=conv(4, 6, 1)),
            (2, 4, 3, 4, 7),
            False,
        ),
        "avg-pool": Case(nn.Sequential(conv(4, 8), nn.AvgPool3d(2), conv(8, 4, 1)), (1, 4, 4, 6, 8), False),
        "2d-avg-pool-border": Case(
            nn.Sequential(conv2d(4, 8), nn.AvgPool2d(3, 2, 1, count_include_pad=False), conv2d(8, 4, 1)),
            (2, 4, 9, 10),
            False,
        ),
        "2d-resnet": Case(
            nn.Sequential(
                conv2d(3, 8, 7, stride=2, padding=3, bias=False),
                nn.BatchNorm2d(8),
                nn.ReLU(),
                nn.MaxPool2d(3, 2, padding=1),
                _Block(8, 16),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(16, 5),
            ),
            (2, 3, 24, 28),
            False,
        ),
        "2d-gate": Case(
            Net(
                lambda net, x: net.c((y := net.a(x)) * torch.sigmoid(net.g(y.mean((2, 3), keepdim=True)))),
                a=conv2d(4, 8),
                g=conv2d(8, 8, 1),
                c=conv2d(8, 4),
            ),
            (2, 4, 8, 9),
            False,
        ),
    }


def gated() -> dict[str, Case]:
    """Gates of average pools, and activations one after the other."""
    x = (2, 8, 4, 6, 7)
    return {
        "squeeze-excite": Case(
            Net(
                lambda net, x: net.d(
                    (y := F.silu(net.a(x))) * torch.sigmoid(net.c(F.relu(net.b(y.mean((2, 3, 4), keepdim=True)))))
                ),
                a=depthwise(8, padding=1),
                b=conv(8, 4, 1),
                c=conv(4, 8, 1),
                d=conv(8, 6, 1),
            ),
            x,
            False,
        ),
        "squeeze-excite-odd": Case(
            Net(
                lambda net, x: net.d(
                    (y := F.hardswish(net.a(x))) * F.hardsigmoid(net.c(F.relu(net.b(F.adaptive_avg_pool3d(y, 1)))))
                ),
                a=conv(8, 6, padding=1),
                b=conv(6, 2, 1),
                c=conv(2, 6, 1),
                d=conv(6, 6, padding=1),
            ),
            x,
            False,
        ),
        "squeeze-excite-linear": Case(
            Net(
                lambda net, x: net.d(
                    (y := net.a(x)) * torch.sigmoid(net.c(F.relu(net.b(y.mean((2, 3, 4)))))).view(2, 6, 1, 1, 1)
                ),
                a=conv(8, 6, padding=1),
                b=nn.Linear(6, 4),
                c=nn.Linear(4, 6),
                d=conv(6, 6, padding=1),
            ),
            x,
            False,
        ),
        "squeeze-excite-index": Case(
            Net(
                lambda net, x: net.d((y := net.a(x)) * torch.sigmoid(net.c(y.mean((2, 3, 4))))[:, :, None, None, None]),
                a=conv(8, 6, padding=1),
                c=nn.Linear(6, 6),
                d=conv(6, 6, padding=1),
            ),
            x,
            False,
        ),
        "activations": Case(
            nn.Sequential(
                *(
                    part
                    for act in (nn.ELU(), nn.GELU("tanh"), nn.Softplus(), nn.Mish(), nn.Hardswish(), nn.CELU())
                    for part in (conv(6, 6, 1), act)
                ),
                conv(6, 4, padding=1),
            ),
            (1, 6, 3, 4, 5),
            False,
        ),
    }


class _Block(nn.Module):
    """ResNet's basic block with a downsampling shortcut."""

    def __init__(self, n: int, m: int):
        super().__init__()
        self.a, self.a_norm = conv2d(n, m, stride=2, padding=1, bias=False), nn.BatchNorm2d(m)
        self.b, self.b_norm = conv2d(m, m, padding=1, bias=False), nn.BatchNorm2d(m)
        self.short = nn.Sequential(conv2d(n, m, 1, stride=2, bias=False), nn.BatchNorm2d(m))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.b_norm(self.b(F.relu(self.a_norm(self.a(x)))))
        return F.relu(y + self.short(x))
