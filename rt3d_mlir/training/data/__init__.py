"""Labelled clips for training: an `.npz`, a folder of videos, or a synthetic set."""

from rt3d_mlir.training.data.base import Batch, ClipData, split_batches
from rt3d_mlir.training.data.clips import ClipArrays, Transform, load_clips
from rt3d_mlir.training.data.open_data import open_data
from rt3d_mlir.training.data.synthetic import MOTIONS, moving_shapes

__all__ = [
    "MOTIONS",
    "Batch",
    "ClipArrays",
    "ClipData",
    "Transform",
    "load_clips",
    "moving_shapes",
    "open_data",
    "split_batches",
]
