"""A window that slides over frames, and what the network says of it."""

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from rt3d_mlir.errors import InputError
from rt3d_mlir.runtime import Manifest, load
from rt3d_mlir.runtime.video import resize_crop

TOP = 5


class Answer(NamedTuple):
    """What a window shows: each class's probability [C], and the most probable ones by name, best first."""

    probabilities: np.ndarray
    top: list[tuple[str, float]]


class Classifier:
    """The artifact `folder` on the last `frames` frames that it was given.

    Frames become what `rt3d_mlir.runtime.read_clip` makes of them: short side resized, centre crop, RGB in [0, 1],
    (x - `mean`) / `std` by channel. `labels` is a text file of one class a line; without it classes are numbers.

    Raises InputError for a network that does not take one clip to logits, and for labels that are not as many as its
    classes; what `rt3d_mlir.runtime.load` raises for a folder that is not an artifact for this machine.
    """

    def __init__(self, folder: Path, labels: Path | None, mean: Sequence[float], std: Sequence[float]):
        manifest = Manifest.read(folder)
        self.frames, self.height, self.width, classes = _shapes(folder, manifest)
        self.labels = _read_labels(labels, classes) if labels else [f"class {i}" for i in range(classes)]
        self.model = manifest.model
        self._mean, self._std = (np.array(values, np.float32).reshape(3, 1, 1) for values in (mean, std))
        self._window: deque[np.ndarray] = deque(maxlen=self.frames)
        self._module = load(folder)

    def add(self, images: Iterable[av.VideoFrame]) -> None:
        """Moves the window on by these frames."""
        size = self.height, self.width
        for image in images:
            pixels = resize_crop(image, size, round(min(size) * 128 / 112)).transpose(2, 0, 1)
            self._window.append((pixels.astype(np.float32) / 255 - self._mean) / self._std)

    @property
    def full(self) -> bool:
        """Whether there were enough frames for an answer."""
        return len(self._window) == self.frames

    def answer(self) -> Answer:
        """What the network says of the window as it is; it must be full."""
        logits = self._module(np.stack(self._window, axis=1)[np.newaxis])
        assert isinstance(logits, np.ndarray)
        weights = np.exp(logits[0] - logits.max())
        probabilities = weights / weights.sum()
        best = np.argsort(-probabilities, kind="stable")[:TOP]
        return Answer(probabilities, [(self.labels[i], float(probabilities[i])) for i in best])


def _shapes(folder: Path, manifest: Manifest) -> tuple[int, int, int, int]:
    """(T, H, W, classes)."""
    inputs, outputs = manifest.inputs, manifest.outputs
    taken = len(inputs) == 1 and len(inputs[0].shape) == 5 and inputs[0].shape[:2] == (1, 3)
    if not taken or len(outputs) != 1 or len(outputs[0].shape) != 2 or outputs[0].shape[0] != 1:
        seen = " and ".join(", ".join(map(str, specs)) for specs in (inputs, outputs))
        raise InputError(f"{folder} takes and gives {seen}; expected a clip of 1x3xTxHxW and logits of 1xC")
    length, height, width = inputs[0].shape[2:]
    return length, height, width, outputs[0].shape[1]


def _read_labels(path: Path, classes: int) -> list[str]:
    try:
        labels = path.read_text().splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as labels: {error}") from None
    if len(labels) != classes:
        raise InputError(f"{path} has {len(labels)} labels, the network {classes} classes: expected one line a class")
    return labels
