"""What the app leaves behind: a video with the answers drawn on it, or a strip of its frames above a plot of them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import av
import av.container
import av.error
import numpy as np
from capture import Frame
from classify import TOP, Answer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from rt3d_mlir.errors import InputError

_TICKS = 90_000  # of a second; frames of a camera do not come evenly
_PICTURES, _PICTURE_WIDTH = 5, 270
_Item = TypeVar("_Item")


class Picture(Protocol):
    """Gets each batch of frames with the answer to the window that ends with it; `close` finishes the file."""

    def add(self, frames: Sequence[Frame], answer: Answer) -> None: ...

    def close(self) -> None: ...


def open_picture(path: Path, rate: float, labels: Sequence[str]) -> Picture:
    """By the ending of `path`, .mp4 or .png. Raises InputError where it cannot be written."""
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {path.parent}")
    return Video(path, rate) if path.suffix == ".mp4" else Strip(path, labels)


class Video:
    """H.264, with the times of the frames: what was dropped leaves a pause, and nothing runs faster."""

    def __init__(self, path: Path, rate: float):
        self._path, self._rate = path, Fraction(rate).limit_denominator(1001)
        self._file: av.container.OutputContainer | None = None
        self._last = -1

    def add(self, frames: Sequence[Frame], answer: Answer) -> None:
        for frame in frames:
            pixels = drawn(frame.image, answer)
            height, width = (side // 2 * 2 for side in pixels.shape[:2])  # yuv420p halves both
            if self._file is None:
                self._open(height, width)
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), "rgb24")
            self._last = image.pts = max(round(frame.seconds * _TICKS), self._last + 1)
            image.time_base = Fraction(1, _TICKS)
            self._write(image)

    def close(self) -> None:
        if self._file is not None:
            self._write(None)
            self._file.close()

    def _open(self, height: int, width: int) -> None:
        file = av.open(str(self._path), "w")
        self._stream = file.add_stream("libx264", rate=self._rate, width=width, height=height, pix_fmt="yuv420p")
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        try:
            file.start_encoding()
        except av.error.FFmpegError as error:
            raise InputError(f"{self._path} cannot be written: {error.strerror}") from None
        self._file = file

    def _write(self, image: av.VideoFrame | None) -> None:
        """The next frame; None for what the encoder still holds."""
        assert self._file is not None
        try:
            self._file.mux(self._stream.encode(image))
        except av.error.FFmpegError as error:
            self._file = None  # nothing can be added
            raise InputError(f"{self._path} cannot be written on: {error.strerror}") from None


class Strip:
    """Some frames, evenly over time, and below them the probabilities of the classes that were ever likely.

    A camera may run for hours: where there are too many frames or answers, every second one is forgotten, and from
    then on half as many are kept.
    """

    def __init__(self, path: Path, labels: Sequence[str]):
        self._path, self._labels = path, labels
        self._shots: Thinned[tuple[Frame, Answer]] = Thinned(24)
        self._answers: Thinned[tuple[float, np.ndarray]] = Thinned(4000)

    def add(self, frames: Sequence[Frame], answer: Answer) -> None:
        self._shots.add((frames[-1], answer))
        self._answers.add((frames[-1].seconds, answer.probabilities))

    def close(self) -> None:
        if not self._shots.items:
            return
        chosen = np.linspace(0, len(self._shots.items) - 1, min(_PICTURES, len(self._shots.items))).round().astype(int)
        shots = [self._shots.items[i] for i in chosen]
        figure = Figure(figsize=(14, 5), layout="constrained")
        FigureCanvasAgg(figure)
        pictures, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.4))[:, 0]
        for axes, (frame, answer) in zip(pictures.subplots(1, len(shots), squeeze=False)[0], shots, strict=True):
            axes.imshow(drawn(frame.image, answer, _PICTURE_WIDTH))
            axes.set_title(f"{frame.seconds:.1f} s", fontsize=9)
            axes.axis("off")
        times, probabilities = (np.array(column) for column in zip(*self._answers.items, strict=True))
        axes = below.subplots()
        for i in np.argsort(-probabilities.max(0), kind="stable")[:TOP]:
            axes.plot(times, probabilities[:, i], label=self._labels[i], marker="." if len(times) == 1 else "")
        axes.set(xlabel="end of the window, seconds", ylabel="probability", ylim=(0, 1.02))
        axes.margins(x=0.01)
        below.legend(loc="outside right center")
        try:
            figure.savefig(self._path, dpi=100)
        except OSError as error:
            raise InputError(f"{self._path} cannot be written: {error.strerror}") from None


class Thinned(Generic[_Item]):
    """At most `most` of the items added, evenly spaced; `most` is even."""

    def __init__(self, most: int):
        self.items: list[_Item] = []
        self._most, self._step, self._seen = most, 1, 0

    def add(self, item: _Item) -> None:
        if self._seen % self._step == 0:
            if len(self.items) == self._most:
                self.items, self._step = self.items[::2], 2 * self._step
            self.items.append(item)
        self._seen += 1


def drawn(frame: av.VideoFrame, answer: Answer, width: int | None = None) -> np.ndarray:
    """The frame, upright, uint8 [H, W, 3], with the most probable classes and bars of their probabilities.

    `width` pixels wide, by default as wide as it is.
    """
    image = Image.fromarray(np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90))
    if width is not None:
        image = image.resize((width, round(width * image.height / image.width)))
    line = max(14, image.height // 16)
    font = ImageFont.load_default(0.8 * line)
    box = max(font.getlength(f"{label}  100%") for label, _ in answer.top) + line
    pen = ImageDraw.Draw(image, "RGBA")
    pen.rectangle((0, 0, box, line * len(answer.top)), fill=(0, 0, 0, 150))
    for i, (label, probability) in enumerate(answer.top):
        pen.rectangle((0, i * line + 1, box * probability, (i + 1) * line - 1), fill=(70, 130, 200, 170))
        pen.text((line / 2, (i + 0.5) * line), label, "white", font, "lm")
        pen.text((box - line / 2, (i + 0.5) * line), f"{probability:.0%}", "white", font, "rm")
    return np.asarray(image)
