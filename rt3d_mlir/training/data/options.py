"""What the command line says about data beside its place."""

from dataclasses import dataclass, field

from rt3d_mlir.training.data.clips import Transform


@dataclass(frozen=True)
class VideoOptions:
    """How clips are made of a folder of videos."""

    split: int = 1
    """Of UCF101's three."""
    frames: int = 16
    crop: int = 112
    """Pixels, of a short side 8/7 as long."""
    normalize: str = "imagenet"
    """Whose mean and deviation: imagenet or kinetics."""
    workers: int = 4
    """Processes that decode; 0 decodes in this one."""
    max_damaged: float = 0.01
    """The share of videos that may be skipped."""


@dataclass(frozen=True)
class DataOptions:
    """Each kind of data has its own; the others are not used."""

    transform: Transform | None = None
    """For uint8 clips in an `.npz`."""
    videos: VideoOptions = field(default_factory=VideoOptions)
