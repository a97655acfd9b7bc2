from io import BytesIO

import matplotlib.image
import numpy as np
import pytest

from rt3d_mlir.html_report.masks import KEPT, MaskPicture, draw_mask

RNG = np.random.default_rng(0)


def pixels(picture: MaskPicture) -> np.ndarray:
    """RGBA of the middle of each dot, [rows, columns, 4], read back from the PNG."""
    image = matplotlib.image.imread(BytesIO(picture.png))
    assert image.shape[:2] == picture.size[::-1]
    (left, top), half = picture.origin, picture.scale // 2
    rows, columns = (np.arange(size) * picture.scale + half for size in picture.dots.shape)
    return image[np.ix_(top + rows, left + columns)]


def is_blue(rgba: np.ndarray) -> np.ndarray:
    return (np.abs(rgba[..., :3] * 255 - KEPT) < 2).all(axis=-1) & (rgba[..., 3] == 1)


@pytest.mark.parametrize(
    "shape",
    [(4, 16, 3, 3, 3), (16, 16, 3, 3, 3), (5, 7, 1, 1, 1), (6, 9, 3, 1, 1), (3, 4, 1, 3, 3), (64, 12, 2, 1, 3)],
)
def test_each_dot_is_a_block(shape: tuple[int, ...]):
    mask = RNG.random(shape) < 0.4
    picture = draw_mask(mask)
    assert picture.fold == (1, 1)
    blue, clear = is_blue(pixels(picture)), np.isnan(picture.dots)
    assert int(blue.sum()) == int(mask.sum())
    assert int((~clear).sum()) == mask.size
    assert (pixels(picture)[clear][:, 3] == 0).all()
    assert not blue[clear].any()


def test_maps_lie_as_the_kernel_does():
    """One block of one location at a time, in both arrangements."""
    for shape in ((4, 16, 2, 3, 2), (16, 16, 2, 3, 2)):
        groups, channels, _, kh_count, kw_count = shape
        planes_down = shape[0] == 4
        for kd, kh, kw in np.ndindex(shape[2:]):
            mask = np.zeros(shape, np.bool_)
            mask[2, 5, kd, kh, kw] = True
            (y,), (x,) = np.nonzero(is_blue(pixels(draw_mask(mask))))
            down = kd * (kh_count * (groups + 1) + 2) if planes_down else 0
            across = 0 if planes_down else kd * (kw_count * (channels + 1) + 2)
            assert (y, x) == (down + kh * (groups + 1) + 2, across + kw * (channels + 1) + 5)


def test_neighbours_are_one_dot_where_there_are_too_many():
    mask = np.zeros((2000, 2500, 1, 1, 1), np.bool_)
    mask[:3, :3] = True
    mask[-1, -1] = True
    picture = draw_mask(mask)
    assert picture.fold == (3, 3)
    assert picture.dots.shape == (667, 834)
    assert picture.dots[0, 0] == 1
    assert picture.dots[-1, -1] == pytest.approx(1 / 2)  # the last dot: 2 rows, 1 column
    assert picture.dots.sum() == pytest.approx(1.5)


def test_the_same_mask_is_the_same_picture():
    mask = RNG.random((8, 8, 3, 3, 3)) < 0.3
    assert draw_mask(mask).png == draw_mask(mask.copy()).png
    assert draw_mask(~mask).png != draw_mask(mask).png
