"""The set is deterministic, and a frame alone does not give the motion away."""

import numpy as np
import pytest

from rt3d_mlir.training.data import MOTIONS, moving_shapes
from rt3d_mlir.training.data.clips import ClipArrays


@pytest.fixture(scope="module")
def data() -> ClipArrays:
    return moving_shapes(train=600, test=300)


def arrays(data: ClipArrays, part: str) -> tuple[np.ndarray, np.ndarray]:
    size = data.train_size if part == "train" else data.test_size
    batches = data.train_batches if part == "train" else lambda b, _seed: data.test_batches(b)
    ((clips, labels),) = batches([np.arange(size)], (0,))
    return clips.numpy(), labels.numpy()


def test_what_it_is(data: ClipArrays):
    assert list(data.classes) == list(MOTIONS)
    assert data.shape == (3, 16, 32, 32)
    clips, labels = arrays(data, "train")
    assert np.bincount(labels).tolist() == [120] * 5
    assert 0 <= clips.min() < clips.max() <= 1


def test_the_same_seed_gives_the_same_clips():
    first, again, other = (arrays(moving_shapes(train=10, test=5, seed=seed), "train")[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_training_and_test_clips_differ(data: ClipArrays):
    train, test = arrays(data, "train")[0], arrays(data, "test")[0]
    assert not any((test[0] == clip).all() for clip in train)


def frame(clips: np.ndarray) -> np.ndarray:
    """One frame of each, coarse, with its squares and a constant: what a simple classifier of pictures sees."""
    coarse = clips[:, :, 7].reshape(len(clips), 3, 8, 4, 8, 4).mean((1, 3, 5)).reshape(len(clips), -1)
    coarse = coarse - coarse.mean(1, keepdims=True)
    return np.hstack([coarse, coarse**2, np.ones((len(clips), 1))])


def moved(clips: np.ndarray) -> np.ndarray:
    """The shift (down, right) between frames 4 and 7 at which they match best, by correlation."""
    a, b = (np.fft.fft2(clips[:, :, t].mean(1)) for t in (4, 7))
    match = np.fft.ifft2(np.conj(a) * b).real
    peaks = np.array([np.unravel_index(one.argmax(), one.shape) for one in match])
    return (peaks + 16) % 32 - 16


def test_one_frame_does_not_tell_the_class(data: ClipArrays):
    (x, y), (x_test, y_test) = arrays(data, "train"), arrays(data, "test")
    fitted, *_ = np.linalg.lstsq(frame(x), np.eye(5)[y], rcond=None)
    accuracy = ((frame(x_test) @ fitted).argmax(1) == y_test).mean()
    assert accuracy < 0.3  # chance is 0.2


def test_two_frames_do(data: ClipArrays):
    clips, labels = arrays(data, "test")
    motions = np.array(list(MOTIONS.values()))
    shifts = moved(clips)
    guesses = np.where(np.abs(shifts).max(1) < 1.5, 4, (shifts @ motions[:4].T).argmax(1))
    assert (guesses == labels).mean() > 0.9
