"""A packed conv's taps and weights, laid out for the GPU kernels: as cpu_taps, with taps of whole channel blocks."""

from dataclasses import replace

import numpy as np

from rt3d_mlir.passes.blocked import Blocked
from rt3d_mlir.passes.cpu_taps import TapLayout
from rt3d_mlir.passes.gpu import LANES


def whole_blocks(layout: TapLayout, all_channels: bool = False) -> TapLayout:
    """The layout with taps of whole blocks: of a part of a block, or with `all_channels`, zeros fill the rest."""
    parts = LANES // layout.width
    if parts == 1 and (not all_channels or len(layout.channels) == LANES):
        return layout
    count, _, filters = layout.weights.shape
    weights = np.zeros((count, LANES, filters), layout.weights.dtype)
    taps = layout.taps.copy()
    first = taps[:, 0] % parts * layout.width
    taps[:, 0] //= parts
    for i, channel in enumerate(layout.channels):
        weights[np.arange(count), first + channel] = layout.weights[:, i]
    return replace(layout, weights=weights, taps=taps, channels=tuple(range(LANES)), width=LANES)


def offsets(layout: TapLayout, source: Blocked, dilations: tuple[int, ...]) -> np.ndarray:
    """[T] int32: each tap's place in the input, in blocks, from where the window of position (0, 0, 0) begins."""
    _, depth, height, width = source.full
    q, *at = layout.taps.T.astype(np.int64)
    d, h, w = (place * dilation for place, dilation in zip(at, dilations, strict=True))
    return (((q * depth + d) * height + h) * width + w).astype(np.int32)
