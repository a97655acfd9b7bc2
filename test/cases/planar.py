"""Networks of 2D and 1D layers, and of layers of several kinds."""

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d, relu_after, residual


def planar() -> dict[str, Case]:
    """All of them."""
    return layers() | mixed()


def layers() -> dict[str, Case]:
    """2D convs, pools and joins."""
    x = (2, 4, 9, 10)
    return {
        "2d": Case(conv2d(4, 8, padding=1, stride=2), x),
        "2d-dilation": Case(conv2d(4, 8, (3, 2), padding=(2, 0), dilation=(2, 3), bias=False), x),
        "2d-same": Case(nn.Sequential(conv2d(4, 8, padding="same"), nn.ReLU(), conv2d(8, 4, 1)), x),
        "2d-quarter": Case(
            nn.Sequential(relu_after(conv2d(10, 18, density=0.25, padding=1)), conv2d(18, 5, density=0.25)),
            (1, 10, 6, 7),
        ),
        "2d-padded-apart": Case(
            Net(lambda net, x: net.b(F.pad(net.a(x), (0, 1, 2, 0))), a=conv2d(4, 6), b=conv2d(6, 4)), x
        ),
        "2d-pool": Case(
            nn.Sequential(relu_after(conv2d(4, 6, padding=1)), nn.MaxPool2d(2), conv2d(6, 5)), (2, 4, 8, 12)
        ),
        "2d-pool-overlap": Case(nn.Sequential(conv2d(4, 8), nn.MaxPool2d(3, 2, padding=1), conv2d(8, 4, 1)), x),
        "2d-pool-ceil": Case(nn.Sequential(conv2d(4, 8), nn.MaxPool2d(2, ceil_mode=True), conv2d(8, 4, 1)), x),
        "2d-pool-dilated": Case(nn.Sequential(conv2d(4, 8), nn.MaxPool2d(2, 1, dilation=2), conv2d(8, 4, 1)), x),
        "2d-avg-pool": Case(nn.Sequential(conv2d(4, 8, bias=False), nn.AvgPool2d(2), conv2d(8, 4, 1)), x),
        "2d-residual": Case(
            Net(
                lambda net, x: net.c(residual(net, net.a(x))),
                a=conv2d(4, 8),
                b=conv2d(8, 8, padding=1),
                c=conv2d(8, 4),
            ),
            x,
        ),
        "2d-concat": Case(
            Net(
                lambda net, x: net.c(torch.cat([net.a(x), net.b(x)], 1)),
                a=conv2d(4, 8),
                b=conv2d(4, 4),
                c=conv2d(12, 4),
            ),
            x,
        ),
        "2d-concat-width": Case(
            Net(
                lambda net, x: net.c(torch.cat([net.a(x), net.b(x)], 3)), a=conv2d(4, 8), b=conv2d(4, 8), c=conv2d(8, 4)
            ),
            x,
        ),
        "2d-sum-of-rows": Case(Net(lambda net, x: net.a(x).sum(3), a=conv2d(4, 8)), x),
    }


def mixed() -> dict[str, Case]:
    """Whole nets, 1D layers, linear ones, and 2D layers before or after 3D ones."""
    return {
        "lenet": Case(
            nn.Sequential(
                relu_after(conv2d(1, 6, 3)),
                nn.MaxPool2d(2),
                relu_after(conv2d(6, 8, 3)),
                nn.Flatten(),
                relu_after(nn.Linear(8 * 9, 12)),
                nn.Linear(12, 5),
            ),
            (2, 1, 12, 12),
        ),
        "1d": Case(
            nn.Sequential(
                relu_after(nn.Conv1d(4, 8, 3, padding=1)), nn.MaxPool1d(2), nn.Conv1d(8, 5, 3, stride=2, dilation=2)
            ),
            (2, 4, 24),
        ),
        "mlp": Case(nn.Sequential(relu_after(nn.Linear(10, 20)), nn.Linear(20, 3)), (4, 10)),
        "mlp-of-tokens": Case(nn.Sequential(relu_after(nn.Linear(10, 20)), nn.Linear(20, 3)), (2, 3, 10)),
        "3d-then-2d": Case(
            Net(lambda net, x: net.b(F.relu(net.a(x)).squeeze(2)), a=conv(3, 8, (4, 3, 3)), b=conv2d(8, 4)),
            (1, 3, 4, 8, 8),
        ),
        "2d-of-frames": Case(
            Net(
                _frames,
                a=conv2d(3, 6, padding=1),
                p=nn.MaxPool2d(2),
                t=conv(6, 8, (3, 1, 1)),
                fc=nn.Linear(8 * 2 * 16, 5),
            ),
            (2, 3, 4, 8, 8),
        ),
        "1d-of-frames": Case(
            Net(lambda net, x: net.t(_clips(net.a(_images(x)).sum((2, 3)), x)), a=conv2d(3, 6), t=nn.Conv1d(6, 4, 3)),
            (2, 3, 4, 5, 6),
        ),
    }


def _images(clips: torch.Tensor) -> torch.Tensor:
    """[B, C, T, H, W] -> [B * T, C, H, W]."""
    return clips.transpose(1, 2).flatten(0, 1)


def _clips(frames: torch.Tensor, clips: torch.Tensor) -> torch.Tensor:
    """[B * T, C, ...] -> [B, C, T, ...]."""
    return frames.unflatten(0, (clips.shape[0], clips.shape[2])).transpose(1, 2)


def _frames(net: Net, x: torch.Tensor) -> torch.Tensor:
    """2D layers on each frame, a 3D layer over time, a linear one."""
    y = _clips(net.p(F.relu(net.a(_images(x)))), x)
    return net.fc(F.relu(net.t(y)).flatten(1))
