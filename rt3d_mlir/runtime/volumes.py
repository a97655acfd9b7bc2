"""A compiled network over volumes of any size: in windows that overlap, as MONAI's SlidingWindowInferer goes.

Windows, their order, their weights and their sum are those of `monai.inferers.sliding_window_inference`, so that a
network answers here as it did where it was validated, to the rounding of float32. Needs numpy only.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.errors import ConfigError, InputError, did_you_mean
from rt3d_mlir.runtime.artifact import TensorSpec
from rt3d_mlir.runtime.module import Module

MODES = ("constant", "gaussian")
#: No weight is less, for all weights are divided by.
_LEAST = 1e-3

_Slices = tuple[slice, ...]


def run_in_windows(
    module: Module,
    volume: NDArray[Any],
    overlap: float | Sequence[float] = 0.25,
    mode: str = "constant",
    sigma_scale: float | Sequence[float] = 0.125,
    cval: float = 0.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float32]:
    """What a network answers to `volume`: [K, D, H, W] for [C, D, H, W], [N, K, D, H, W] for [N, C, D, H, W]; float32.

    The network takes windows [B, C, d, h, w] and gives [B, K, d, h, w]. B of them are run at a time, of all volumes
    one after the other; the last call is filled up with zeros. `overlap` is the share of a window that the next one
    covers again, in [0, 1), for all axes or one by one. Where windows overlap, the mean of their answers counts: with
    equal weights (`mode` "constant"), or with those of a Gaussian around a window's centre, whose sigma is
    `sigma_scale` of the window ("gaussian"). An axis on which the volume is smaller than a window has `cval` on both
    sides.

    `volume` may be a `numpy.memmap`: windows are read, and cast to the network's type, one by one. Besides them there
    is one array like the answer in memory, and one of a number a position. `progress` is told how many windows are
    done, and of how many.

    Raises InputError for a network that does not answer so and for a volume that is not of its channels, ConfigError
    for an overlap, mode or sigma that cannot be.
    """
    source, result = _specs(module)
    volumes = _volumes(volume, source)
    batch, _, *window = source.shape
    size = volumes.shape[2:]
    grid = _Grid.over(size, window, _each("overlap", overlap))
    weights = importance_map(window, mode, sigma_scale)
    answer = np.zeros((len(volumes), result.shape[1], *size), np.float32)
    places = list(itertools.product(range(len(volumes)), grid.places()))
    for first in range(0, len(places), batch):
        now = places[first : first + batch]
        windows = np.full(source.shape, cval, source.dtype)
        windows[len(now) :] = 0
        for into, (number, place) in zip(windows, now, strict=False):
            into[:, *place.inside] = volumes[number, :, *place.outside]
        given = module(windows)
        assert isinstance(given, np.ndarray)
        for one, (number, place) in zip(given, now, strict=False):
            weighted = one[:, *place.inside] * weights[place.inside]
            answer[number, :, *place.outside] += weighted
        progress(first + len(now), len(places))
    answer /= _sums(grid, weights)
    return answer if volume.ndim == 5 else answer[0]


def importance_map(
    window: Sequence[int], mode: str = "constant", sigma_scale: float | Sequence[float] = 0.125
) -> NDArray[np.float32]:
    """The weight of each position of a window, [d, h, w]. Raises ConfigError for an unknown mode and a sigma of 0."""
    if mode not in MODES:
        raise ConfigError(f"mode '{mode}': expected {' or '.join(MODES)}{did_you_mean(mode, MODES)}")
    weights = np.ones((1,) * len(window), np.float32)
    for axis, (size, scale) in enumerate(zip(window, _each("sigma_scale", sigma_scale), strict=True)):
        if not 0 < scale < math.inf:
            raise ConfigError(f"sigma_scale {scale}: expected a share of the window, as 0.125")
        place = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
        bell = np.exp(place**2 / np.float32(-2 * (size * scale) ** 2))
        along = bell if mode == "gaussian" else np.ones_like(bell)
        weights = weights * along.reshape([size if i == axis else 1 for i in range(len(window))])
    return np.maximum(weights, np.float32(max(float(weights.min()), _LEAST)))


def window_starts(size: int, window: int, overlap: float) -> list[int]:
    """Where windows begin along an axis, rising; the last one is moved back to end with the volume."""
    if window >= size:
        return [0]
    step = max(1, int(window * (1 - overlap)))
    return [min(i * step, size - window) for i in range(math.ceil((size - window) / step) + 1)]


@dataclass(frozen=True)
class _Place:
    """Where a window lies in the volume, and which part of the window that is; both are the same size."""

    outside: _Slices
    inside: _Slices


@dataclass(frozen=True)
class _Grid:
    """The windows over a volume: their size, and by axis where they begin."""

    size: tuple[int, ...]
    window: tuple[int, ...]
    starts: tuple[list[int], ...]

    @staticmethod
    def over(size: Sequence[int], window: Sequence[int], overlap: Sequence[float]) -> "_Grid":
        for share in overlap:
            if not 0 <= share < 1:
                raise ConfigError(f"overlap {share}: expected the share of a window, 0 <= overlap < 1")
        starts = (window_starts(*axis) for axis in zip(size, window, overlap, strict=True))
        return _Grid(tuple(size), tuple(window), tuple(starts))

    def places(self) -> Iterator[_Place]:
        """All windows, the last axis fastest."""
        for start in itertools.product(*self.starts):
            axes = list(zip(start, self.size, self.window, strict=True))
            before = [max(0, window - size) // 2 for _, size, window in axes]
            covered = [min(size, window) for _, size, window in axes]
            yield _Place(
                tuple(slice(at, at + count) for at, count in zip(start, covered, strict=True)),
                tuple(slice(at, at + count) for at, count in zip(before, covered, strict=True)),
            )


def _sums(grid: _Grid, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of all windows' weights at each position of a volume."""
    sums = np.zeros(grid.size, np.float32)
    for place in grid.places():
        sums[place.outside] += weights[place.inside]
    return sums


def _specs(module: Module) -> tuple[TensorSpec, TensorSpec]:
    """The input and the output of a network on windows."""
    inputs, outputs = module.inputs, module.manifest.outputs
    if len(inputs) == len(outputs) == 1 and len(inputs[0].shape) == len(outputs[0].shape) == 5:
        (batch, _, *size), (answers, _, *given) = inputs[0].shape, outputs[0].shape
        if (batch, size) == (answers, given) and outputs[0].dtype.startswith("float"):
            return inputs[0], outputs[0]
    takes, gives = (", ".join(map(str, specs)) for specs in (inputs, outputs))
    raise InputError(
        f"the network takes {takes} and gives {gives}; expected windows BxCxDxHxW, and numbers BxKxDxHxW of the same "
        "size"
    )


def _volumes(volume: NDArray[Any], source: TensorSpec) -> NDArray[Any]:
    """`volume` [N, C, D, H, W], not copied."""
    channels = source.shape[1]
    shape, kind = tuple(np.shape(volume)), getattr(volume, "dtype", type(volume).__name__)
    if not isinstance(volume, np.ndarray) or len(shape) not in (4, 5) or shape[-4] != channels or 0 in shape:
        seen = f"{'x'.join(map(str, shape))} {kind}"
        raise InputError(f"a volume of {seen}; expected an array {channels}xDxHxW, or Nx{channels}xDxHxW of several")
    if not np.can_cast(volume.dtype, source.dtype, "same_kind"):
        raise InputError(f"a volume of {kind}, the network takes {source.dtype}: volume.astype(numpy.{source.dtype})")
    return volume if volume.ndim == 5 else volume[np.newaxis]


def _each(name: str, value: float | Sequence[float]) -> tuple[float, float, float]:
    """A number for each of three axes. Raises ConfigError for another count."""
    values = (value,) * 3 if isinstance(value, int | float) else tuple(value)
    if len(values) != 3:
        raise ConfigError(f"{name} {value}: expected one number, or three")
    return values
