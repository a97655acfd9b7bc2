"""Single convs and short chains of them: what can go wrong between a conv and its packed kernel."""

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, relu_after


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
        # Some outer taps read only padding; those of the grouped conv and of the one with strides are cut, too.
        "far-apart": Case(conv(8, 16, dilation=(9, 4, 5), padding=(9, 4, 5)), (1, 8, 2, 5, 4)),
        "far-apart-grouped": Case(conv(16, 16, dilation=6, padding=6, groups=2, bias=False), (1, 16, 2, 3, 9)),
        "far-apart-stride": Case(
            conv(8, 8, (1, 3, 5), dilation=(1, 5, 4), stride=2, padding=(0, 7, 7)), (1, 8, 2, 4, 3)
        ),
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


def _powers(channels: int) -> nn.Module:
    """A divisor per channel, powers of two."""
    return _Vector(2.0 ** torch.arange(channels))


class _Vector(nn.Module):
    def __init__(self, vector: torch.Tensor):
        super().__init__()
        self.register_buffer("vector", vector.reshape(-1, 1, 1, 1))

    def __rtruediv__(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.vector
