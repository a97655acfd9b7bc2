"""What training asks of a data set, whatever the clips come from."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch

from rt3d_mlir.errors import DataError

#: Clips (N, C, T, H, W), float32, and labels (N,) or (N, T, H, W), int64, on the device that trains.
Batch = tuple[torch.Tensor, torch.Tensor]


class ClipData(Protocol):
    """Labelled clips, or volumes, in a training and a test part. Labels are places in `classes`."""

    name: str
    classes: list[str]
    shape: tuple[int, int, int, int]
    """Of one clip: (C, T, H, W)."""
    label_shape: tuple[int, ...]
    """Of one clip's labels: () where it has one, (T, H, W) where each position has its own, to be segmented."""
    train_size: int
    test_size: int
    skipped: list[str]
    """Clips that could not be read so far, one line each: what and why."""

    def train_batches(self, batches: Sequence[np.ndarray], seed: tuple[int, ...]) -> Iterator[Batch]:
        """The training clips of each array of indices; `seed` decides all that is random about them."""
        ...

    def test_batches(self, batches: Sequence[np.ndarray]) -> Iterator[Batch]:
        """The test clips of each array of indices."""
        ...


def split_batches(
    count: int, batch: int, seed: tuple[int, ...] | None = None, rank: int = 0, world: int = 1
) -> list[np.ndarray]:
    """The indices 0 .. count - 1 in batches of `batch` at most, in an order that `seed` alone decides (None: as is).

    Batches differ by one clip at most, so that no clip is left out and none is alone in a batch: 10 clips in batches
    of 4 are 4, 3 and 3. Of each batch, process `rank` of `world` gets every `world`-th index. The test clips of a
    process may thus be none; in training (with a seed) that raises DataError.
    """
    order = np.arange(count) if seed is None else np.random.default_rng(seed).permutation(count)
    shares = [part[rank::world] for part in np.array_split(order, max(1, math.ceil(count / batch)))]
    if seed is None:
        return [share for share in shares if len(share)]
    if min(map(len, shares)) == 0:
        raise DataError(
            f"batches of {batch} from {count} clips do not reach {world} processes; use fewer, or more clips"
        )
    return shares


def check_labels(train: np.ndarray, test: np.ndarray, classes: int, name: str) -> None:
    """Raises DataError unless both parts hold clips, and every class has some to train on, and there are two."""
    for part, labels in (("training", train), ("test", test)):
        if not labels.size:
            raise DataError(f"{name} has no {part} clips")
        if labels.min() < 0 or labels.max() >= classes:
            raise DataError(
                f"{name}: {part} labels go from {labels.min()} to {labels.max()}: expected 0 .. {classes - 1}"
            )
    counts = np.bincount(train.ravel(), minlength=classes)
    if np.count_nonzero(counts) < 2:
        raise DataError(
            f"{name}: all {len(train)} training clips are of class {counts.argmax()}: expected at least two classes"
        )
    if not counts.all():
        raise DataError(
            f"{name}: class {int(counts.argmin())} of {classes} has no training clips; number the classes 0, 1, ..."
        )
