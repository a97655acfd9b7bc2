"""Pools whose windows hang over the end of the input, in pools whose padding says how far.

With `ceil_mode` a pool has one more output where the last window does not fit, unless that window begins in the
padding:

    n = 6, kernel 3, stride 2, pads 0, 0:  windows begin at 0, 2 and 4; the last hangs over by one
    n = 5, kernel 2, stride 2, pads 1, 2:  windows begin at -1, 1 and 3; one at 5 is dropped

An average counts the padding where `count_include_pad` is set, but never what hangs over: the padding becomes part of
the input, and what hangs over becomes padding that is not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx

from rt3d_mlir.frontend.onnx_rewrites.graph import Builder, attributes


@dataclass(frozen=True)
class _Windows:
    """The windows of a pool along each spatial axis."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]
    over: tuple[int, ...]
    """How far the last window hangs over input and padding."""

    @classmethod
    def of(cls, node: onnx.NodeProto, builder: Builder) -> "_Windows | None":
        shape = builder.values.shapes.get(node.input[0])
        given = attributes(node)
        if shape is None or "kernel_shape" not in given:
            return None
        size, kernel = shape[2:], tuple(given["kernel_shape"])
        ones = (1,) * len(size)
        strides, dilations = (tuple(given.get(name) or ones) for name in ("strides", "dilations"))
        extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        pads = [
            _pads(given, axis, n, extent, s)
            for axis, (n, extent, s) in enumerate(zip(size, extents, strides, strict=True))
        ]
        over = [
            _overhang(n, extent, s, *pad) if given.get("ceil_mode") else 0
            for n, extent, s, pad in zip(size, extents, strides, pads, strict=True)
        ]
        begin = tuple(pad[0] for pad in pads)
        end = tuple(max(pad[1] + min(more, 0), 0) for pad, more in zip(pads, over, strict=True))
        return cls(size, kernel, strides, dilations, begin, end, tuple(max(more, 0) for more in over))

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of a pool over the input with `begin`, and `end` and `over`, as padding."""
        after = [end + over for end, over in zip(self.end, self.over, strict=True)]
        return {"kernel_shape": self.kernel, "strides": self.strides, "pads": [*self.begin, *after]}

    @property
    def dilated(self) -> bool:
        return any(d > 1 for d in self.dilations)


def _pads(given: dict[str, Any], axis: int, size: int, extent: int, stride: int) -> tuple[int, int]:
    """Padding before and after one axis."""
    mode = given.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        return (total // 2, total - total // 2) if mode == "SAME_UPPER" else (total - total // 2, total // 2)
    pads = given.get("pads") if mode == "NOTSET" else None
    return (pads[axis], pads[axis + len(pads) // 2]) if pads else (0, 0)


def _overhang(size: int, extent: int, stride: int, begin: int, end: int) -> int:
    """How far the last window reaches beyond the padding; negative where it does not reach its end."""
    last = -(-(size + begin + end - extent) // stride)
    if last * stride >= size + begin:
        last -= 1
    return last * stride + extent - (size + begin + end)


def max_pool(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """A MaxPool without `ceil_mode` and `auto_pad`. Its indices would count the padding: with them it is left."""
    given, windows = attributes(node), _Windows.of(node, builder)
    plain = not given.get("ceil_mode") and given.get("auto_pad", "NOTSET") == "NOTSET"
    if plain or windows is None or len(node.output) > 1:
        return None
    return [builder.add("MaxPool", node.input, dilations=windows.dilations, **windows.attributes)]


def average_pool(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """An AveragePool without `ceil_mode`, `auto_pad` and dilation."""
    given, windows = attributes(node), _Windows.of(node, builder)
    if windows is None:
        return None
    counted = given.get("count_include_pad", 0)
    if windows.dilated:
        return [_dilated_average(node.input[0], windows, bool(counted), builder)]
    if not given.get("ceil_mode") and given.get("auto_pad", "NOTSET") == "NOTSET":
        return None
    x, said = node.input[0], windows.attributes
    if counted and any(windows.over):
        x = builder.add("Pad", [x, builder.array([0, 0, *windows.begin, 0, 0, *windows.end])])
        counted, said = 0, {**said, "pads": [*(0 for _ in windows.over), *windows.over]}
    return [builder.add("AveragePool", [x], count_include_pad=counted, **said)]


def _dilated_average(x: str, windows: _Windows, counted: bool, builder: Builder) -> str:
    """Sums of windows as a depthwise conv, over how many positions each counts."""
    channels = builder.values.shapes[x][1]
    dtype = onnx.helper.tensor_dtype_to_np_dtype(builder.values.types[x])
    ones = builder.array(np.ones((channels, 1, *windows.kernel), dtype))
    sums = builder.add("Conv", [x, ones], group=channels, dilations=windows.dilations, **windows.attributes)
    counts = np.ones((), np.float64)
    for axis in range(len(windows.size)):
        counts = np.multiply.outer(counts, _counts(windows, axis, counted))
    return builder.add("Mul", [sums, builder.array((1 / counts)[None, None].astype(dtype))])


def _counts(windows: _Windows, axis: int, counted: bool) -> np.ndarray:
    """How many positions each window along an axis counts."""
    size, begin, end, over = (numbers[axis] for numbers in (windows.size, windows.begin, windows.end, windows.over))
    inside = np.array([counted] * begin + [True] * size + [counted] * end + [False] * over)
    kernel, stride, dilation = windows.kernel[axis], windows.strides[axis], windows.dilations[axis]
    starts = range(0, len(inside) - (kernel - 1) * dilation, stride)
    return np.array([inside[start : start + (kernel - 1) * dilation + 1 : dilation].sum() for start in starts])


def lp_pool(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """(sum |x|^p)^(1/p) of each window, by an average."""
    windows, p = _Windows.of(node, builder), attributes(node).get("p", 2)
    if windows is None:
        return None
    dtype = onnx.helper.tensor_dtype_to_np_dtype(builder.values.types[node.input[0]])
    powers = builder.add("Pow", [builder.add("Abs", [node.input[0]]), builder.array(np.array(p, dtype))])
    means = builder.add(
        "AveragePool",
        [powers],
        count_include_pad=1,
        dilations=windows.dilations if windows.dilated else None,
        **windows.attributes,
    )
    sums = builder.add("Mul", [means, builder.array(np.array(prod(windows.kernel), dtype))])
    return [builder.add("Pow", [sums, builder.array(np.array(1 / p, dtype))])]
