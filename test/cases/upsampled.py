"""Transposed convs and pixel shuffles, and what stands behind them."""

import torch
from torch import nn
from torch.nn import functional as F

from cases.base import Case, Net, conv, conv2d
from cases.foreign import Between

SHAPE = (1, 3, 2, 3, 4)


class SmallUnet(nn.Module):
    """Two levels down and up, each skip concatenated with what a transposed conv makes."""

    def __init__(self, width: int = 8, norm: bool = False):
        super().__init__()
        self.norm = norm
        self.down = nn.ModuleList(self._block(n, m) for n, m in ((3, width), (width, 2 * width)))
        self.bottom = self._block(2 * width, 4 * width)
        self.wide = nn.ModuleList(nn.ConvTranspose3d(m, m // 2, 2, 2) for m in (4 * width, 2 * width))
        self.up = nn.ModuleList(self._block(m, m // 2) for m in (4 * width, 2 * width))
        self.head = conv(width, 4, 1)

    def _block(self, n: int, m: int) -> nn.Module:
        return nn.Sequential(conv(n, m, padding=1), *[nn.BatchNorm3d(m)] * self.norm, nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for block in self.down:
            skips.append(block(x))
            x = F.max_pool3d(skips[-1], 2)
        x = self.bottom(x)
        for wide, block in zip(self.wide, self.up, strict=True):
            x = block(torch.cat([skips.pop(), wide(x)], 1))
        return self.head(x)


def _shuffled_3d(x: torch.Tensor) -> torch.Tensor:
    """A pixel shuffle of three dimensions, by 2, as networks write it."""
    n, c, d, h, w = x.shape
    return x.view(n, c // 8, 2, 2, 2, d, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(n, c // 8, 2 * d, 2 * h, 2 * w)


def _phases_first(x: torch.Tensor) -> torch.Tensor:
    """The same with the phases outside, and along two axes."""
    n, c, d, h, w = x.shape
    return x.view(n, 2, 2, c // 4, d, h, w).permute(0, 3, 4, 5, 1, 6, 2).reshape(n, c // 4, d, 2 * h, 2 * w)


def transposed() -> dict[str, Case]:
    """Transposed convs of any kind."""
    layers = {
        "k2s2": nn.ConvTranspose3d(8, 8, 2, 2),
        "k3s2-output-padding": nn.ConvTranspose3d(8, 6, 3, 2, 1, output_padding=1),
        "k4s2-grouped": nn.ConvTranspose3d(8, 8, 4, 2, 1, groups=4),
        "k3s2-cut": nn.ConvTranspose3d(8, 8, 3, 2, 1),
        "k2s2-wide-groups": nn.ConvTranspose3d(8, 16, 2, 2, groups=2),
        "one-filter": nn.ConvTranspose3d(8, 1, 2, 2),
        "three-filters": nn.ConvTranspose3d(8, 3, 3, 2, 1),
        "images": nn.ConvTranspose3d(8, 8, (1, 2, 2), (1, 2, 2)),
        "k3s1-dilated": nn.ConvTranspose3d(8, 8, 3, padding=2, dilation=2),
        "depthwise": nn.ConvTranspose3d(8, 8, 2, 2, groups=8, bias=False),
        "depthwise-multiplied": nn.ConvTranspose3d(8, 16, (1, 4, 3), (1, 2, 3), (0, 1, 2), (0, 1, 2), groups=8),
        "depthwise-cut": nn.ConvTranspose3d(8, 8, (1, 2, 3), (2, 1, 1), (1, 1, 2), dilation=(1, 1, 1), groups=8),
        "uneven-stride": nn.ConvTranspose3d(8, 5, (1, 3, 2), (1, 3, 1)),
    }
    found = {name: Case(Between(layer, after=layer.out_channels), SHAPE) for name, layer in layers.items()}
    planar = {
        "2d": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 4, 4, 2, 1)),
        "2d-depthwise": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=8)),
        "2d-grouped": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 6, 3, 2, groups=2)),
        "2d-cut-in-between": nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 8, 3, 2, 1), nn.ReLU(), conv2d(8, 4, 3, padding=1)
        ),
    }
    lines = {
        "1d": nn.Sequential(nn.Conv1d(3, 8, 3), nn.ConvTranspose1d(8, 4, 4, 2, 1)),
        "1d-depthwise": nn.Sequential(nn.Conv1d(3, 8, 3), nn.ConvTranspose1d(8, 8, 4, 2, 1, groups=8)),
        "1d-grouped": nn.Sequential(nn.ConvTranspose1d(3, 8, 3, 2), nn.ConvTranspose1d(8, 8, 4, 2, 1, groups=2)),
    }
    return {
        **found,
        **{name: Case(model, (1, 3, 5, 6)) for name, model in planar.items()},
        **{name: Case(model, (1, 3, 9)) for name, model in lines.items()},
    }


def upsampled() -> dict[str, Case]:
    """Pixel shuffles, and layers behind transposed convs: joins, residual sums, activations."""
    up = nn.ConvTranspose3d
    bodies = {
        "relu-behind": (nn.Sequential(up(8, 8, 2, 2), nn.ReLU()), 8),
        "relu-one-filter": (nn.Sequential(up(8, 1, 2, 2), nn.ReLU()), 1),
        "two-in-a-row": (nn.Sequential(up(8, 8, 2, 2), nn.ReLU(), up(8, 8, 3, 2, 1, output_padding=1)), 8),
        "two-odd-ones": (nn.Sequential(up(8, 6, 3, 2, 1), nn.ReLU(), up(6, 3, 2, 2)), 3),
        "residual-of-two": (Net(lambda net, x: F.relu(net.a(x) + net.b(x)), a=up(8, 8, 2, 2), b=up(8, 8, 4, 2, 1)), 8),
        "residual-of-resized": (Net(lambda net, x: net.a(x) + F.interpolate(x, scale_factor=2), a=up(8, 8, 2, 2)), 8),
        "joined": (Net(lambda net, x: torch.cat([net.a(x), net.b(x)], 1), a=up(8, 8, 2, 2), b=up(8, 4, 2, 2)), 12),
        "joined-cut": (
            Net(
                lambda net, x: torch.cat([net.a(x), net.b(x)[:, :, 1:, 1:, 1:]], 1),
                a=up(8, 8, 3, 2, 1),
                b=up(8, 4, 2, 2),
            ),
            12,
        ),
        "padded-behind": (nn.Sequential(up(8, 8, 2, 2), conv(8, 8, padding=1)), 8),
        "pooled": (nn.Sequential(up(8, 8, 3, 3), nn.MaxPool3d(2)), 8),
        "sliced-first": (Net(lambda net, x: net.a(x)[:, :, 1:, 2:-1], a=up(8, 8, 2, 2)), 8),
        "several-readers": (
            Net(lambda net, x: (y := net.a(x)) * F.relu(y - 2) + net.b(y), a=up(8, 8, 2, 2), b=conv(8, 8, 1)),
            8,
        ),
        "shuffled-3d": (_shuffled_3d, 2),
        "phases-first": (_phases_first, 4),
    }
    wide = {"shuffled-3d", "phases-first"}
    cases = {
        name: Case(Between(body, 16 if name in wide else 8, after=after), (2, 3, 2, 3, 4))
        for name, (body, after) in bodies.items()
    }
    planar = {
        "pixel-shuffle": nn.Sequential(conv2d(3, 16, 3, padding=1), nn.PixelShuffle(2), conv2d(4, 8, 3, padding=1)),
        "pixel-shuffle-to-one": nn.Sequential(conv2d(3, 9, 3), nn.PixelShuffle(3), nn.ReLU()),
        "pixel-shuffle-and-back": nn.Sequential(conv2d(3, 16, 3, padding=1), nn.PixelShuffle(2), nn.PixelUnshuffle(2)),
    }
    return {
        **cases,
        **{name: Case(model, (2, 3, 5, 6)) for name, model in planar.items()},
    }


def upsampled_rounded() -> dict[str, Case]:
    """Batch norms and smooth activations behind transposed convs."""
    up = nn.ConvTranspose3d
    bodies = {
        "batch-norm-behind": nn.Sequential(up(8, 8, 2, 2), nn.BatchNorm3d(8), nn.ReLU()),
        "batch-norm-cut": nn.Sequential(up(8, 6, 3, 2, 1), nn.BatchNorm3d(6), nn.LeakyReLU(0.1), up(6, 8, 1)),
        "batch-norm-of-groups": nn.Sequential(up(8, 8, 3, 2, 1, groups=2, bias=False), nn.BatchNorm3d(8), nn.SiLU()),
        "batch-norm-sigmoid": nn.Sequential(up(8, 6, 2, 2), nn.BatchNorm3d(6), nn.Sigmoid(), up(6, 8, 1)),
        "batch-norm-prelu": nn.Sequential(up(8, 8, (1, 2, 2), (1, 2, 2)), nn.BatchNorm3d(8), nn.PReLU()),
        "gate": Net(lambda net, x: net.a(x) * torch.sigmoid(net.b(x)), a=up(8, 8, 2, 2), b=up(8, 8, 2, 2)),
    }
    cases = {name: Case(Between(body), SHAPE, exact=False) for name, body in bodies.items()}
    return {
        **cases,
        "2d-batch-norm-behind": Case(
            nn.Sequential(
                conv2d(3, 8, 3), nn.ConvTranspose2d(8, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), conv2d(6, 8)
            ),
            (2, 3, 5, 6),
            exact=False,
        ),
        "1d-batch-norm-behind": Case(
            nn.Sequential(nn.Conv1d(3, 8, 3), nn.ConvTranspose1d(8, 8, 4, 2, 1), nn.BatchNorm1d(8), nn.ReLU()),
            (2, 3, 9),
            exact=False,
        ),
        "small-unet": Case(SmallUnet(), (1, 3, 4, 8, 12), exact=False),
        "small-unet-normed": Case(SmallUnet(norm=True), (1, 3, 4, 8, 12), exact=False),
    }
