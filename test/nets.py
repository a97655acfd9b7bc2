"""Networks that compile in a second or two, and files of them."""

import warnings
from pathlib import Path

import torch
from torch import nn

CLIP = (1, 3, 4, 8, 8)


class Net(nn.Module):
    """Two convs with a pool between them, and a linear layer. `batch_norm` adds one."""

    def __init__(self, batch_norm: bool = False, features: int = 16 * 2 * 4 * 4):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm3d(8) if batch_norm else nn.Identity()
        self.pool = nn.MaxPool3d(2)
        self.conv2 = nn.Conv3d(8, 16, 3, padding=1)
        self.fc = nn.Linear(features, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.bn1(self.conv1(x)).relu())
        return self.fc(self.conv2(x).relu().flatten(1))


class Tiny(nn.Module):
    """The least there is to compile: one conv, one channel out."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 1, (4, 8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).flatten(1)


class Sum(nn.Module):
    """Two inputs."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv3d(3, 4, 3, padding=1), nn.Conv3d(2, 4, 1)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.left(x) + self.right(y)


class Fork(nn.Module):
    """Two outputs."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.conv(x)
        return y.relu(), y.mean((2, 3, 4))


class Bessel(nn.Module):
    """A conv, and a function that torch-mlir cannot lower."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(self.conv(x))


def seeded(kind: type[nn.Module], **options: object) -> nn.Module:
    """The module in eval mode, always with the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(**options).eval()


def save_pt2(path: Path, model: nn.Module, *shapes: tuple[int, ...], dynamic_shapes: object = None) -> Path:
    """The model as a torch.export archive."""
    args = tuple(torch.zeros(shape) for shape in shapes or [CLIP])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(model.eval(), args, dynamic_shapes=dynamic_shapes, strict=False)
        torch.export.save(program, path)
    return path


def save_onnx(path: Path, model: nn.Module, *shapes: tuple[int, ...], **options: object) -> Path:
    """The model as ONNX, by torch.onnx.export with these options."""
    args = tuple(torch.zeros(shape) for shape in shapes or [CLIP])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), args, path, verbose=False, **options)
    return path
