"""Channels that move between layers: slices, concatenations, pads, shuffles and lists that cut through blocks."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d
from cases.foreign import SHAPE, Between, Planes, Uneven


def _temporal_shift(x: torch.Tensor) -> torch.Tensor:
    """TSM's, whose parts are a quarter of 12 channels each way."""
    back, ahead, rest = x.split([3, 3, 6], 1)
    return torch.cat([F.pad(back[:, :, 1:], (0, 0, 0, 0, 0, 1)), F.pad(ahead[:, :, :-1], (0, 0, 0, 0, 1, 0)), rest], 1)


def _written(x: torch.Tensor) -> torch.Tensor:
    """TSM's as its own code has it: slices that are written, of whole blocks."""
    y = torch.zeros_like(x)
    y[:, :4, :-1] = x[:, :4, 1:]
    y[:, 4:8, 1:] = x[:, 4:8, :-1]
    y[:, 8:] = x[:, 8:]
    return y


def _written_into_zeros(x: torch.Tensor) -> torch.Tensor:
    y = x.new_zeros(1, 9, 6, 6, 9)
    y[:, 3:8, 1:5, :, 1:] = x[:, :5]
    return y


def _overwritten(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, 4:, 1:3, :, 2:5] = F.relu(x)[:, 4:, 1:3, :, 2:5]
    return y


def _shuffled(groups: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def shuffle(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)

    return shuffle


def _halves(net: Net, x: torch.Tensor) -> torch.Tensor:
    """ShuffleNet V2's unit: half of the channels pass by."""
    kept, rest = net.first(x).chunk(2, 1)
    return net.last(_shuffled(2)(torch.cat([kept, F.relu(net.middle(rest))], 1)))


def channel_moves() -> dict[str, Case]:
    bodies: dict[str, tuple[nn.Module | Callable[[torch.Tensor], torch.Tensor], int, int]] = {
        "temporal-shift-uneven": (_temporal_shift, 12, 12),
        "temporal-shift-written": (_written, 12, 12),
        "written-into-zeros": (_written_into_zeros, 9, 9),
        "overwritten": (_overwritten, 8, 8),
        "overwritten-odd": (_overwritten, 6, 6),
        "joined-in-time": (lambda x: torch.cat([x[:, :, :2], F.relu(x), x], 2)[:, :, 1:9], 6, 6),
        "joined-in-width": (lambda x: torch.cat([F.relu(x) + 1, x], 4), 6, 6),
        "shuffle-by-three": (_shuffled(3), 12, 12),
        "shuffle-of-blocks": (lambda x: x[:, [4, 5, 6, 7, 0, 1, 2, 3]], 8, 8),
        "list-of-channels": (lambda x: x[:, [3, 1, 0, 2, 6]], 8, 5),
        "channels-reversed": (lambda x: x.flip(1), 6, 6),
        "channels-rolled": (lambda x: torch.roll(x, 3, 1), 8, 8),
        "every-second-channel": (lambda x: x[:, 1::2], 10, 5),
        "middle-channels": (lambda x: x[:, 3:8] * 2, 10, 5),
        "first-channels": (lambda x: F.relu(x[:, :6]), 10, 6),
        "cut-in-space-too": (lambda x: x[:, 2:7, 1:3, :, 1:-2], 10, 5),
        "uneven-parts": (Uneven(), 8, 15),
        "uneven-planes": (Planes(3), 3, 9),
        "parts-of-one": (lambda x: torch.cat([x[:, 5:], x[:, :2], x[:, 1:4]], 1), 8, 8),
        "with-what-was-read": (lambda x: torch.cat([F.relu(x), x + 1, x[:, :1]], 1), 5, 11),
        "padded-channels": (lambda x: F.pad(x[..., ::2], (0, 0, 0, 0, 0, 0, 3, 2)), 8, 13),
        "padded-everywhere": (lambda x: F.pad(x, (1, 0, 0, 2, 0, 1, 2, 1)), 6, 9),
        "steps-of-channels-and-columns": (lambda x: x[:, 1::2, :, ::2, 1::3], 10, 5),
        "sum-of-halves": (lambda x: x[:, :3] + x[:, 3:], 6, 3),
        "gated-halves": (lambda x: x[:, :5] * F.relu(x[:, 5:]), 10, 5),
    }
    return {
        **{name: Case(Between(body, channels, after), SHAPE) for name, (body, channels, after) in bodies.items()},
        "units-of-halves": Case(
            Net(_halves, first=conv(3, 20, 1), middle=conv(10, 10, padding=1), last=conv(20, 4, 1)), SHAPE
        ),
        "2d-uneven-parts": Case(
            Net(
                lambda net, x: net.last(torch.cat([net.a(x), net.b(x)], 1)),
                a=conv2d(3, 7),
                b=conv2d(3, 6, 3),
                last=conv2d(13, 5, 1),
            ),
            (2, 3, 6, 7),
        ),
    }
