"""Residuals, concatenations, slices and gates of whole numbers: what place-activations finds a place for."""

import torch
from torch.nn import functional as F

from cases.base import Case, Net, conv, flat


def placed() -> dict[str, Case]:
    """All of them."""
    return residuals() | concatenated() | sliced()


def residuals() -> dict[str, Case]:
    """Sums of branches, and one value that several layers read with other padding."""
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
                lambda net, x: flat(net.b(y := F.relu(net.a(x))), net.c(y), net.d(y), F.max_pool3d(y, 3, 2, 1), y),
                a=c1(8, 6),
                b=conv(6, 4, (1, 5, 5), padding=(0, 2, 2)),
                c=c3(6, 4),
                d=c1(6, 4),
            ),
            x,
        ),
    }


def concatenated() -> dict[str, Case]:
    """Branches that are joined, once and several times."""
    x = (2, 8, 3, 5, 6)
    c1, c3 = (lambda n, m: conv(n, m, 1)), (lambda n, m: conv(n, m, padding=1))
    return {
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
    }


def sliced() -> dict[str, Case]:
    """Slices, a concatenation that is returned, and gates."""
    x = (2, 8, 3, 5, 6)
    c1, c3 = (lambda n, m: conv(n, m, 1)), (lambda n, m: conv(n, m, padding=1))
    return {
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
                lambda net, x: flat(k := torch.cat([net.a(x), net.b(x)], 1), net.c(k)),
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
