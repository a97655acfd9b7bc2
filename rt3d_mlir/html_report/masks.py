"""The picture of a KGS mask: a small map of all groups for each kernel location.

A map has a row a row p of filter groups and a column a channel group q; a dot is a block that is kept. Maps lie as the
kernel does: kw to the right, kh down, and the planes kd beside each other or below, whichever makes the better page.

    kernel 2x1x2, P = 1, Q = 3:      kd=0,kw=0   kd=0,kw=1      kd=1,kw=0   kd=1,kw=1
                                     # . #       . . #          # # .       . . .
"""

import math
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rt3d_mlir.sparsity import Mask

#: The most dots across and down before neighbours are drawn as one.
WIDEST, TALLEST = 1100, 900
#: The pixels that pictures aim at across, with the planes kd beside each other and below.
ACROSS, ACROSS_DOWN = 900, 460
#: Width over height that reads best.
_SHAPE = 2.2
_DPI = 100
#: Pixels beside the maps: left, right, top, bottom.
_MARGINS = (64, 12, 42, 34)
#: The line below the maps fits into so many pixels.
_NARROWEST = 460
KEPT, REMOVED = (0x2A, 0x78, 0xC8), (0x90, 0x98, 0xA4)
_REMOVED_ALPHA, _TEXT = 0.22, "#7d8794"


@dataclass(frozen=True, eq=False)
class MaskPicture:
    """`dots` [rows, columns]: the share that is kept of what a dot stands for, NaN between the maps.

    A dot stands for `fold` groups, (down, across); `png` shows each dot as `scale` x `scale` pixels from `origin`, the
    pixel (x, y) of the first dot's corner; `size` is the whole, in pixels across and down.
    """

    dots: NDArray[np.float32]
    fold: tuple[int, int]
    scale: int
    origin: tuple[int, int]
    size: tuple[int, int]
    png: bytes


def draw_mask(mask: Mask) -> MaskPicture:
    """The picture of keep[P, Q, Kd, Kh, Kw]; the same mask gives the same bytes."""
    planes_down = _planes_down(mask)
    rows, columns = _grid(mask, planes_down)
    fold = (math.ceil(rows * mask.shape[0] / TALLEST), math.ceil(columns * mask.shape[1] / WIDEST))
    folded = _fold(_fold(mask.astype(np.float32), fold[0], 0), fold[1], 1)
    dots = _arrange(folded, planes_down)
    across = ACROSS_DOWN if planes_down else ACROSS
    scale = min(8, max(across // dots.shape[1], 2 if 2 * dots.shape[1] <= ACROSS else 1))
    left, right, top, bottom = _MARGINS
    size = (max(scale * dots.shape[1] + left + right, _NARROWEST), scale * dots.shape[0] + top + bottom)
    png = _png(dots, folded.shape, planes_down, scale, size)
    return MaskPicture(dots, fold, scale, (left, top), size, png)


def _planes_down(mask: Mask) -> bool:
    """Whether the planes kd lie below each other."""
    ratios = []
    for down in (False, True):
        rows, columns = _grid(mask, down)
        ratios.append(abs(math.log(columns * mask.shape[1] / (rows * mask.shape[0]) / _SHAPE)))
    return ratios[1] < ratios[0]


def _grid(mask: Mask, planes_down: bool) -> tuple[int, int]:
    """How many maps there are, down and across."""
    kd, kh, kw = mask.shape[2:]
    return (kd * kh, kw) if planes_down else (kh, kd * kw)


def _fold(groups: NDArray[np.float32], by: int, axis: int) -> NDArray[np.float32]:
    """Means of `by` neighbours on an axis; the last may be of fewer."""
    starts = np.arange(0, groups.shape[axis], by)
    counts = np.diff([*starts, groups.shape[axis]])
    shape = [-1 if at == axis else 1 for at in range(groups.ndim)]
    return (np.add.reduceat(groups, starts, axis) / counts.reshape(shape)).astype(np.float32)


def _arrange(groups: NDArray[np.float32], planes_down: bool) -> NDArray[np.float32]:
    """[P, Q, Kd, Kh, Kw] as one sheet, maps a dot apart and planes three."""
    sheet = [
        [_joined([groups[:, :, kd, kh, kw] for kw in range(groups.shape[4])], 1, 1) for kh in range(groups.shape[3])]
        for kd in range(groups.shape[2])
    ]
    return _joined([_joined(rows, 1, 0) for rows in sheet], 3, 0 if planes_down else 1)


def _joined(parts: list[NDArray[np.float32]], gap: int, axis: int) -> NDArray[np.float32]:
    width = [(0, 0), (0, 0)]
    width[axis] = (gap, 0)
    padded = [np.pad(part, width, constant_values=np.nan) for part in parts[1:]]
    return np.concatenate([parts[0], *padded], axis)


def _png(
    dots: NDArray[np.float32], shape: tuple[int, ...], planes_down: bool, scale: int, size: tuple[int, int]
) -> bytes:
    left, _, _, bottom = _MARGINS
    height, width = (scale * extent for extent in dots.shape)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    figure.patch.set_alpha(0)
    axes = figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))
    axes.imshow(_coloured(dots), interpolation="nearest", aspect="auto")
    groups, channels, kd, kh, kw = shape
    across = [(0, w) for w in range(kw)] if planes_down else [(d, w) for d in range(kd) for w in range(kw)]
    down = [(d, h) for d in range(kd) for h in range(kh)] if planes_down else [(0, h) for h in range(kh)]
    xs = [(d * kw + w) * (channels + 1) + 2 * d + (channels - 1) / 2 for d, w in across]
    ys = [(d * kh + h) * (groups + 1) + 2 * d + (groups - 1) / 2 for d, h in down]
    axes.set_xticks(xs, [f"kd {d}\nkw {w}" if w == kw // 2 and not planes_down else f"kw {w}" for d, w in across])
    axes.set_yticks(ys, [f"kd {d} kh {h}" if planes_down and kd > 1 else f"kh {h}" for d, h in down])
    axes.tick_params(length=0, labelsize=8, colors=_TEXT, top=False, labeltop=True, bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    said = "in each map: rows p of filter groups, columns q of channel groups"
    figure.text(left / size[0], 10 / size[1], said, color=_TEXT, fontsize=8)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", transparent=True, metadata={"Software": None})
    return buffer.getvalue()


def _coloured(dots: NDArray[np.float32]) -> NDArray[np.float32]:
    """RGBA of each dot: from what is removed to what is kept, clear between the maps."""
    share = np.nan_to_num(dots)[..., None]
    colour = share * np.array(KEPT, np.float32) / 255 + (1 - share) * np.array(REMOVED, np.float32) / 255
    alpha = np.where(np.isnan(dots), 0, _REMOVED_ALPHA + (1 - _REMOVED_ALPHA) * np.nan_to_num(dots))
    return np.concatenate([colour, alpha[..., None]], axis=2).astype(np.float32)
