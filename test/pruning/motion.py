"""A small net, and a task it can learn: in which direction does a bright block move?"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from rt3d_mlir.pruning import Pruner

CLIP = (1, 1, 4, 8, 8)


class Motion(nn.Module):
    """Four classes. The first conv has one input channel, which fills no group of two."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.conv1 = nn.Conv3d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride=(1, 2, 2), padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, width, 3, padding=1)
        self.fc = nn.Linear(width, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn1(self.conv1(x)).relu()
        x = self.bn2(self.conv2(x)).relu()
        return self.fc(self.conv3(x).relu().mean((2, 3, 4)))


def seeded(build: Callable[[], nn.Module] = Motion) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def gradient(parameter: torch.Tensor) -> torch.Tensor:
    assert parameter.grad is not None
    return parameter.grad


def clips(count: int = 128) -> tuple[torch.Tensor, torch.Tensor]:
    """[count, 1, 4, 8, 8] noisy clips of a 2x2 block that moves a pixel a frame, and its direction."""
    generator = torch.Generator().manual_seed(1)
    x = 0.3 * torch.randn(count, *CLIP[1:], generator=generator)
    y = torch.arange(count) % 4
    start = torch.randint(0, 8, (count, 2), generator=generator)
    for clip, label, (row, col) in zip(x, y.tolist(), start.tolist(), strict=True):
        down, right = [(1, 0), (-1, 0), (0, 1), (0, -1)][label]
        for t in range(4):
            for r, c in ((0, 0), (0, 1), (1, 0), (1, 1)):
                clip[0, t, (row + down * t + r) % 8, (col + right * t + c) % 8] += 1
    return x, y


def train(model: nn.Module, epochs: int, pruner: Pruner | None = None, lr: float = 0.02) -> list[float]:
    """Full passes over :func:`clips` in batches of 32; the mean loss of each epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    x, y = clips()
    losses = []
    model.train()
    for _ in range(epochs):
        total = 0.0
        for at in range(0, len(x), 32):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[at : at + 32]), y[at : at + 32])
            total += loss.item()
            loss = pruner.step(loss) if pruner else loss
            loss.backward()
            if pruner:
                pruner.after_backward()
            optimizer.step()
            if pruner:
                pruner.after_update()
        if pruner:
            pruner.end_epoch()
        losses.append(total / 4)
    return losses


@torch.no_grad()
def accuracy(model: nn.Module) -> float:
    x, y = clips()
    return (model.eval()(x).argmax(1) == y).double().mean().item()
