"""A net and clips that train in a moment."""

from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import torch
from torch import nn

from rt3d_mlir.training import Epoch
from rt3d_mlir.training.data import ClipArrays

CLIP = (3, 4, 8, 8)


class Small(nn.Module):
    """Three convs with all that has a state: batch norm, and dropout, which draws random numbers."""

    def __init__(self, num_classes: int = 2, dropout: float = 0.2):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm3d(8)
        self.conv2 = nn.Conv3d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv3d(16, 16, 3, padding=1)
        self.pool = nn.MaxPool3d(2)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(16 * 2 * 4 * 4, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.bn1(self.conv1(x)).relu())
        x = self.conv3(self.conv2(x).relu()).relu()
        return self.fc(self.dropout(x.flatten(1)))


class Plain(nn.Module):
    """Without batch norm and dropout: the gradient of a batch is the mean of its clips'."""

    def __init__(self, num_classes: int = 2, clip: tuple[int, int, int] = CLIP[1:]):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv3d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * clip[0] * clip[1] * clip[2], num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv2(self.conv1(x).relu()).relu().flatten(1))


class Seen:
    """An observer that keeps the epochs, and can do something after each."""

    def __init__(self, after: Callable[[Epoch], None] = lambda epoch: None):
        self.epochs: list[Epoch] = []
        self._after = after

    def step(self, stage: str, epoch: int, batch: int, batches: int, loss: float | None) -> None:
        assert 1 <= batch <= batches

    def epoch(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)
        self._after(epoch)


def plain(num_classes: int = 2) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Plain(num_classes)


def arrays(train: int = 24, test: int = 12, classes: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    """Noise whose brightness tells the class."""
    rng = np.random.default_rng(seed)
    made = {}
    for part, count in (("train", train), ("test", test)):
        labels = np.arange(count) % classes
        noise = rng.normal(0, 30, (count, *CLIP)) + 60 + 100 * labels[:, None, None, None, None]
        made |= {f"x_{part}": np.clip(noise, 0, 255).astype(np.uint8), f"y_{part}": labels}
    return made


class Segmenting(nn.Module):
    """A net that halves a volume and doubles it again, for labels by position."""

    def __init__(self, num_classes: int = 2):
        super().__init__()
        self.down = nn.Conv3d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.InstanceNorm3d(8, affine=True)
        self.inner = nn.Conv3d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose3d(8, 8, 2, stride=2)
        self.head = nn.Conv3d(8 + 3, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.inner(self.norm(self.down(x)).relu()).relu()
        return self.head(torch.cat([self.up(y), x], 1))


def volumes() -> dict[str, np.ndarray]:
    """Noise that is brighter where the label is 1: in the half of a volume that its number decides."""
    rng = np.random.default_rng(0)
    made = {}
    for part, count in (("train", 24), ("test", 12)):
        labels = np.zeros((count, *CLIP[1:]), np.int64)
        labels[::2, :, :4] = labels[1::2, :, :, 4:] = 1
        noise = rng.normal(0, 30, (count, *CLIP)) + 60 + 100 * labels[:, None]
        made |= {f"x_{part}": np.clip(noise, 0, 255).astype(np.uint8), f"y_{part}": labels}
    return made


def clips(**options: int) -> ClipArrays:
    return ClipArrays("small", arrays(**options))


def save_npz(path: Path, **replaced: np.ndarray) -> Path:
    np.savez(path, **{**arrays(), **replaced})
    return path


def write_video(path: Path, images: Iterable[np.ndarray]) -> Path:
    """A video of the suffix's kind; each image is uint8 (H, W, 3), RGB."""
    images = list(images)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4" if path.suffix == ".avi" else "png", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p" if path.suffix == ".avi" else "rgb24"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path
