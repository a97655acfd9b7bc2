"""Frames of a video file or a camera, read by a thread of their own."""

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple, Self

import av
import av.container
import av.error

from rt3d_mlir.errors import InputError


class Frame(NamedTuple):
    """A decoded frame, and its time in seconds since the first one."""

    seconds: float
    image: av.VideoFrame


def open_file(path: Path) -> av.container.InputContainer:
    """Raises InputError for a file that is missing, no video, or sound only."""
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise InputError(f"{path} cannot be read as a video: {error.strerror}") from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path} has no video stream")
    container.streams.video[0].thread_type = "AUTO"
    return container


def open_camera(number: int) -> av.container.InputContainer:
    """/dev/video`number`. Raises InputError for one that is missing, in use, or no camera."""
    device = f"/dev/video{number}"
    if not sys.platform.startswith("linux"):
        raise InputError(f"cameras are read through v4l2, which is Linux's; this is {sys.platform}: name a video file")
    try:
        return av.open(device, format="v4l2")
    except av.error.FFmpegError as error:
        found = ", ".join(path.name[len("video") :] for path in sorted(Path("/dev").glob("video*"))) or "none"
        raise InputError(f"no camera at {device}: {error.strerror}; numbers that exist here: {found}") from None


def rate(container: av.container.InputContainer) -> float:
    """Frames per second as the file or the camera states it; 25 where it does not."""
    return float(container.streams.video[0].average_rate or 25)


def frames(container: av.container.InputContainer) -> Generator[Frame, None, None]:
    """All frames in order; the container is closed behind them. Raises InputError for damaged ones."""
    period, start = 1 / rate(container), None
    with container:
        try:
            for index, image in enumerate(container.decode(video=0)):
                seconds = index * period if image.time is None else image.time
                start = seconds if start is None else start
                yield Frame(seconds - start, image)
        except av.error.FFmpegError as error:
            raise InputError(f"{container.name} cannot be read on: {error.strerror}") from None


def in_real_time(source: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
    """Each frame when its time has come, as a camera gives them."""
    started = time.monotonic()
    for frame in source:
        time.sleep(max(0.0, started + frame.seconds - time.monotonic()))
        yield frame


class Capture:
    """Reads frames while the last ones are classified; at most `capacity` of them wait.

    A file waits until there is room. What is live cannot: the oldest waiting frame makes room for the new one, and
    counts as `dropped`. So those that wait always follow each other without a gap.
    """

    def __init__(self, source: Generator[Frame, None, None], capacity: int, live: bool):
        self.dropped = 0
        self._source, self._capacity, self._live = source, capacity, live
        self._waiting: deque[Frame] = deque()
        self._ended = self._stopped = False
        self._error: Exception | None = None
        self._changed = threading.Condition()
        # A daemon, for a camera that sends nothing more cannot be interrupted.
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(timeout=2)

    def take(self, count: int) -> list[Frame]:
        """The next `count` frames, when they are there; live, all that wait by then. Fewer at the end, then none.

        Raises what reading raised, once the frames before it are taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) >= count or self._ended)
            if self._error and not self._waiting:
                raise self._error
            taken = len(self._waiting) if self._live else min(count, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(taken)]
            self._changed.notify_all()
            return batch

    def _read(self) -> None:
        try:
            with contextlib.closing(self._source):
                for frame in self._source:
                    if not self._put(frame):
                        break
        except Exception as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        """False where nobody takes frames any more."""
        with self._changed:
            if self._live and len(self._waiting) == self._capacity:
                self._waiting.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: len(self._waiting) < self._capacity or self._stopped)
            self._waiting.append(frame)
            self._changed.notify_all()
            return not self._stopped
