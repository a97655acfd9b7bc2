"""uint8 is 0 to 255 in all that computes with it, and wraps as PyTorch's does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import rt3d_mlir

SHAPE = (3, 4, 6)
TABLE = torch.arange(72, dtype=torch.uint8).reshape(SHAPE) * 3
ANSWERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "itself": lambda x: x.reshape(-1),
    "sum": lambda x: x + x,
    "less": lambda x: x - 200,
    "from-255": lambda x: 255 - x,
    "twice": lambda x: 2 * x,
    "negative": lambda x: -x,
    "inverted": lambda x: ~x,
    "halved": lambda x: x // 2,
    "rest": lambda x: x % 7,
    "shifted": lambda x: (x << 1) + (x >> 3) + (x & 15),
    "larger": lambda x: torch.maximum(x, x.flip(0)),
    "largest": lambda x: x.amax(1),
    "in-bounds": lambda x: x.clamp(3, 200),
    "chosen": lambda x: torch.where(x > 100, x, x * 0),
    "joined": lambda x: torch.cat([x, x + 1]),
    "picked": lambda x: x[:, [0, 2]],
    "padded": lambda x: F.pad(x, (1, 1), value=250),
    "rolled": lambda x: x.roll(1, 0),
    "total": lambda x: x.sum(1),
    "total-wrapped": lambda x: x.sum(1, dtype=torch.uint8),
    "running": lambda x: x.cumsum(0),
    "first": lambda x: x.argmax(1),
    "compared": lambda x: x + 100 > 90,
    "beside-a-constant": lambda x: x * TABLE,
    "beside-int8": lambda x: x + torch.ones(1, dtype=torch.int8),
    "beside-a-float": lambda x: (x + 100) * 0.5,
    "mean": lambda x: (x + 100).float().mean(1),
    "from-floats": lambda x: (x.float() * 1.5).to(torch.uint8),
    "as-int8": lambda x: (x + 1).to(torch.int8),
    "as-bool": lambda x: (x & 1).bool(),
    "an-index": lambda x: torch.arange(256.0)[(x + 1).long()],
}


class Answers(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(answer(x) for answer in ANSWERS.values())


def test_uint8_is_computed_as_in_pytorch(tmp_path: Path):
    x = torch.randint(0, 256, SHAPE, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x[0, 0] = torch.tensor([0, 1, 127, 128, 254, 255])
    rt3d_mlir.export(Answers(), (x,)).compile(tmp_path / "a")
    answers = rt3d_mlir.load(tmp_path / "a", threads=1)(x.numpy())
    for name, seen, wanted in zip(ANSWERS, answers, Answers()(x), strict=True):
        assert seen.dtype == wanted.numpy().dtype, name
        if name == "mean":  # sums in another order
            np.testing.assert_allclose(seen, wanted.numpy(), rtol=1e-6)
        else:
            np.testing.assert_array_equal(seen, wanted.numpy(), err_msg=name)
