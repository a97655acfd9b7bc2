"""Grouped and depthwise convs: groups that a row of filters spans, lanes of a depthwise tile, what is behind."""

from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d, depthwise, relu_after


def grouped() -> dict[str, Case]:
    """All but `windows`."""
    return lanes() | several_a_group() | neighbours()


def lanes() -> dict[str, Case]:
    """Depthwise convs: windows, strides, dilations, and sizes that fill the lanes of a tile or do not."""
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
    }


def several_a_group() -> dict[str, Case]:
    """Several filters or channels a group."""
    return {
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
    }


def neighbours() -> dict[str, Case]:
    """Grouped convs with their neighbours, and 2D ones."""
    x = (1, 8, 5, 6, 9)
    return {
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
