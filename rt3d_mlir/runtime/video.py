"""From a video file to the clip that a network takes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import av.error
import numpy as np

from rt3d_mlir.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def read_clip(
    path: str | Path,
    frames: int = 16,
    size: tuple[int, int] = (112, 112),
    short_side: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> np.ndarray:
    """Reads the video as a clip of shape (1, 3, `frames`, H, W), float32, RGB, where `size` is (H, W).

    As in RT3D's test protocol: the frames in the middle of `frames` equal segments of the whole video, the
    short side resized (bilinear) to `short_side` pixels (128 for a crop of 112, in proportion otherwise), a
    centre crop, values scaled to [0, 1], then (x - `mean`) / `std` by channel (ImageNet's by default).

    The video is decoded twice, to count its frames and to pick from them: no more than one frame is held at
    full size. Raises InputError when the file is missing, not a video, too short, or the crop does not fit.
    """
    clip = read_frames(path, frames, size, short_side).astype(np.float32) / 255
    clip -= np.asarray(IMAGENET_MEAN if mean is None else mean, np.float32).reshape(3, 1, 1, 1)
    clip /= np.asarray(IMAGENET_STD if std is None else std, np.float32).reshape(3, 1, 1, 1)
    return clip


def read_frames(
    path: str | Path,
    frames: int = 16,
    size: tuple[int, int] = (112, 112),
    short_side: int | None = None,
) -> np.ndarray:
    """The clip of `read_clip` as it was decoded: (1, 3, `frames`, H, W), uint8, RGB. Raises InputError as it does."""
    short_side = round(min(size) * 128 / 112) if short_side is None else short_side
    if not Path(path).is_file():
        raise InputError(f"no video at {path}")
    try:
        count = sum(1 for _ in _decode(path))
        if count < frames:
            raise InputError(f"{path} has {count} frames, expected at least {frames}")
        wanted = set(segment_centres(count, frames))
        images = [resize_crop(f, size, short_side) for i, f in enumerate(_decode(path)) if i in wanted]
    except av.error.FFmpegError as error:
        raise InputError(f"{path} cannot be read as a video: {error.strerror}") from None
    return np.ascontiguousarray(np.stack(images).transpose(3, 0, 1, 2)[np.newaxis])


def segment_centres(count: int, segments: int) -> list[int]:
    """The middle of each of `segments` equal parts of `count` frames: 8 frames in 4 parts give 1, 3, 5, 7."""
    return [(2 * i + 1) * count // (2 * segments) for i in range(segments)]


def _decode(path: str | Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise InputError(f"{path} has no video stream")
        container.streams.video[0].thread_type = "AUTO"
        yield from container.decode(video=0)


def resize_crop(frame: av.VideoFrame, size: tuple[int, int], short_side: int) -> np.ndarray:
    """One frame as uint8 (H, W, 3), RGB, turned upright as the file's display matrix says."""
    scale = short_side / min(frame.height, frame.width)
    width, height = round(frame.width * scale), round(frame.height * scale)
    image = frame.reformat(width, height, format="rgb24", interpolation="BILINEAR").to_ndarray()
    image = np.rot90(image, frame.rotation // 90)  # both count counterclockwise
    top, left = (image.shape[0] - size[0]) // 2, (image.shape[1] - size[1]) // 2
    if top < 0 or left < 0:
        seen, wanted = f"{image.shape[0]}x{image.shape[1]}", f"{size[0]}x{size[1]}"
        raise InputError(f"a frame resized to {seen} is smaller than the crop of {wanted}; raise short_side")
    return image[top : top + size[0], left : left + size[1]]
