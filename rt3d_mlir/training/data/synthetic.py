"""Moving shapes, labelled by their motion: a data set that needs no file, made anew from a seed.

Each clip shows a square, a disc or a diamond of random size and colours on a noisy background, which moves to the
right, left, down or up, or stays. What leaves at one border comes in at the other, and it starts anywhere; so each
single frame is distributed alike in all classes, and only the order of frames tells them apart:

    class right, three frames of one row:   . # # .     . . # #     # . . #
    class left, the same frames backwards:  # . . #     . . # #     . # # .
"""

import numpy as np
import torch

from rt3d_mlir.training.data.clips import ClipArrays

#: Class -> pixels moved by frame, (down, right), at speed 1.
MOTIONS = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0), "still": (0, 0)}
_SPEEDS = (0.75, 1.5)
_NORMS = (1, 2, np.inf)  # of what is a "circle": diamond, disc, square
_NOISE = 24


def moving_shapes(
    device: torch.device | str = "cpu",
    train: int = 1000,
    test: int = 500,
    clip: tuple[int, int, int] = (16, 32, 32),
    seed: int = 0,
) -> ClipArrays:
    """`train` and `test` clips of shape (3, *clip), uint8; classes take turns. The same seed gives the same numbers."""
    arrays = {}
    for part, count, stream in (("train", train, 0), ("test", test, 1)):
        labels = np.arange(count) % len(MOTIONS)
        rng = np.random.default_rng((seed, stream))
        arrays[f"x_{part}"] = np.stack(
            [_draw(rng, motion, clip) for motion in np.array(list(MOTIONS.values()))[labels]]
        )
        arrays[f"y_{part}"] = labels
    return ClipArrays("synthetic", arrays, device, classes=list(MOTIONS))


def _draw(rng: np.random.Generator, motion: np.ndarray, clip: tuple[int, int, int]) -> np.ndarray:
    """One clip, uint8 (3, T, H, W); edges are smooth, for places are fractions of pixels."""
    frames, size = clip[0], np.array(clip[1:])
    start, speed = rng.uniform(0, size), rng.uniform(*_SPEEDS)
    radius, norm = rng.uniform(3, 6) * min(size) / 32, _NORMS[rng.integers(len(_NORMS))]
    centres = start + speed * motion * np.arange(frames)[:, None]
    grid = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1)
    offsets = (grid - centres[:, None, None] + size / 2) % size - size / 2  # the shortest way, over the borders
    inside = np.clip(radius + 0.5 - np.linalg.norm(offsets, ord=norm, axis=-1), 0, 1)
    background, colour = rng.uniform(40, 100, 3), rng.uniform(130, 215, 3)
    picture = background[:, None, None, None] + (colour - background)[:, None, None, None] * inside
    picture += rng.normal(0, _NOISE, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
