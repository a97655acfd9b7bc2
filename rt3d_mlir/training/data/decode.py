"""One video file to one clip of uint8, in a worker process."""

from pathlib import Path

import av
import av.error
import numpy as np

from rt3d_mlir.runtime.video import segment_centres


class DamagedVideoError(Exception):
    """A video that gives no clip, and why. The data set decides what that means."""


def decode_clip(path: Path, frames: int, crop: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """The frames in the middle of `frames` equal segments, uint8 (3, `frames`, `crop`, `crop`), RGB.

    The short side becomes 8/7 of `crop` (128 for 112). `rng` picks the crop, and flips it half of the time; without
    one it is the centre. One pass over the file: the number of frames is what the container says, or that of its
    packets, and a frame that is wanted and not there makes the video a damaged one.
    """
    if not path.is_file():
        raise DamagedVideoError("no such file")
    try:
        count = _count(path)
        if count < frames:
            raise DamagedVideoError(f"it has {count} frames, expected at least {frames}")
        images = _pick(path, segment_centres(count, frames), round(crop * 8 / 7))
    except av.error.FFmpegError as error:
        raise DamagedVideoError(f"it cannot be read as a video ({error.strerror})") from None
    if len(images) < frames:
        raise DamagedVideoError(f"it ends before its {count} frames, as its header counts them, are over")
    return _crop(np.stack(images), crop, rng)


def _count(path: Path) -> int:
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise DamagedVideoError("it has no video stream")
        stream = container.streams.video[0]
        return stream.frames or sum(packet.size > 0 for packet in container.demux(stream))


def _pick(path: Path, wanted: list[int], short_side: int) -> list[np.ndarray]:
    images = []
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1  # the workers are the threads
        for i, frame in enumerate(container.decode(video=0)):
            if i in wanted:
                images.append(_resize(frame, short_side))
            if i >= wanted[-1]:
                break
    return images


def _resize(frame: av.VideoFrame, short_side: int) -> np.ndarray:
    """uint8 (H, W, 3), upright."""
    scale = short_side / min(frame.height, frame.width)
    width, height = round(frame.width * scale), round(frame.height * scale)
    image = frame.reformat(width, height, format="rgb24", interpolation="BILINEAR").to_ndarray()
    return np.rot90(image, frame.rotation // 90)


def _crop(clip: np.ndarray, size: int, rng: np.random.Generator | None) -> np.ndarray:
    """(T, H, W, 3) to (3, T, size, size); the same crop for all frames."""
    room = (clip.shape[1] - size, clip.shape[2] - size)
    top, left = (side // 2 for side in room) if rng is None else (rng.integers(side + 1) for side in room)
    clip = clip[:, top : top + size, left : left + size]
    if rng is not None and rng.random() < 0.5:
        clip = clip[:, :, ::-1]
    return np.ascontiguousarray(clip.transpose(3, 0, 1, 2))
