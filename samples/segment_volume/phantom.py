"""Draws heads that never were, with the class of each voxel: data to try segmentation with, made anew from a seed.

    python samples/segment_volume/phantom.py OUT

OUT gets patches.npz, for rt3d-mlir-prune; and head.npy and truth.npy, a larger head that is not among the patches. A
head is a brain of gray matter around white matter around two ventricles, in fluid, in a bright skull. Outlines wave,
folds of gray matter reach into the white, and the picture has noise and a brightness that drifts, as a scanner's has.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

CLASSES = ("outside", "gray matter", "white matter", "fluid")
#: How bright each class is, and the skull, which is outside.
_BRIGHT = np.array([0.02, 0.5, 0.8, 0.25], np.float32)
_SKULL = np.float32(0.9)
_HEADS, _PATCHES = (16, 4), 8


def draw_head(size: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A volume [1, *size], float32, whose mean is 0 and deviation 1, and the classes [*size], uint8."""
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in size), indexing="ij"))
    at += 0.03 * _waves(at, rng, 3, 4)
    far = np.linalg.norm(at / np.array([0.8, 0.95, 0.85], np.float32)[:, None, None, None], axis=0)
    folds = 0.07 * _waves(at, rng, 14, 3)
    labels = np.zeros(size, np.uint8)
    labels[far < 0.92] = 3
    labels[far < 0.86] = 1
    labels[far < 0.68 + folds] = 2
    for side in (-0.16, 0.16):
        centre = np.array([side, 0.05, 0.1], np.float32)[:, None, None, None]
        reach = np.array([0.1, 0.34, 0.16], np.float32)[:, None, None, None]
        labels[np.linalg.norm((at - centre) / reach, axis=0) < 1] = 3
    picture = _BRIGHT[labels]
    picture[(far > 0.94) & (far < 1.02)] = _SKULL
    picture *= 1 + 0.15 * _waves(at, rng, 1.5, 1)
    picture += rng.normal(0, 0.07, size).astype(np.float32)
    return normalized(picture[np.newaxis]), labels


def normalized(volume: np.ndarray) -> np.ndarray:
    """Each channel of [C, D, H, W] with mean 0 and deviation 1, float32."""
    axes = tuple(range(1, volume.ndim))
    mean, deviation = (of(volume, axis=axes, keepdims=True, dtype=np.float64) for of in (np.mean, np.std))
    return ((volume - mean.astype(np.float32)) / np.maximum(deviation, 1e-8).astype(np.float32)).astype(np.float32)


def patches(heads: range) -> tuple[np.ndarray, np.ndarray]:
    """[N, 1, 32, 32, 32] and [N, 32, 32, 32]: parts of heads, from anywhere in the volume."""
    rng = np.random.default_rng(heads.start)
    volumes: list[np.ndarray] = []
    classes: list[np.ndarray] = []
    for seed in heads:
        volume, labels = draw_head((88, 104, 96), seed)
        for _ in range(_PATCHES):
            part = tuple(slice(at, at + 32) for at in (rng.integers(0, n - 31) for n in labels.shape))
            volumes.append(volume[:, *part])
            classes.append(labels[part])
    return np.stack(volumes), np.stack(classes)


def _waves(at: np.ndarray, rng: np.random.Generator, turns: float, count: int) -> np.ndarray:
    """The sum of waves through the volume, each in a direction of its own and between -1 and 1."""
    total = np.zeros(at.shape[1:], np.float32)
    for _ in range(count):
        direction = rng.normal(0, 1, 3).astype(np.float32)
        direction *= turns / np.linalg.norm(direction)
        total += np.sin(np.tensordot(direction, at, 1) + np.float32(rng.uniform(0, 2 * np.pi)))
    return total


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw heads, and the classes of their voxels.")
    parser.add_argument("output", metavar="OUT", type=Path, help="a folder")
    folder = parser.parse_args(argv).output
    folder.mkdir(parents=True, exist_ok=True)
    train, test = _HEADS
    x_train, y_train = patches(range(100, 100 + train))
    x_test, y_test = patches(range(200, 200 + test))
    np.savez(folder / "patches.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    volume, labels = draw_head((96, 112, 100), 0)
    np.save(folder / "head.npy", volume)
    np.save(folder / "truth.npy", labels)
    print(f"{folder}: patches.npz ({len(x_train)} and {len(x_test)}), head.npy and truth.npy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
