"""Resize as sums of positions that are picked along one axis after the other, in any number of dimensions.

    linear, 2 to 4:  y = x[0, 0, 0, 1] * [1, .75, .25, 0] + x[1, 1, 1, 1] * [0, .25, .75, 1]

Which positions an output reads, and their weights, depend on the sizes alone: both are constants of the graph.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from rt3d_mlir.frontend.onnx_rewrites.graph import Builder, attributes


@dataclass(frozen=True)
class _Taps:
    """Along one axis: the positions that each output reads and their weights [outputs, taps], and which are outside.

    An output that is outside of the input is the extrapolation value. `size` is the input's.
    """

    size: int
    positions: np.ndarray
    weights: np.ndarray
    outside: np.ndarray

    @property
    def unchanged(self) -> bool:
        """Whether each output is the input at its place."""
        single = self.weights.shape[1] == 1 and not self.outside.any()
        return single and np.array_equal(self.positions[:, 0], np.arange(self.size))


@dataclass(frozen=True)
class _Resampler:
    """Adds the nodes that resample a tensor of `rank` axes, one axis at a time; `fill` is the extrapolation value."""

    builder: Builder
    rank: int
    dtype: np.dtype
    fill: float

    def along(self, axis: int, x: str, taps: _Taps) -> str:
        """The weighted sums of one axis."""
        if taps.unchanged:
            return x
        terms = [self._term(axis, x, taps, k) for k in range(taps.weights.shape[1])]
        for term in terms[1:]:
            terms[0] = self.builder.add("Add", [terms[0], term])
        if not taps.outside.any():
            return terms[0]
        fill = self._column(axis, np.where(taps.outside, self.fill, 0))
        return self.builder.add("Add", [terms[0], fill])

    def _term(self, axis: int, x: str, taps: _Taps, k: int) -> str:
        """Each output's k-th position times its weight."""
        picked = self.builder.add("Gather", [x, self.builder.array(taps.positions[:, k])], axis=axis)
        weights = np.where(taps.outside, 0, taps.weights[:, k])
        if (weights == 1).all():
            return picked
        return self.builder.add("Mul", [picked, self._column(axis, weights)])

    def _column(self, axis: int, numbers: np.ndarray) -> str:
        """A constant that varies along one axis alone."""
        shape = [1] * self.rank
        shape[axis] = len(numbers)
        return self.builder.array(numbers.reshape(shape).astype(self.dtype))


def resize(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """Gathers and weighted sums. None where the sizes are not constant."""
    x, *others = node.input
    given = attributes(node)
    roi, scales, _ = (builder.numbers(name) if name else None for name in [*others, "", "", ""][:3])
    shape, out = builder.values.shapes.get(x), builder.values.shapes.get(node.output[0])
    dtype = onnx.helper.tensor_dtype_to_np_dtype(builder.values.types.get(x, 1))
    if shape is None or out is None or dtype.kind != "f":
        return None
    if shape == out and given.get("coordinate_transformation_mode") != "tf_crop_and_resize":
        return [x]  # as onnxruntime has it, whatever the scales
    axes = [axis % len(shape) for axis in given.get("axes", range(len(shape)))]
    factors = [out[axis] / shape[axis] for axis in axes]
    if scales is not None and scales.size:
        factors = [float(scale) for scale in scales]
    elif given.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        sizes = builder.numbers(others[2])
        if sizes is None:
            return None
        choose = min if given["keep_aspect_ratio_policy"] == "not_larger" else max
        factors = [choose(size / shape[axis] for size, axis in zip(sizes, axes, strict=True))] * len(axes)
    crops = np.asarray([0, 1] * len(axes)).reshape(-1, 2) if roi is None or not roi.size else roi.reshape(2, -1).T
    resampler = _Resampler(builder, len(shape), dtype, given.get("extrapolation_value", 0.0))
    for axis, factor, crop in zip(axes, factors, crops, strict=True):
        x = resampler.along(axis, x, _taps(shape[axis], factor, out[axis], tuple(crop), given))
    return [x]


def _taps(size: int, scale: float, count: int, crop: tuple[float, float], given: dict[str, Any]) -> _Taps:
    mode = given.get("coordinate_transformation_mode", "half_pixel")
    at = _coordinates(size, scale, count, crop, mode)
    outside = ((at < 0) | (at > size - 1)) if mode == "tf_crop_and_resize" else np.zeros(count, bool)
    kind = given.get("mode", "nearest")
    if kind == "nearest":
        nearest = _round(at, given.get("nearest_mode", "round_prefer_floor"))
        return _Taps(size, np.clip(nearest, 0, size - 1)[:, None], np.ones((count, 1)), outside)
    shrink = min(scale, 1.0) if given.get("antialias") else 1.0
    reach = 1 if kind == "linear" else 2
    first = int(np.floor(-reach / shrink)) + 1
    places = np.floor(at).astype(np.int64)[:, None] + np.arange(first, 2 - first)
    distances = np.abs(places - at[:, None]) * shrink
    weights = (
        np.clip(1 - distances, 0, None) if kind == "linear" else _cubic(distances, given.get("cubic_coeff_a", -0.75))
    )
    if given.get("exclude_outside"):
        weights = np.where((places < 0) | (places >= size), 0, weights)
    weights = weights / weights.sum(1, keepdims=True)
    used = weights.any(0)
    return _Taps(size, np.clip(places, 0, size - 1)[:, used], weights[:, used], outside)


def _coordinates(size: int, scale: float, count: int, crop: tuple[float, float], mode: str) -> np.ndarray:
    """Where in the input each output lies [outputs]."""
    at = np.arange(count, dtype=np.float64)
    step = (size - 1) / (count - 1) if count > 1 else 0.0
    if mode == "align_corners":
        return at * step
    if mode == "asymmetric":
        return at / scale
    if mode == "tf_crop_and_resize":
        start, end = crop
        first = start * (size - 1) if count > 1 else (start + end) / 2 * (size - 1)
        return first + at * (end - start) * step
    if mode == "pytorch_half_pixel" and count == 1:
        return at
    shift = size / 2 * (1 - count / (scale * size)) if mode == "half_pixel_symmetric" else 0.0
    return shift + (at + 0.5) / scale - 0.5


def _round(at: np.ndarray, mode: str) -> np.ndarray:
    rounded = {
        "round_prefer_floor": np.ceil(at - 0.5),
        "round_prefer_ceil": np.floor(at + 0.5),
        "floor": np.floor(at),
        "ceil": np.ceil(at),
    }
    return rounded[mode].astype(np.int64)


def _cubic(distances: np.ndarray, a: float) -> np.ndarray:
    near = ((a + 2) * distances - (a + 3)) * distances**2 + 1
    far = ((a * distances - 5 * a) * distances + 8 * a) * distances - 4 * a
    return np.where(distances <= 1, near, np.where(distances < 2, far, 0))
