"""Clips that fit in memory: arrays x_train, y_train, x_test and y_test, as in an `.npz`.

Clips are (N, C, T, H, W), uint8 or float. Labels are (N,), or (N, T, H, W) for nets that segment. What is uint8 stays
so until a batch is made of it: 4,452 clips of 3x16x32x32 are 219 MB, and as float32 they would be 875. Where the device
has room, they move there once.
"""

import zipfile
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch

from rt3d_mlir.errors import DataError
from rt3d_mlir.training.data.base import Batch, check_labels

KEYS = ("x_train", "y_train", "x_test", "y_test")


class Transform(StrEnum):
    """What a uint8 becomes: `unit`, x / 255, for pixels; `log1p`, log(1 + x), for counts, which have long tails."""

    UNIT = "unit"
    LOG1P = "log1p"


class ClipArrays:
    """A data set in memory. Raises DataError for shapes, types or labels that cannot be trained on.

    `transform` is for uint8 clips (None: unit); float clips are taken as they are, and refuse one.
    """

    def __init__(
        self,
        name: str,
        arrays: dict[str, np.ndarray],
        device: torch.device | str = "cpu",
        transform: Transform | None = None,
        classes: Sequence[str] | None = None,
    ):
        _check(name, arrays)
        labels = {part: _small(arrays[f"y_{part}"]) for part in ("train", "test")}
        count = len(classes) if classes else int(max(y.max(initial=0) for y in labels.values())) + 1
        check_labels(labels["train"], labels["test"], count, name)
        kind = arrays["x_train"].dtype
        if transform and kind != np.uint8:
            raise DataError(
                f"{name}: the input transform {transform} is for uint8 clips, these are {kind}; leave it out"
            )
        self.name = name
        self.classes = list(classes) if classes else [str(i) for i in range(count)]
        channels, frames, height, width = arrays["x_train"].shape[1:]
        self.shape = (channels, frames, height, width)
        self.label_shape: tuple[int, ...] = labels["train"].shape[1:]
        self.train_size, self.test_size = len(labels["train"]), len(labels["test"])
        self.skipped: list[str] = []
        self._transform = transform or Transform.UNIT
        self._device = torch.device(device)
        clips = {part: _tensor(arrays[f"x_{part}"]) for part in labels}
        home = self._device if _fits(list(clips.values()), self._device) else torch.device("cpu")
        self._parts = {part: (clips[part].to(home), torch.from_numpy(y).to(home)) for part, y in labels.items()}

    def train_batches(self, batches: Sequence[np.ndarray], seed: tuple[int, ...]) -> Iterator[Batch]:
        """Nothing is random about these but their order."""
        return self._batches("train", batches)

    def test_batches(self, batches: Sequence[np.ndarray]) -> Iterator[Batch]:
        return self._batches("test", batches)

    def _batches(self, part: str, batches: Sequence[np.ndarray]) -> Iterator[Batch]:
        clips, labels = self._parts[part]
        for indices in batches:
            index = torch.from_numpy(indices).to(clips.device)
            yield self._prepare(clips[index].to(self._device)), labels[index].to(self._device).long()

    def _prepare(self, clips: torch.Tensor) -> torch.Tensor:
        if clips.dtype != torch.uint8:
            return clips
        return clips.float().log1p() if self._transform is Transform.LOG1P else clips.float() / 255


def load_clips(path: Path, device: torch.device | str = "cpu", transform: Transform | None = None) -> ClipArrays:
    """The clips of an `.npz`: x_train, y_train, x_test, y_test. Raises DataError where that is not what it holds."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            lost = [key for key in KEYS if key not in file]
            if lost:
                raise DataError(f"{path} has no array {lost[0]}: expected {', '.join(KEYS)}; it has {', '.join(file)}")
            arrays = {key: file[key] for key in KEYS}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a complete .npz of plain arrays ({error}); copy or save it again") from None
    return ClipArrays(path.name, arrays, device, transform)


def _check(name: str, arrays: dict[str, np.ndarray]) -> None:
    train, test = arrays["x_train"], arrays["x_test"]
    for key, clips in (("x_train", train), ("x_test", test)):
        if clips.ndim != 5 or 0 in clips.shape[1:]:
            raise DataError(f"{name}: {key} has shape {clips.shape}: expected (N, channels, frames, height, width)")
        if clips.dtype != np.uint8 and clips.dtype.kind != "f":
            raise DataError(f"{name}: {key} is {clips.dtype}: expected uint8 or float")
        if clips.dtype.kind == "f" and not np.isfinite(clips).all():
            raise DataError(f"{name}: {key} holds NaN or infinite values")
        labels = arrays[key.replace("x", "y", 1)]
        by_position = (len(clips), *clips.shape[2:])
        if labels.shape not in (clips.shape[:1], by_position) or labels.dtype.kind not in "iu":
            raise DataError(
                f"{name}: {key} has {len(clips)} clips, but {key.replace('x', 'y', 1)} is {labels.dtype} of shape "
                f"{labels.shape}: expected one whole number a clip, or {by_position} of them, one a position"
            )
    if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
        raise DataError(
            f"{name}: x_train holds {train.dtype} clips of {train.shape[1:]}, x_test {test.dtype} of {test.shape[1:]}; "
            "they must be alike"
        )
    if arrays["y_train"].ndim != arrays["y_test"].ndim:
        raise DataError(
            f"{name}: y_train is of shape {arrays['y_train'].shape}, y_test of {arrays['y_test'].shape}: expected a "
            "label a clip in both, or one a position in both"
        )


def _small(labels: np.ndarray) -> np.ndarray:
    """Volumes of labels fill memory as clips do, so they are uint8 where that holds them; batches are int64."""
    fits = labels.min(initial=0) >= 0 and labels.max(initial=0) < 256
    return np.ascontiguousarray(labels, np.uint8 if fits else np.int64)


def _tensor(clips: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(clips if clips.dtype == np.uint8 else clips.astype(np.float32)))


def _fits(tensors: Sequence[torch.Tensor], device: torch.device) -> bool:
    """Whether the device has at least as much room again for the training itself."""
    if device.type != "cuda":
        return True
    return 2 * sum(tensor.nbytes for tensor in tensors) < torch.cuda.mem_get_info(device)[0]
