"""DATA of the command line: `synthetic`, an `.npz` of clips, or a folder of videos."""

from pathlib import Path

import torch

from rt3d_mlir.errors import DataError, did_you_mean
from rt3d_mlir.training.data.base import ClipData
from rt3d_mlir.training.data.clips import load_clips
from rt3d_mlir.training.data.options import DataOptions
from rt3d_mlir.training.data.synthetic import moving_shapes

SYNTHETIC = "synthetic"


def open_data(source: str, device: torch.device | str = "cpu", options: DataOptions | None = None) -> ClipData:
    """The data set behind DATA. Raises DataError where there is none, or none to train on."""
    options = options or DataOptions()
    path = Path(source)
    if path.is_dir():
        from rt3d_mlir.training.data.videos import VideoFolder  # PyAV, which clips in memory do without

        return VideoFolder(path, device, options.videos)
    if path.suffix == ".npz":
        return load_clips(path, device, options.transform)
    if source == SYNTHETIC:
        return moving_shapes(device)
    raise DataError(
        f"no data at {source}: expected a .npz of clips, a folder of videos in UCF101's layout, or '{SYNTHETIC}'"
        + did_you_mean(source, [SYNTHETIC])
    )
