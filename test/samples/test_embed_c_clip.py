"""What samples/embed_c/clip.c makes of camera frames is what numpy does in float64, and what read_clip does."""

import ctypes

import numpy as np
import pytest
from samples.embed_c_build import EMBED_C, build

from rt3d_mlir.runtime import video


class Frame(ctypes.Structure):
    _fields_ = (
        ("rgba", ctypes.c_void_p),
        ("height", ctypes.c_int),
        ("width", ctypes.c_int),
        ("row_bytes", ctypes.c_ssize_t),
        ("rotation", ctypes.c_int),
    )


class ClipBuffer:
    """clip.h, for numpy frames of [height, width, 4] whose rows may lie apart."""

    def __init__(self, library: ctypes.CDLL, frames: int, height: int, width: int):
        self.c, self.shape = library, (1, 3, frames, height, width)
        mean, std = ((ctypes.c_float * 3).in_dll(library, f"CLIP_IMAGENET_{name}") for name in ("MEAN", "STD"))
        np.testing.assert_array_equal((mean, std), np.float32([video.IMAGENET_MEAN, video.IMAGENET_STD]))
        library.clip_buffer_create.restype = ctypes.c_void_p
        library.clip_buffer_size.restype = ctypes.c_size_t
        library.clip_buffer_push.restype = library.clip_buffer_full.restype = ctypes.c_bool
        self.at = ctypes.c_void_p(library.clip_buffer_create(frames, height, width, mean, std))

    def push(self, frame: np.ndarray, rotation: int = 0) -> bool:
        height, width, _ = frame.shape
        given = Frame(frame.ctypes.data, height, width, frame.strides[0], rotation)
        return self.c.clip_buffer_push(self.at, ctypes.byref(given))

    def full(self) -> bool:
        return self.c.clip_buffer_full(self.at)

    def read(self) -> np.ndarray:
        clip = np.empty(self.shape, np.float32)
        assert self.c.clip_buffer_size(self.at) == clip.size
        self.c.clip_buffer_read(self.at, clip.ctypes.data_as(ctypes.c_void_p))
        return clip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("clip") / "clip.so"
    return ctypes.CDLL(str(build(path, "-O2", "-shared", "-fPIC", EMBED_C / "clip.c", "-lm")))


def frame_of(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)


def resize_matrix(source: int, target: int) -> np.ndarray:
    """[target, source]: triangles as wide as the step between outputs, or two pixels where that is more."""
    step = source / target
    centres = (np.arange(target) + 0.5) * step
    weights = np.maximum(0, 1 - np.abs(np.arange(source) + 0.5 - centres[:, None]) / max(step, 1))
    return weights / weights.sum(1, keepdims=True)


def expected(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """[3, height, width] in float64, of an upright frame."""
    scale = round(min(height, width) * 128 / 112) / min(frame.shape[:2])
    rows, columns = (round(n * scale) for n in frame.shape[:2])
    image = np.einsum(
        "iy,yxc,jx->cij", resize_matrix(frame.shape[0], rows), frame[..., :3], resize_matrix(frame.shape[1], columns)
    )
    top, left = (rows - height) // 2, (columns - width) // 2
    image = image[:, top : top + height, left : left + width] / 255
    return (image - np.reshape(video.IMAGENET_MEAN, (3, 1, 1))) / np.reshape(video.IMAGENET_STD, (3, 1, 1))


@pytest.mark.parametrize("size", [(48, 64), (65, 40), (16, 20), (7, 9)], ids=str)
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_frame(size: tuple[int, int], rotation: int, library: ctypes.CDLL):
    """Larger and smaller than the clip's, turned, and with bytes between its rows, as cameras have them."""
    buffer = ClipBuffer(library, 1, 14, 14)
    upright = frame_of(*size)
    turned = np.rot90(upright, rotation // 90)  # counterclockwise, so that clockwise makes it upright
    padded = np.full((turned.shape[0], turned.shape[1] + 5, 4), 77, np.uint8)
    padded[:, : turned.shape[1]] = turned
    assert buffer.push(padded[:, : turned.shape[1]], rotation)
    np.testing.assert_allclose(buffer.read()[0, :, 0], expected(upright, 14, 14), atol=2e-5)


def test_it_is_the_clip_of_read_clip(library: ctypes.CDLL):
    """swscale's bilinear filter is the same triangle, in fixed point; a picture is smoother than noise."""
    av = pytest.importorskip("av")
    frame = np.kron(frame_of(12, 16), np.ones((20, 20, 1), np.uint8))
    buffer = ClipBuffer(library, 1, 112, 112)
    assert buffer.push(frame)
    image = video.resize_crop(av.VideoFrame.from_ndarray(frame[..., :3].copy(), "rgb24"), (112, 112), 128)
    wanted = (image / 255 - video.IMAGENET_MEAN) / video.IMAGENET_STD
    level = 1 / 255 / min(video.IMAGENET_STD)
    assert np.abs(buffer.read()[0, :, 0].transpose(1, 2, 0) - wanted).max() < 3 * level


def test_the_ring(library: ctypes.CDLL):
    buffer, frames = ClipBuffer(library, 4, 6, 5), [frame_of(9, 12, seed) for seed in range(7)]
    assert [buffer.push(frame) and buffer.full() for frame in frames] == [False] * 3 + [True] * 4
    assert not buffer.push(frames[0], rotation=45)
    wanted = np.stack([expected(frame, 6, 5) for frame in frames[3:]], axis=1)
    np.testing.assert_allclose(buffer.read()[0], wanted, atol=2e-5)
