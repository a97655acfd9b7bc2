"""Numbers that move along space, or are interpolated: between two convs, behind a ReLU, into a concatenation."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d
from cases.foreign import SHAPE, Between

Move = Callable[[torch.Tensor], torch.Tensor]


def resampled() -> dict[str, Case]:
    """What moves, and stays whole."""
    pads = {
        "one-axis": (2, 1, 0, 0, 0, 0),
        "two-axes": (0, 0, 3, 0, 1, 2),
        "three-axes": (4, 2, 0, 1, 1, 0),
    }
    modes = ("replicate", "reflect", "circular")
    bodies: dict[str, Move] = {
        **{
            f"{mode}-{axes}": lambda x, mode=mode, pad=pad: F.pad(x, pad, mode)
            for mode in modes
            for axes, pad in pads.items()
        },
        **{f"value-{axes}": lambda x, pad=pad: F.pad(x, pad, value=-2.0) for axes, pad in pads.items()},
        "pad-by-nothing": lambda x: F.pad(x, (0,) * 6, "replicate"),
        "pad-twice": lambda x: F.pad(F.pad(x, (1, 1), value=2.0), (0, 0, 1, 0), value=2.0),
        "pad-of-two-values": lambda x: F.pad(F.pad(x, (1, 1), value=2.0), (0, 0, 1, 0), value=3.0),
        "nearest-exact": lambda x: F.interpolate(x, (3, 7, 9), mode="nearest-exact"),
        "nearest-depth": lambda x: F.interpolate(x, scale_factor=(2, 1, 1)),
        "nearest-wide": lambda x: F.interpolate(x, scale_factor=(1, 1, 4)),
        "repeated": lambda x: x.repeat_interleave(3, 4),
        "steps-back": lambda x: x[:, :, ::3, 1::2, 2:].flip(4),
        "flipped-and-padded": lambda x: F.pad(x.flip(4), (0, 3)),
        "one-column": lambda x: F.pad(x[..., 3:4], (2, 2, 0, 0, 0, 0), "replicate"),
        "rows-selected": lambda x: x.index_select(3, torch.tensor([5, 0, 0, 3])),
        "rolled-far": lambda x: torch.roll(x, (3, 2, -5), (2, 3, 4)),
        "difference": lambda x: x - torch.roll(x, 1, 2),
        "frames-apart": lambda x: x[:, :, 1:] - x[:, :, :-1],
        "pool-in-zeros": lambda x: F.max_pool3d(F.pad(x, (0, 1, 1, 1, 1, 0)), (2, 3, 3), (1, 2, 2)),
        "pool-in-zeros-low": lambda x: F.relu(F.max_pool3d(F.pad(x, (1, 0, 1, 0)), (1, 2, 2), (1, 1, 2)) - 1),
        "pool-in-zeros-behind-relu": lambda x: F.max_pool3d(F.pad(F.relu(x), (0, 1, 0, 1)), (1, 3, 3), (1, 2, 2)),
        "pool-of-zeros": lambda x: F.max_pool3d(F.pad(x, (3, 2, 0, 0)), (1, 2, 2)),
        "padded-by-zeros": lambda x: F.relu(F.pad(x, (1, 0, 2, 1)) + 1),
    }
    return {
        **{name: Case(Between(body), SHAPE) for name, body in bodies.items()},
        "wide": Case(Between(lambda x: F.interpolate(x, scale_factor=2)), (2, 3, 2, 3, 37)),
        "few-channels": Case(Between(lambda x: F.relu(F.pad(F.relu(x), (2, 1, 0, 0, 0, 0), "reflect")), 6), SHAPE),
        "many-rows-2d": Case(
            nn.Sequential(conv2d(3, 8), nn.ReLU(), nn.ReflectionPad2d((3, 1, 0, 2)), conv2d(8, 4)), (1, 3, 9, 13)
        ),
        "nearest-2d": Case(nn.Sequential(conv2d(3, 6), nn.Upsample(scale_factor=2), conv2d(6, 4)), (1, 3, 7, 9)),
        "replicated-1d": Case(
            nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReplicationPad1d((2, 5)), nn.Conv1d(8, 4, 3)), (1, 3, 21)
        ),
        "steps-2d": Case(
            nn.Sequential(conv2d(3, 8), Fn(lambda x: F.relu(x[:, :, ::2, 1:])), conv2d(8, 4)), (1, 3, 8, 9)
        ),
        **joined("nearest", lambda x, like: F.interpolate(x, like.shape[2:])),
        **joined(
            "aligned",
            lambda x, like: F.pad(F.interpolate(x, scale_factor=2), (0, 0, 1, 0, 0, 1)),
            (1, 4, 7, 9, 10),
        ),
    }


class Fn(nn.Module):
    """A function as a layer."""

    def __init__(self, compute: Move):
        super().__init__()
        self.compute = compute

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.compute(x)


def interpolated() -> dict[str, Case]:
    """What rounds."""
    bodies: dict[str, Move] = {
        f"linear-{name}-{corners}": lambda x, size=size, corners=corners: F.interpolate(
            x, size, mode="trilinear", align_corners=corners
        )
        for name, size in {"up": (8, 12, 16), "odd": (3, 13, 15), "down": (2, 3, 5), "one": (1, 12, 1)}.items()
        for corners in (False, True)
    }
    bodies |= {
        "linear-by-factor": lambda x: F.interpolate(x, scale_factor=(1, 2, 2), mode="trilinear"),
        "linear-twice": lambda x: F.interpolate(
            F.interpolate(x, (4, 12, 8), mode="trilinear"), (4, 12, 16), mode="trilinear"
        ),
        "linear-behind-relu": lambda x: F.relu(F.interpolate(F.relu(x), scale_factor=2, mode="trilinear") - 0.1),
        "smoothed": lambda x: 0.25 * x[:, :, :-2] + 0.5 * x[:, :, 1:-1] + 0.25 * x[:, :, 2:],
        "area": lambda x: F.interpolate(x, scale_factor=0.5, mode="area"),
    }
    planar = {
        f"bilinear-{corners}": nn.Sequential(
            conv2d(3, 8), nn.ReLU(), nn.Upsample((15, 21), mode="bilinear", align_corners=corners), conv2d(8, 4)
        )
        for corners in (False, True)
    }
    planar["bicubic"] = nn.Sequential(conv2d(3, 8), nn.Upsample(scale_factor=2, mode="bicubic"), conv2d(8, 4))
    return {
        **{name: Case(Between(body), SHAPE, exact=False) for name, body in bodies.items()},
        "linear-wide": Case(
            Between(lambda x: F.interpolate(x, scale_factor=2, mode="trilinear")), (2, 3, 2, 3, 37), exact=False
        ),
        **{name: Case(net, (1, 3, 8, 10), exact=False) for name, net in planar.items()},
        "linear-1d": Case(
            nn.Sequential(nn.Conv1d(3, 8, 3), nn.Upsample(scale_factor=2, mode="linear"), nn.Conv1d(8, 4, 3)),
            (1, 3, 21),
            exact=False,
        ),
        **joined("trilinear", lambda x, like: F.interpolate(x, like.shape[2:], mode="trilinear"), exact=False),
    }


def joined(name: str, move: Callable, shape: tuple[int, ...] = (1, 4, 6, 8, 10), exact: bool = True) -> dict[str, Case]:
    """A small U-Net of one step: what went down comes up, and is joined with what stayed."""
    return {
        f"unet-{name}": Case(
            Net(
                lambda net, x: net.c(torch.cat([y := F.relu(net.a(x)), move(F.relu(net.b(F.max_pool3d(y, 2))), y)], 1)),
                a=conv(4, 8, padding=1),
                b=conv(8, 8, padding=1),
                c=conv(16, 4, padding=1),
            ),
            shape,
            exact,
        )
    }
