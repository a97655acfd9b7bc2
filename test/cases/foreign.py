"""Small networks of what other people's have, beyond convs and what is fused with them.

Most of it is left to IREE, some is evaluated when compiling; all of it has to be right, between layers that are packed.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from cases.base import Case, conv


class Between(nn.Module):
    """A conv of 3 to `channels` channels, `body`, and a conv of `after` channels to 4."""

    def __init__(self, body: nn.Module | Callable[[torch.Tensor], torch.Tensor], channels: int = 8, after: int = 0):
        super().__init__()
        self.first, self.last = conv(3, channels, padding=1), conv(after or channels, 4, 1)
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(self.first(x)))


class Tokens(nn.Module):
    """Conv features as tokens of 16 numbers, what `head` makes of them, and a linear layer on the first."""

    def __init__(self, head: Callable[["Tokens", torch.Tensor], torch.Tensor], **layers: nn.Module):
        super().__init__()
        self.patches, self.fc, self.head = conv(3, 16, (1, 2, 2), stride=(1, 2, 2)), nn.Linear(16, 5), head
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.head(self, self.patches(x).flatten(2).transpose(1, 2))[:, 0])


class Recurrent(nn.Module):
    """A conv GRU over the frames; its state begins as zeros."""

    def __init__(self, channels: int = 4):
        super().__init__()
        self.channels = channels
        self.gates = nn.Conv2d(3 + channels, 2 * channels, 3, padding=1)
        self.new = nn.Conv2d(3 + channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = x.new_zeros(x.shape[0], self.channels, *x.shape[3:])
        for frame in x.unbind(2):
            update, reset = torch.sigmoid(self.gates(torch.cat([frame, state], 1))).chunk(2, 1)
            proposed = torch.tanh(self.new(torch.cat([frame, reset * state], 1)))
            state = (1 - update) * state + update * proposed
        return state


class Windows(nn.Module):
    """Shifted windows of 2x2 with a bias by relative position, as Swin transformers have them."""

    def __init__(self, channels: int = 8, size: int = 2):
        super().__init__()
        self.size, self.qkv = size, nn.Linear(channels, 3 * channels)
        self.table = nn.Parameter(torch.zeros((2 * size - 1) ** 2, 1))
        at = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")).flatten(1)
        relative = at[:, :, None] - at[:, None] + size - 1
        self.register_buffer("index", relative[0] * (2 * size - 1) + relative[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, t, h, w = x.shape
        s = self.size
        x = torch.roll(x, (-1, -1), (3, 4)).view(n, c, t, h // s, s, w // s, s)
        q, k, v = self.qkv(x.permute(0, 2, 3, 5, 4, 6, 1).reshape(-1, s * s, c)).chunk(3, -1)
        weights = (q @ k.transpose(1, 2) + self.table[self.index].squeeze(-1)).softmax(-1)
        x = (weights @ v).view(n, t, h // s, w // s, s, s, c).permute(0, 6, 1, 2, 4, 3, 5).reshape(n, c, t, h, w)
        return torch.roll(x, (1, 1), (3, 4))


class Planes(nn.Module):
    """One 2D weight, cut in three and used along three planes."""

    def __init__(self, channels: int = 8):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3 * channels, channels, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b, c = self.weight.chunk(3)
        along = (F.conv3d(x, a.unsqueeze(2), padding=(0, 1, 1)), F.conv3d(x, b.unsqueeze(3), padding=(1, 0, 1)))
        return torch.cat([*along, F.conv3d(x, c.unsqueeze(4), padding=(1, 1, 0))], 1)


class Uneven(nn.Module):
    """A concatenation whose parts are no whole channel blocks."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList(conv(8, channels, 1) for channels in (5, 3, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([F.relu(part(x)) for part in self.parts], 1)


SHAPE = (1, 3, 4, 6, 8)


def _attention_map(x: torch.Tensor) -> torch.Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return F.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).reshape(x.shape)


def _shifted(x: torch.Tensor) -> torch.Tensor:
    back, ahead, rest = x.split([2, 3, 3], 1)
    return torch.cat([F.pad(back[:, :, 1:], (0, 0, 0, 0, 0, 1)), F.pad(ahead[:, :, :-1], (0, 0, 0, 0, 1, 0)), rest], 1)


def _written_shift(x: torch.Tensor) -> torch.Tensor:
    """The same by slices that are written, as TSM's own code has it."""
    y = torch.zeros_like(x)
    y[:, :2, :-1] = x[:, :2, 1:]
    y[:, 2:5, 1:] = x[:, 2:5, :-1]
    y[:, 5:] = x[:, 5:]
    return y


def _shuffled(x: torch.Tensor) -> torch.Tensor:
    n, c, *size = x.shape
    return x.view(n, 2, c // 2, *size).transpose(1, 2).reshape(n, c, *size)


def moved() -> dict[str, Case]:
    """Pads, slices, shuffles, resizing, indices: numbers that move, and stay whole."""
    pads = {f"pad-{mode}": mode for mode in ("replicate", "reflect", "circular")}
    return {
        **{
            name: Case(Between(lambda x, mode=mode: F.pad(x, (1, 2, 0, 1, 1, 0), mode)), SHAPE)
            for name, mode in pads.items()
        },
        "pad-value": Case(Between(lambda x: F.pad(x, (1, 2, 0, 1, 1, 0), value=3.0)), SHAPE),
        "same-padded-pool": Case(Between(lambda x: F.max_pool3d(F.pad(x, (0, 1, 0, 1)), (1, 3, 3), (1, 2, 2))), SHAPE),
        "frames-by-list": Case(Between(lambda x: x[:, :, [0, 2, 1]]), SHAPE),
        "channels-by-list": Case(Between(lambda x: x[:, [3, 1, 0, 2] * 2]), SHAPE),
        "reversed": Case(Between(lambda x: x.flip(2, 4)), SHAPE),
        "rolled": Case(Between(lambda x: torch.roll(x, (1, -2), (2, 4))), SHAPE),
        "rolled-by-nothing": Case(Between(lambda x: torch.roll(x + 1, 0, 1)), (2, 3, 2, 3, 4)),
        "strided-slice": Case(Between(lambda x: x[:, :, 1:, ::2, 1::3]), SHAPE),
        "column-reversed": Case(Between(lambda x: x[..., 1:2].flip(2)), SHAPE),
        "every-second-resized": Case(Between(lambda x: F.interpolate(x[..., ::2], scale_factor=2)), SHAPE),
        "row-of-transposed-by-list": Case(Between(lambda x: x.transpose(3, 4)[:, :, :, 1:2, [1, 0, 0]]), SHAPE),
        "temporal-shift": Case(Between(_shifted), SHAPE),
        "temporal-shift-written": Case(Between(_written_shift), SHAPE),
        "channel-shuffle": Case(Between(_shuffled), SHAPE),
        "uneven-concat": Case(Between(Uneven(), after=15), SHAPE),
        "nearest": Case(Between(lambda x: F.interpolate(x, scale_factor=2)), (1, 3, 2, 3, 4)),
        "nearest-by-three": Case(Between(lambda x: F.interpolate(x, scale_factor=3)), (1, 3, 2, 3, 4)),
        "nearest-to-larger": Case(Between(lambda x: F.interpolate(x, (4, 5, 6))), (1, 3, 2, 3, 4)),
        "nearest-to-size": Case(Between(lambda x: F.interpolate(x, (3, 5, 7))), (1, 3, 2, 3, 4)),
        "cropped-and-padded": Case(Between(lambda x: F.pad(x, (-1, 2, 0, -1, 1, 0))), SHAPE),
        "cropped-on-one-side": Case(Between(lambda x: F.pad(x, (-1, 1, 2, -2))), SHAPE),
        "cropped": Case(Between(lambda x: F.pad(x, (-1, -1, -2, -1, 0, 0))), SHAPE),
        "literal": Case(Between(lambda x: x * torch.tensor([1.0, 2.0] * 4).view(1, 8, 1, 1, 1) - 3), SHAPE),
        "where": Case(Between(lambda x: torch.where(x > 1, x, torch.tensor(-2.0))), SHAPE),
        "clamped-by-literal": Case(Between(lambda x: torch.minimum(x, torch.arange(8.0).view(8, 1, 1, 1))), SHAPE),
        "planes": Case(Between(Planes(), after=24), SHAPE),
    }


def foreign() -> dict[str, Case]:
    """Norms, attention, recurrence, resizing between positions: what rounds."""
    heads = {
        "class-token": Tokens(lambda net, t: torch.cat([net.token, t], 1)),
        "attention": Tokens(
            lambda net, t: net.attention(t, t, t)[0], attention=nn.MultiheadAttention(16, 4, batch_first=True)
        ),
        "transformer": Tokens(
            lambda net, t: net.encoder(t), encoder=nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True)
        ),
        "lstm": Tokens(lambda net, t: net.lstm(t)[0], lstm=nn.LSTM(16, 16, batch_first=True)),
        "gru": Tokens(lambda net, t: net.gru(t)[0], gru=nn.GRU(16, 16, batch_first=True)),
        "rms-norm": Tokens(lambda net, t: net.norm(t), norm=nn.RMSNorm(16)),
        "layer-norm": Tokens(lambda net, t: net.norm(t), norm=nn.LayerNorm(16)),
    }
    bodies = {
        "group-norm": nn.Sequential(nn.GroupNorm(2, 8), nn.ReLU()),
        "instance-norm": nn.Sequential(nn.InstanceNorm3d(8, affine=True), nn.LeakyReLU(0.01)),
        "batch-norm-behind-pool": nn.Sequential(nn.MaxPool3d(2), nn.BatchNorm3d(8), nn.ReLU()),
        "batch-norm-behind-pad": nn.Sequential(nn.ReplicationPad3d(1), nn.BatchNorm3d(8)),
        "weight-norm": parametrizations.weight_norm(nn.Conv3d(8, 8, 3, padding=1)),
        "attention-map": _attention_map,
        "windows": Windows(),
        "trilinear": nn.Upsample(scale_factor=2, mode="trilinear"),
        "trilinear-corners": nn.Upsample(size=(3, 5, 7), mode="trilinear", align_corners=True),
        "adaptive-uneven": nn.AdaptiveAvgPool3d((3, 4, 5)),
        "prelu": nn.PReLU(8),
        "gelu": nn.GELU(),
        "softmax": nn.Softmax(1),
    }
    return {
        **{name: Case(head, (1, 3, 2, 4, 4), exact=False) for name, head in heads.items()},
        **{name: Case(Between(body), SHAPE, exact=False) for name, body in bodies.items()},
        "batch-norm-first": Case(nn.Sequential(nn.BatchNorm3d(3), conv(3, 8)), SHAPE, exact=False),
        "recurrent": Case(Recurrent(), (1, 3, 3, 5, 6), exact=False),
        "grouped-1d-batch-norm": Case(
            nn.Sequential(nn.Conv1d(12, 12, 3, padding=1, groups=4), nn.BatchNorm1d(12), nn.Conv1d(12, 5, 1)),
            (2, 12, 10),
            exact=False,
        ),
    }
