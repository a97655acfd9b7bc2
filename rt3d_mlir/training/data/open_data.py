"""DATA of the command line: `synthetic`, an `.npz` of clips, or a folder of videos."""

from dataclasses import dataclass
from pathlib import Path

import torch

from rt3d_mlir.errors import DataError, did_you_mean
from rt3d_mlir.training.data.base import ClipData
from rt3d_mlir.training.data.clips import Transform, load_clips
from rt3d_mlir.training.data.synthetic import moving_shapes

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class DataOptions:
    """What the command line says about the data beside its place."""

    transform: Transform | None = None
    """For uint8 clips in an `.npz`."""
    split: int = 1
    """Of UCF101's three, for a folder of videos; so are the rest."""
    frames: int = 16
    crop: int = 112
    normalize: str = "imagenet"
    workers: int = 4
    max_damaged: float = 0.01


def open_data(source: str, device: torch.device | str = "cpu", options: DataOptions | None = None) -> ClipData:
    """The data set behind DATA. Raises DataError where there is none, or none to train on."""
    options = options or DataOptions()
    path = Path(source)
    if path.is_dir():
        from rt3d_mlir.training.data.videos import VideoFolder  # PyAV, which clips in memory do without

        return VideoFolder(
            path,
            device,
            split=options.split,
            frames=options.frames,
            crop=options.crop,
            normalize=options.normalize,
            workers=options.workers,
            max_damaged=options.max_damaged,
        )
    if path.suffix == ".npz":
        return load_clips(path, device, options.transform)
    if source == SYNTHETIC:
        return moving_shapes(device)
    raise DataError(
        f"no data at {source}: expected a .npz of clips, a folder of videos in UCF101's layout, or '{SYNTHETIC}'"
        + did_you_mean(source, [SYNTHETIC])
    )
