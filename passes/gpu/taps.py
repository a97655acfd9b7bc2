"""A packed conv's taps and weights, laid out for the GPU kernels: as tap_layout, with taps of whole channel blocks."""

from dataclasses import replace
from math import ceil

import numpy as np

from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.tap_layout import TapLayout


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


def narrow_rows(layout: TapLayout, filters: int) -> TapLayout:
    """The layout with rows of so many filters: each row's parts one behind the other, with its taps each.

    As it is where its rows are no wider, or do not divide.
    """
    count, channels, wide = layout.weights.shape
    if wide <= filters or wide % filters or layout.starts[-1] == 0:
        return layout
    parts, places = wide // filters, layout.kernel[0] * layout.kernel[1]
    spans = np.split(np.arange(int(layout.starts[-1])), layout.starts[places:-1:places])
    order = np.concatenate([np.tile(span, parts) for span in spans])
    part = np.concatenate([np.repeat(np.arange(parts), len(span)) for span in spans])
    weights = layout.weights.reshape(count, channels, parts, filters)[order, :, part]
    lengths = np.repeat(np.diff(layout.starts).reshape(layout.rows, places), parts, axis=0)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return replace(layout, weights=weights, taps=layout.taps[order], starts=starts, rows=layout.rows * parts)


def first_rows(layout: TapLayout, blocks: int) -> TapLayout:
    """The layout without rows that lie behind so many blocks of output channels."""
    rows = min(layout.rows, ceil(blocks * LANES / layout.weights.shape[2]))
    starts = layout.starts[: rows * layout.kernel[0] * layout.kernel[1] + 1]
    last = int(starts[-1])
    if rows == layout.rows or last == 0:
        return layout
    return replace(layout, rows=rows, starts=starts, taps=layout.taps[:last], weights=layout.weights[:last])


def near_taps(layout: TapLayout) -> TapLayout:
    """The layout with a row's taps at one kd by channel block first, then by place: those that follow each other read
    nearly the same lines of the input, which the first one brought into the cache. Starts hold at each kd only."""
    if layout.starts[-1] == 0:
        return layout
    row = np.repeat(np.arange(layout.rows), layout.lengths)
    q, d, h, w = layout.taps.T
    order = np.lexsort((w, h, q, d, row))
    return replace(layout, weights=np.ascontiguousarray(layout.weights[order]), taps=layout.taps[order])


def whole_rounds(layout: TapLayout, depth: int, by_place: bool) -> TapLayout:
    """The layout with taps of zeros behind those of each row, `by_place` of each row's kd, so that they are a multiple
    of `depth`, and as many behind all. Starts hold at each kd, or row, only."""
    places = layout.kernel[0] if by_place else 1
    starts = layout.starts[:: layout.kernel[0] * layout.kernel[1] // places]
    counts = np.diff(starts)
    whole = -(-counts // depth) * depth
    at = np.concatenate([[0], np.cumsum(whole)])
    mine = np.arange(starts[-1])
    to = mine + np.repeat(at[:-1] - starts[:-1], counts)
    weights = np.zeros((at[-1] + depth, *layout.weights.shape[1:]), layout.weights.dtype)
    taps = np.zeros((at[-1] + depth, 4), layout.taps.dtype)
    weights[to], taps[to] = layout.weights[mine], layout.taps[mine]
    return replace(layout, weights=weights, taps=taps, starts=at.astype(np.int32), kernel=(places, 1))


def offsets(layout: TapLayout, source: Blocked, dilations: tuple[int, ...]) -> np.ndarray:
    """[T] int32: each tap's place in the input, in blocks, from where the window of position (0, 0, 0) begins."""
    _, depth, height, width = source.full
    q, *at = layout.taps.T.astype(np.int64)
    d, h, w = (place * dilation for place, dilation in zip(at, dilations, strict=True))
    return (((q * depth + d) * height + h) * width + w).astype(np.int32)
