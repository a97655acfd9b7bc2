"""Draws the pictures of the docs: python docs/pictures/draw.py. What they show is computed by rt3d_mlir.sparsity.

The background is painted, so that they can be read in a light and in a dark page. A test compares them with this file.
"""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from rt3d_mlir.sparsity.groups import GroupSize
from rt3d_mlir.sparsity.packing import offsets, pack

FIRST, SECOND, GONE, INK, PAPER = "#9ecbff", "#ffc98f", "#eeeeee", "#1f2328", "#ffffff"


class Picture:
    """An SVG of boxes and texts; sizes in pixels, from the upper left."""

    def __init__(self, width: int, height: int, title: str):
        self.root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}")
        self.root.set("width", str(width))
        self.root.set("font-family", "sans-serif")
        ET.SubElement(self.root, "title").text = title
        self.box(0, 0, width, height, PAPER, line=0)

    def box(self, x: float, y: float, width: float, height: float, fill: str, line: float = 0.5) -> None:
        keys = {"x": x, "y": y, "width": width, "height": height, "fill": fill}
        box = ET.SubElement(self.root, "rect", {key: str(value) for key, value in keys.items()})
        if line:
            box.attrib.update({"stroke": INK, "stroke-width": str(line)})

    def text(self, x: float, y: float, text: object, size: int = 13, anchor: str = "start") -> None:
        keys = {"x": str(x), "y": str(y), "font-size": str(size), "text-anchor": anchor, "fill": INK}
        ET.SubElement(self.root, "text", keys).text = str(text)

    def grid(self, x: float, y: float, cell: int, numbers: np.ndarray, fills: np.ndarray) -> None:
        """A box a number, in that fill."""
        for (i, j), number in np.ndenumerate(numbers):
            self.box(x + j * cell, y + i * cell, cell, cell, str(fills[i, j]))
            self.text(x + (j + 0.5) * cell, y + (i + 0.65) * cell, number, anchor="middle")

    def __str__(self) -> str:
        ET.indent(self.root, "")
        return ET.tostring(self.root, encoding="unicode") + "\n"


def patterns() -> Picture:
    """Half of the same weights kept in four ways: 8 filters x 4 channels x 3 kernel locations, groups of 4x2."""
    bits = {
        "filter: whole rows of groups": [[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]],
        "vanilla: whole groups": [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]],
        "KGS: a location of a group": [[1, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 1]],
    }
    masks: dict[str, np.ndarray] = {
        title: np.kron(np.array(mask), np.ones((4, 2), int)) for title, mask in bits.items()
    }
    masks["unstructured: single weights"] = np.random.default_rng(3).permutation(96).reshape(8, 12) % 2
    picture = Picture(580, 400, "Filter, vanilla, KGS and unstructured sparsity")
    for index, (title, mask) in enumerate(masks.items()):
        x, y = 30 + index % 2 * 280, 40 + index // 2 * 185
        picture.text(x, y - 12, title)
        picture.box(x, y, 240, 120, GONE)
        for i, j in np.argwhere(mask).tolist():
            picture.box(x + 20 * j, y + 15 * i, 20, 15, FIRST, line=0.2)
        for p, q in np.ndindex(2, 2):
            picture.box(x + 120 * q, y + 60 * p, 120, 60, "none", line=2)
    picture.text(
        30, 392, "a line: a filter; a column: a channel at a kernel location; framed: the groups; blue: kept", 12
    )
    return picture


def packing() -> Picture:
    """The example of the text: 2 filters, 4 channels, a 1x1x2 kernel, groups of 2x2, half of the weights kept."""
    weight = np.arange(1, 17).reshape(2, 4, 1, 1, 2)
    mask = np.array([1, 0, 0, 1], bool).reshape(1, 2, 1, 1, 2)
    clip = np.arange(1, 17).reshape(4, 4)
    packed = pack(weight, GroupSize(2, 2), mask)
    starts = offsets(packed.taps, (1, 1, 4))
    picture = Picture(680, 400, "Two taps, packed and applied to one position")

    picture.text(20, 24, "weights: 2 filters x 4 channels x 2 locations, coloured where they are kept")
    fills = np.full((2, 8), GONE)
    for fill, (q, *_, kw) in zip((FIRST, SECOND), packed.taps.tolist(), strict=True):
        fills[:, [4 * q + kw, 4 * q + 2 + kw]] = fill
    picture.grid(20, 50, 36, weight.reshape(2, 8), fills)
    for channel in range(4):
        picture.text(56 + 72 * channel, 44, f"channel {channel}", 11, "middle")

    picture.text(20, 150, "input: 4 channels x 4 positions, in blocks of 2 channels")
    for fill, start in zip((FIRST, SECOND), starts.tolist(), strict=True):
        q, position = divmod(start, 4)
        fills = np.full((2, 4), PAPER)
        fills[:, position] = fill
        picture.text(20 + 190 * q, 172, f"block {q}, columns {4 * q} to {4 * q + 3}", 11)
        picture.grid(20 + 190 * q, 178, 36, clip[2 * q : 2 * q + 2], fills)

    total = np.zeros(2, int)
    picture.text(20, 280, "output, position 0: for each tap the column at its offset times its block")
    for index, (fill, start, block) in enumerate(zip((FIRST, SECOND), starts, packed.weights, strict=True)):
        x = 20 + 250 * index
        column = clip[2 * (start // 4) :, start % 4][:2]
        part = column @ block
        total += part
        tap = ", ".join(map(str, packed.taps[index].tolist()))
        picture.text(x, 304, f"tap ({tap}), offset {start}", 11)
        picture.grid(x, 330, 32, column[None], np.full((1, 2), fill))
        picture.text(x + 74, 351, "@", anchor="middle")
        picture.grid(x + 84, 312, 32, block, np.full((2, 2), fill))
        picture.text(x + 156, 351, f"= [{part[0]} {part[1]}]")
    picture.text(520, 351, f"sum: [{total[0]} {total[1]}]")
    return picture


def lanes() -> Picture:
    """Half of 8 filters x 8 (channel, location) pairs kept: what the lanes of 2 registers of 4 numbers multiply."""
    structured = np.repeat([1, 1, 1, 1, 0, 0, 0, 0], 8).reshape(8, 8)
    scattered = np.random.default_rng(5).permutation(64).reshape(8, 8) % 2
    picture = Picture(620, 276, "Filled and half-filled lanes")
    for index, (title, kept) in enumerate(
        {"KGS: one tap": structured, "unstructured, as many weights kept": scattered}.items()
    ):
        x, rows = 20 + 300 * index, kept[kept.any(axis=1)]
        used = rows.reshape(-1, 4).any(axis=1).sum()
        picture.text(x, 22, title)
        picture.text(x, 40, f"{used} instructions, {rows.sum() / (4 * used):.0%} of their lanes filled")
        for (i, j), bit in np.ndenumerate(rows):
            picture.box(x + 60 + 24 * j + 6 * (j // 4), 52 + 24 * i, 24, 20, FIRST if bit else GONE)
        for i in range(len(rows)):
            picture.box(x, 52 + 24 * i, 24, 20, SECOND)
            picture.text(x + 42, 67 + 24 * i, "x", anchor="middle")
    picture.text(
        20, 264, "orange: one input number for all lanes; a line: weights of 8 filters, in two registers of 4", 12
    )
    return picture


def draw() -> dict[str, str]:
    """All pictures, file name -> SVG."""
    return {f"{each.__name__}.svg": str(each()) for each in (patterns, packing, lanes)}


if __name__ == "__main__":
    for name, text in draw().items():
        Path(__file__).with_name(name).write_text(text)
