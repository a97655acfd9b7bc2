"""A folder of videos in UCF101's own layout, decoded by PyAV in worker processes while the net trains.

    UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi ...
    ucfTrainTestlist/classInd.txt        1 ApplyEyeMakeup
    ucfTrainTestlist/trainlist01.txt     ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
    ucfTrainTestlist/testlist01.txt      ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi

The lists may lie in the folder or beside it. Sampling is RT3D's (AAAI 2021, as published in its code): 16 frames, or as
many as the model takes, one from the middle of each of 16 equal segments of the video; short side 128, bilinear; a crop
of 112, in training anywhere and flipped half of the time, in testing from the centre; one clip a video.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from rt3d_mlir.errors import ConfigError, DataError, did_you_mean
from rt3d_mlir.training.data.base import Batch, check_labels
from rt3d_mlir.training.data.decode import DamagedVideoError, decode_clip
from rt3d_mlir.training.data.options import VideoOptions

LISTS = "ucfTrainTestlist"
#: Of RGB in [0, 1]: mean and standard deviation.
NORMALIZE = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "kinetics": ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)),
}

_Read = tuple[torch.Tensor, torch.Tensor, list[str]]


class VideoFolder:
    """The videos of one split. Raises DataError for lists that are missing or wrong.

    A video that is missing, damaged or too short is skipped and named in `skipped`; when those are more than the
    options' share `max_damaged` of all (and more than one), reading raises DataError.
    """

    def __init__(self, root: Path, device: torch.device | str = "cpu", options: VideoOptions | None = None):
        options = options or VideoOptions()
        normalize, frames, crop = options.normalize, options.frames, options.crop
        if normalize not in NORMALIZE:
            raise ConfigError(
                f"normalize '{normalize}': expected {' or '.join(NORMALIZE)}{did_you_mean(normalize, NORMALIZE)}"
            )
        lists = next((folder for folder in (root / LISTS, root.parent / LISTS) if folder.is_dir()), None)
        if lists is None:
            raise DataError(f"{root} has no {LISTS}/ in or beside it: expected UCF101's own layout")
        videos = root / "UCF-101" if (root / "UCF-101").is_dir() else root
        self.name = root.name
        self.classes = _read_classes(lists / "classInd.txt")
        self.shape: tuple[int, int, int, int] = (3, frames, crop, crop)
        self.label_shape: tuple[int, ...] = ()
        self.skipped: list[str] = []
        self._device, self._workers = torch.device(device), options.workers
        mean, std = (torch.tensor(values, device=self._device).view(3, 1, 1, 1) for values in NORMALIZE[normalize])
        self._mean, self._std = mean, std
        names = {
            part: _read_list(lists / f"{part}list{options.split:02d}.txt", self.classes) for part in ("train", "test")
        }
        labels = {
            part: np.array([self.classes.index(n.split("/")[0]) for n in names[part]], np.int64) for part in names
        }
        check_labels(labels["train"], labels["test"], len(self.classes), self.name)
        self.train_size, self.test_size = len(names["train"]), len(names["test"])
        self._allowed = max(1, math.floor(options.max_damaged * (self.train_size + self.test_size)))
        self._parts = {part: _Videos(videos, names[part], labels[part], frames, crop) for part in names}

    def train_batches(self, batches: Sequence[np.ndarray], seed: tuple[int, ...]) -> Iterator[Batch]:
        """`seed` and a video's index decide its crop and flip, whichever worker makes them."""
        for clips, labels in self._batches("train", [[(int(i), (*seed, int(i))) for i in batch] for batch in batches]):
            if not len(labels):  # processes that train together must make the same number of steps
                raise DataError(
                    f"{self.name}: no video of a batch can be read; use larger batches, or get them again:"
                    f" {self.skipped[-1]}"
                )
            yield clips, labels

    def test_batches(self, batches: Sequence[np.ndarray]) -> Iterator[Batch]:
        for clips, labels in self._batches("test", [[(int(i), None) for i in batch] for batch in batches]):
            if len(labels):
                yield clips, labels

    def _batches(self, part: str, keys: list[list[tuple[int, tuple[int, ...] | None]]]) -> Iterator[Batch]:
        loader = DataLoader(
            self._parts[part],
            batch_sampler=keys,  # pyright: ignore[reportArgumentType]  # keys carry seeds beside indices
            num_workers=self._workers,
            collate_fn=_collate,
            pin_memory=self._device.type == "cuda",
        )
        for clips, labels, damaged in loader:
            self._skip(damaged)
            clips = clips.to(self._device, non_blocking=True).float() / 255
            yield (clips - self._mean) / self._std, labels.to(self._device, non_blocking=True)

    def _skip(self, damaged: list[str]) -> None:
        self.skipped += [line for line in damaged if line not in self.skipped]
        if len(self.skipped) > self._allowed:
            shown = "\n  ".join(self.skipped[:10])
            raise DataError(
                f"{self.name}: {len(self.skipped)} videos cannot be read, more than the {self._allowed} allowed; "
                f"get them again, or allow more with --max-damaged:\n  {shown}"
            )


class _Videos(Dataset):
    """(index, seed or None) -> a clip, uint8 (3, T, H, W), and its label; or the reason why there is none."""

    def __init__(self, root: Path, names: list[str], labels: np.ndarray, frames: int, crop: int):
        self._root, self._names, self._labels, self._frames, self._crop = root, names, labels, frames, crop

    def __getitem__(self, key: tuple[int, tuple[int, ...] | None]) -> tuple[np.ndarray, int] | str:
        index, seed = key
        name = self._names[index]
        rng = None if seed is None else np.random.default_rng(seed)
        try:
            return decode_clip(self._root / name, self._frames, self._crop, rng), int(self._labels[index])
        except DamagedVideoError as error:
            return f"{name}: {error}"


def _collate(items: list[tuple[np.ndarray, int] | str]) -> _Read:
    read = [item for item in items if not isinstance(item, str)]
    clips = (
        torch.from_numpy(np.stack([clip for clip, _ in read]))
        if read
        else torch.empty((0, 3, 1, 1, 1), dtype=torch.uint8)
    )
    return (
        clips,
        torch.tensor([label for _, label in read], dtype=torch.int64),
        [item for item in items if isinstance(item, str)],
    )


def _read_classes(path: Path) -> list[str]:
    """`1 ApplyEyeMakeup`, a line a class, numbered from 1."""
    rows = [line.split() for line in _lines(path)]
    if [row[0] for row in rows] != [str(i + 1) for i in range(len(rows))] or any(len(row) != 2 for row in rows):
        raise DataError(f"{path}: expected lines of a number and a class, from '1 ...' on without a gap")
    return [row[1] for row in rows]


def _read_list(path: Path, classes: Sequence[str]) -> list[str]:
    """`Class/video.avi`, and in training lists the class's number behind it."""
    names = [line.split()[0] for line in _lines(path)]
    for name in names:
        kind, _, file = name.partition("/")
        if kind not in classes or not file or ".." in name:
            raise DataError(f"{path}: '{name}' is not of a class in classInd.txt{did_you_mean(kind, classes)}")
    return names


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
