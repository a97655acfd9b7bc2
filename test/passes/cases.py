"""Small networks, one for each thing that can go wrong between a conv and its packed kernel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune as torch_prune


@dataclass(frozen=True)
class Case:
    """A network and its input's shape. `exact`: on integers its float32 result has no rounding."""

    model: nn.Module
    shape: tuple[int, ...]
    exact: bool = True


class Net(nn.Module):
    """Layers and what they compute together: `Net(lambda net, x: net.a(x) + net.b(x), a=..., b=...)`."""

    def __init__(self, compute: Callable[["Net", torch.Tensor], torch.Tensor], **layers: nn.Module):
        super().__init__()
        self.compute = compute
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.compute(self, x)


def conv(
    n: int,
    m: int,
    kernel: int | Sequence[int] = 3,
    density: float = 1.0,
    empty_rows: bool = False,
    **options: object,
) -> nn.Conv3d:
    """A conv that remembers how it is to be pruned once its weights are drawn; `empty_rows` prunes filters 0 to 7."""
    layer = nn.Conv3d(n, m, kernel, **options)  # type: ignore[arg-type]
    layer.density, layer.empty_rows = density, empty_rows  # type: ignore[assignment]
    return layer


def conv2d(n: int, m: int, kernel: int | Sequence[int] = 3, density: float = 1.0, **options: object) -> nn.Conv2d:
    """`conv` of two dimensions."""
    layer = nn.Conv2d(n, m, kernel, **options)  # type: ignore[arg-type]
    layer.density = density  # type: ignore[assignment]
    return layer


def relu_after(layer: nn.Module) -> nn.Module:
    return nn.Sequential(layer, nn.ReLU())


def kernels() -> dict[str, Case]:
    """Kernel shapes, strides, dilations and paddings."""
    x = (1, 8, 5, 6, 9)
    return {
        "3x3x3-padded": Case(conv(8, 16, padding=1), x),
        "1x1x1": Case(conv(8, 16, 1), x),
        "1x7x7": Case(conv(3, 8, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3)), (1, 3, 2, 8, 9)),
        "3x7x7": Case(conv(3, 8, (3, 7, 7), padding=(1, 3, 3)), (1, 3, 3, 5, 6)),
        "stride-w": Case(conv(8, 8, stride=(1, 1, 2), padding=1), x),
        "stride-2": Case(conv(8, 8, stride=2, padding=1), x),
        "dilation-stride": Case(conv(8, 8, (2, 2, 2), dilation=(3, 2, 1), stride=(1, 2, 2)), x),
        "asymmetric": Case(Net(lambda net, x: net.c(F.pad(x, (0, 1, 2, 0, 1, 3))), c=conv(8, 8)), x),
    }


def axes() -> dict[str, Case]:
    """One axis or one thing at a time, where `kernels` has them together."""
    x = (1, 8, 5, 6, 9)
    return {
        "3x3x3": Case(conv(8, 16), x),
        "1x3x3": Case(conv(8, 16, (1, 3, 3), padding=(0, 1, 1)), x),
        "3x1x1": Case(conv(8, 16, (3, 1, 1), padding=(1, 0, 0)), x),
        "stride-d": Case(conv(8, 8, stride=(2, 1, 1), padding=1), x),
        "stride-h": Case(conv(8, 8, stride=(1, 2, 1), padding=1), x),
        "stride-1x1x1": Case(conv(8, 8, 1, stride=2), x),
        "dilation": Case(conv(8, 8, dilation=(1, 2, 3), padding=(1, 2, 3)), x),
    }


def widths() -> dict[str, Case]:
    """Batches, and output rows shorter and longer than a tile, a multiple of it and not."""
    return {
        "batch-2": Case(conv(8, 16, padding=1), (2, 8, 3, 4, 5)),
        "narrow": Case(conv(8, 16, (1, 3, 3)), (1, 8, 3, 7, 5)),
        "width-1": Case(conv(8, 16, (3, 3, 1), padding=(1, 1, 0)), (1, 8, 3, 4, 1)),
        "one-position": Case(conv(8, 16), (1, 8, 3, 3, 3)),
        "multiple": Case(conv(4, 16, (1, 1, 3), padding=(0, 0, 1)), (1, 4, 1, 3, 56)),
        "not-a-multiple": Case(conv(4, 16, (1, 1, 3), padding=(0, 0, 1)), (1, 4, 1, 3, 37)),
        "prime-rows": Case(conv(4, 16, (1, 3, 3), padding=(0, 1, 1)), (1, 4, 1, 13, 11)),
        # 64 KiB of weights a tap: chunks run fastest, and a chunk has more than one tile.
        "large-weights": Case(
            Net(
                lambda net, x: net.b(net.a(x)),
                a=conv(96, 96, (1, 3, 3), padding=(0, 1, 1)),
                b=conv(96, 4, 1, padding=1),
            ),
            (2, 96, 2, 10, 10),
        ),
    }


def channels() -> dict[str, Case]:
    """Channels that no group divides, and all densities."""
    x = (1, 10, 3, 4, 6)
    return {
        "odd": Case(conv(7, 13), (1, 7, 3, 4, 6)),
        "one": Case(conv(1, 1, padding=1), (1, 1, 3, 4, 6)),
        "odd-chain": Case(
            nn.Sequential(relu_after(conv(3, 9, padding=1)), relu_after(conv(9, 11, padding=1)), conv(11, 2)),
            (1, 3, 3, 5, 6),
        ),
        "no-tap": Case(conv(10, 18, density=0.0), x),
        "one-tap": Case(conv(10, 18, density=1e-9), x),
        "quarter": Case(conv(10, 18, density=0.25, padding=1), x),
        "quarter-chain": Case(
            nn.Sequential(relu_after(conv(10, 18, density=0.25, padding=1)), conv(18, 10, density=0.25, padding=1)), x
        ),
        "empty-rows": Case(relu_after(conv(10, 18, empty_rows=True)), x),
    }


def epilogues() -> dict[str, Case]:
    """Bias, ReLU and what else may follow a conv."""
    x = (1, 4, 3, 4, 6)
    return {
        "no-bias": Case(conv(4, 8, bias=False), x),
        "relu": Case(relu_after(conv(4, 8)), x),
        "no-bias-relu": Case(relu_after(conv(4, 8, bias=False)), x),
        "two-relus": Case(relu_after(relu_after(conv(4, 8))), x),
        "no-bias-two-relus": Case(nn.Sequential(relu_after(relu_after(conv(4, 8, bias=False))), conv(8, 4, 1)), x),
        "square": Case(Net(lambda net, x: net.b(net.a(x) ** 2), a=conv(4, 6, bias=False), b=conv(6, 4, 1)), x),
        "twice": Case(Net(lambda net, x: net.b(net.a(x) * 2.0), a=conv(4, 6, bias=False), b=conv(6, 4, 1)), x),
        "halved": Case(Net(lambda net, x: net.b(F.relu(net.a(x)) * 0.5), a=conv(4, 6), b=conv(6, 4, 1)), x),
        "relu6": Case(Net(lambda net, x: net.b(F.relu6(net.a(x))), a=conv(4, 6), b=conv(6, 4, 1)), x),
        # Missing channels hold 0 in the blocked layout: 0 / 0 there must not reach the next conv.
        "divided": Case(
            Net(lambda net, x: net.b(F.relu(net.a(x)) / net.t), a=conv(4, 6), b=conv(6, 4, 1), t=_powers(6)), x
        ),
    }


def graphs() -> dict[str, Case]:
    """Pools, linear layers, and values with several users."""
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
        "pool-of-input": Case(Net(lambda _, x: _flat(F.max_pool3d(x, 2), F.avg_pool3d(x, 2))), (1, 4, 3, 5, 3)),
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
        "shared": Case(Net(lambda net, x: net.c(F.relu(net.c(x))), c=conv(5, 5, padding=1)), (1, 5, 3, 4, 5)),
        "shared-sizes": Case(
            Net(lambda net, x: net.c(net.p(net.c(x))), c=conv(5, 5, padding=1), p=nn.MaxPool3d(2)), (1, 5, 4, 4, 6)
        ),
        "two-consumers": Case(
            Net(lambda net, x: _both(net, F.relu(net.a(x))), a=conv(4, 8), b=conv(8, 8, padding=1), c=conv(8, 8, 1)),
            (1, 4, 4, 5, 6),
        ),
        "two-paddings": Case(
            Net(lambda net, x: _flat(net.b(x), net.c(x)), b=conv(4, 8, padding=1), c=conv(4, 8, padding=(0, 1, 2))),
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
                lambda net, x: net.c(_residual(net, net.a(x))),
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


def planar() -> dict[str, Case]:
    """Networks of 2D and 1D layers, and of layers of several kinds."""
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
                lambda net, x: net.c(_residual(net, net.a(x))),
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


def grouped() -> dict[str, Case]:
    """Grouped and depthwise convs: groups that a row of filters spans, lanes of a depthwise tile, what is behind."""
    x = (1, 8, 5, 6, 9)
    return {
        # Depthwise: windows, strides and dilations.
        "depthwise-padded": Case(depthwise(8, padding=1), x),
        "depthwise-1x7x7": Case(depthwise(8, (1, 7, 7), padding=(0, 3, 3)), (1, 8, 2, 8, 9)),
        "depthwise-stride-w": Case(depthwise(8, stride=(1, 1, 2), padding=1), (1, 8, 3, 4, 22)),
        "depthwise-stride-2": Case(depthwise(8, stride=2, padding=1), (1, 8, 5, 6, 33)),
        "depthwise-dilation-stride": Case(depthwise(8, 2, dilation=(3, 2, 1), stride=(1, 2, 2)), (1, 8, 5, 6, 20)),
        # Depthwise: sizes.
        "depthwise-odd": Case(depthwise(7, padding=1), (1, 7, 3, 4, 6)),
        "depthwise-two": Case(depthwise(2, padding=1), (1, 2, 3, 4, 6)),
        "depthwise-narrow": Case(depthwise(8, (3, 3, 1), padding=(1, 1, 0)), (1, 8, 3, 4, 1)),
        "depthwise-three-columns": Case(depthwise(8), (1, 8, 3, 4, 5)),
        "depthwise-wide": Case(depthwise(8, padding=1), (2, 8, 3, 13, 71)),
        "depthwise-batch-2": Case(depthwise(10, padding=1), (2, 10, 3, 4, 5)),
        # Several filters or channels a group.
        "multiplier-2": Case(depthwise(7, multiplier=2, padding=1), (2, 7, 3, 4, 6)),
        "multiplier-3-stride": Case(depthwise(5, multiplier=3, stride=(1, 2, 2), padding=1), (1, 5, 3, 6, 11)),
        "multiplier-12": Case(depthwise(3, multiplier=12), (1, 3, 3, 4, 6)),
        "pairs": Case(conv(12, 12, groups=6, padding=1), (1, 12, 3, 4, 6)),
        "pairs-multiplier-2": Case(conv(12, 24, groups=6, padding=1), (1, 12, 3, 4, 6)),
        "pairs-to-one": Case(conv(12, 6, groups=6, padding=1), (1, 12, 3, 4, 6)),
        "threes": Case(conv(12, 12, groups=4, padding=1), (1, 12, 3, 4, 6)),
        "blocks": Case(conv(16, 16, groups=4, padding=1), (1, 16, 3, 4, 6)),
        "two-groups": Case(conv(16, 32, groups=2, padding=1), (2, 16, 3, 4, 6)),
        "groups-across-blocks": Case(conv(18, 30, groups=3, stride=(1, 2, 1), padding=1), (1, 18, 3, 4, 6)),
        "groups-pruned": Case(conv(32, 48, groups=2, density=0.25, padding=1), (1, 32, 3, 4, 6)),
        # With their neighbours.
        "groups-twice": Case(
            nn.Sequential(conv(8, 12, 2, groups=4), conv(12, 8, 2, groups=4, bias=False), conv(8, 8, 1, groups=4)),
            (2, 8, 4, 5, 6),
        ),
        "groups-flat": Case(
            nn.Sequential(conv(4, 6, 2, groups=2, stride=2), nn.Flatten(), nn.Linear(12, 5)), (1, 4, 3, 3, 5)
        ),
        "groups-squeezed": Case(
            Net(lambda net, x: net.b(net.a(x).squeeze(2)), a=conv(4, 6, 2, groups=2), b=conv2d(6, 4)), (2, 4, 2, 5, 6)
        ),
        "groups-shared": Case(
            Net(
                lambda net, x: (lambda y: net.b(y) + y)(net.a(x)),
                **{name: conv(6, 6, 1, groups=3, bias=False) for name in "ab"},
            ),
            (1, 6, 3, 4, 5),
        ),
        "depthwise-epilogue": Case(
            nn.Sequential(relu_after(depthwise(6)), relu_after(conv(6, 5, padding=1))), (1, 6, 4, 6, 10)
        ),
        "depthwise-chain": Case(
            nn.Sequential(
                relu_after(conv(3, 10, 1)), relu_after(depthwise(10, padding=1, stride=(1, 2, 2))), conv(10, 6, 1)
            ),
            (2, 3, 4, 7, 12),
        ),
        "depthwise-twice": Case(
            nn.Sequential(
                depthwise(6, (1, 5, 5), padding=(0, 2, 2)), relu_after(depthwise(6, (3, 1, 1), padding=(1, 0, 0)))
            ),
            (1, 6, 4, 6, 10),
        ),
        "depthwise-pool": Case(
            nn.Sequential(depthwise(6, padding=1), nn.MaxPool3d((1, 2, 2)), conv(6, 4, 1)), (1, 6, 4, 6, 10)
        ),
        "depthwise-first-of-residual": Case(
            Net(lambda net, x: net.b(F.relu(net.a(x) + x)), a=depthwise(8, padding=1), b=conv(8, 4, 1)), x
        ),
        "shuffle": Case(
            nn.Sequential(relu_after(conv(12, 12, 1, groups=3)), relu_after(depthwise(12)), conv(12, 12, 1, groups=3)),
            (1, 12, 4, 5, 6),
        ),
        # Two dimensions.
        "chain-2d": Case(
            nn.Sequential(relu_after(conv2d(3, 10, 1)), relu_after(conv2d(10, 10, groups=10)), conv2d(10, 4, 1)),
            (1, 3, 7, 12),
        ),
    }


def windows() -> dict[str, Case]:
    """Windows, strides and dilations of depthwise convs, and 2D ones."""
    x = (1, 8, 5, 6, 9)
    return {
        "depthwise-3x3x3": Case(depthwise(8), x),
        "depthwise-1x5x5": Case(depthwise(8, (1, 5, 5), padding=(0, 2, 2)), x),
        "depthwise-3x1x1": Case(depthwise(8, (3, 1, 1), padding=(1, 0, 0)), x),
        "depthwise-1x1x1": Case(depthwise(8, 1), x),
        "depthwise-stride-d": Case(depthwise(8, stride=(2, 1, 1), padding=1), x),
        "depthwise-stride-h": Case(depthwise(8, stride=(1, 2, 1), padding=1), x),
        "depthwise-stride-3": Case(depthwise(8, stride=(1, 1, 3)), (1, 8, 3, 4, 31)),
        "depthwise-dilation": Case(depthwise(8, dilation=(1, 2, 3), padding=(1, 2, 3)), x),
        "depthwise-asymmetric": Case(Net(lambda net, x: net.c(F.pad(x, (0, 1, 2, 0, 1, 3))), c=depthwise(8)), x),
        "depthwise-2d": Case(conv2d(10, 10, groups=10, padding=1, stride=2), (2, 10, 7, 12)),
        "multiplier-2d": Case(conv2d(6, 12, groups=6, bias=False), (1, 6, 7, 12)),
        "groups-2d": Case(conv2d(16, 8, groups=2, padding=1), (1, 16, 7, 12)),
        "groups-of-one-row": Case(
            Net(
                lambda net, x: (lambda y: net.b(y) + net.c(y))(net.a(x)),
                a=conv2d(4, 2, (3, 1), groups=2),
                b=conv2d(2, 4, 3, padding=1),
                c=conv2d(2, 4, 3, padding=1, groups=2),
            ),
            (1, 4, 3, 7),
        ),
        "groups-flat-2d": Case(
            nn.Sequential(conv2d(4, 6, 2, groups=2, stride=2), nn.Flatten(), nn.Linear(12, 5)), (1, 4, 3, 5)
        ),
        "groups-twice-2d": Case(
            nn.Sequential(conv2d(8, 6, groups=2), conv2d(6, 6, groups=2), conv2d(6, 6, 1, groups=6)), (1, 8, 7, 12)
        ),
    }


def depthwise(channels: int, kernel: int | Sequence[int] = 3, multiplier: int = 1, **options: object) -> nn.Conv3d:
    """A conv with a group for each channel."""
    return conv(channels, channels * multiplier, kernel, groups=channels, **options)


def placed() -> dict[str, Case]:
    """Residuals, concatenations, slices and gates of whole numbers: what place-activations finds a place for."""
    x = (2, 8, 3, 5, 6)
    c1, c3 = (lambda n, m: conv(n, m, 1)), (lambda n, m: conv(n, m, padding=1))
    return {
        "residual-relu": Case(
            Net(lambda net, x: net.c(F.relu(net.b(y := F.relu(net.a(x))) + y)), a=c3(8, 12), b=c3(12, 12), c=c1(12, 8)),
            x,
        ),
        "residual-downsample": Case(
            Net(
                lambda net, x: net.c(F.relu(net.b(F.relu(net.a(x))) + net.d(x))),
                a=conv(8, 12, stride=2, padding=1),
                b=c3(12, 12),
                c=c1(12, 8),
                d=conv(8, 12, 1, stride=2),
            ),
            x,
        ),
        "residual-of-input": Case(Net(lambda net, x: net.b(F.relu(net.a(x) + x)), a=c3(8, 8), b=c1(8, 4)), x),
        "residual-thrice": Case(
            Net(
                lambda net, x: net.d((y := net.a(x)) + (z := net.b(y)) + net.c(F.relu(z)) + y),
                a=c1(8, 6),
                b=c3(6, 6),
                c=c1(6, 6),
                d=c1(6, 5),
            ),
            x,
        ),
        "three-paddings": Case(
            Net(
                lambda net, x: _flat(net.b(y := F.relu(net.a(x))), net.c(y), net.d(y), F.max_pool3d(y, 3, 2, 1), y),
                a=c1(8, 6),
                b=conv(6, 4, (1, 5, 5), padding=(0, 2, 2)),
                c=c3(6, 4),
                d=c1(6, 4),
            ),
            x,
        ),
        "inception": Case(
            Net(
                lambda net, x: net.e(
                    torch.cat(
                        [F.relu(net.a(y := net.i(x))), net.c(F.relu(net.b(y))), net.d(F.max_pool3d(y, 3, 1, 1))], 1
                    )
                ),
                i=c1(8, 8),
                a=c1(8, 8),
                b=c1(8, 4),
                c=c3(4, 12),
                d=c1(8, 6),
                e=c3(26, 4),
            ),
            x,
        ),
        "concat-of-concat": Case(
            Net(
                lambda net, x: net.c(
                    F.max_pool3d(torch.cat([torch.cat([y := net.a(x), z := net.b(x)], 1), net.d(y), F.relu(z)], 1), 2)
                ),
                a=c3(8, 8),
                b=c1(8, 4),
                d=c3(8, 4),
                c=c1(20, 4),
            ),
            (1, 8, 4, 6, 8),
        ),
        "dense-net": Case(
            Net(
                lambda net, x: net.t(
                    torch.cat([k := torch.cat([y := F.relu(net.a(x)), F.relu(net.b(y))], 1), F.relu(net.c(k))], 1)
                ),
                a=c1(8, 8),
                b=c3(8, 4),
                c=c3(12, 4),
                t=c3(16, 4),
            ),
            x,
        ),
        "concat-with-input": Case(Net(lambda net, x: net.b(torch.cat([x, net.a(x)], 1)), a=c3(8, 4), b=c3(12, 4)), x),
        "concat-twice": Case(
            Net(
                lambda net, x: net.c(torch.cat([y := net.a(x), y, net.b(y)], 1)) + net.d(torch.cat([net.b(x), y], 1)),
                a=c1(8, 8),
                b=c3(8, 4),
                c=c1(20, 4),
                d=c1(12, 4),
            ),
            x,
        ),
        "chunk": Case(
            Net(
                lambda net, x: net.c(torch.cat([net.b((y := F.relu(net.a(x)))[:, :8]), y[:, 8:]], 1)),
                a=c3(8, 16),
                b=c3(8, 8),
                c=c1(16, 4),
            ),
            x,
        ),
        "cropped": Case(Net(lambda net, x: net.b(net.a(x)[:, :, 1:, :-1, 2:]), a=c3(8, 8), b=c3(8, 4)), x),
        "returned-concat": Case(
            Net(
                lambda net, x: _flat(k := torch.cat([net.a(x), net.b(x)], 1), net.c(k)),
                a=c1(8, 4),
                b=c3(8, 8),
                c=c3(12, 4),
            ),
            x,
        ),
        "gate": Case(
            Net(
                lambda net, x: net.d((y := F.relu(net.a(x))) * net.c(F.relu(net.b(F.max_pool3d(y, (3, 5, 6)))))),
                a=c1(8, 6),
                b=c1(6, 4),
                c=c1(4, 6),
                d=c1(6, 4),
            ),
            x,
        ),
        "where": Case(
            Net(lambda net, x: net.b(torch.where((y := net.a(x)) > 1, y, y * 2 - 1)), a=c1(8, 6), b=c3(6, 4)), x
        ),
        "hardtanh": Case(Net(lambda net, x: net.b(F.hardtanh(net.a(x), -2.0, 3.0)), a=c1(8, 6), b=c3(6, 4)), x),
    }


def pooled() -> dict[str, Case]:
    """Average pools in every form, and gates of them; their divisors are no powers of two."""
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


def normalized() -> dict[str, Case]:
    """Batch norms."""
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
            Net(lambda net, x: _flat(net.m(y := net.c(x)), y), c=conv(4, 4), m=nn.BatchNorm3d(4)), x, False
        ),
        "1d-batch-norm": Case(
            nn.Sequential(nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), nn.ReLU(), nn.Conv1d(6, 4, 1)), (2, 4, 20), False
        ),
    }


def _powers(channels: int) -> nn.Module:
    """A divisor per channel, powers of two."""
    return _Vector(2.0 ** torch.arange(channels))


class _Vector(nn.Module):
    def __init__(self, vector: torch.Tensor):
        super().__init__()
        self.register_buffer("vector", vector.reshape(-1, 1, 1, 1))

    def __rtruediv__(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.vector


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
    import numpy as np

    groups = np.indices((shape[0] // 8, -(-shape[1] // 4), *shape[2:])).sum(0) % 2 == 0
    return groups.repeat(8, 0)[: shape[0]].repeat(4, 1)[:, : shape[1]]


def _shifted(x: torch.Tensor) -> torch.Tensor:
    """Moved right by one, and then down and left by one."""
    x[..., 1:] = x[..., :-1].clone()
    x[..., 1:, :-1] = x[..., :-1, 1:].clone()
    return x


def _flat(*parts: torch.Tensor) -> torch.Tensor:
    return torch.cat([part.flatten(1) for part in parts], 1)


def _both(net: Net, y: torch.Tensor) -> torch.Tensor:
    return net.b(y) + net.c(y)


def _then(net: Net, y: torch.Tensor) -> torch.Tensor:
    return _flat(y, net.b(y))


def _before(y: torch.Tensor) -> torch.Tensor:
    return _flat(y, F.relu(y))


def _residual(net: Net, y: torch.Tensor) -> torch.Tensor:
    return F.relu(net.b(y) + y)


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
