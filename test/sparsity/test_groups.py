import numpy as np
import pytest

from rt3d_mlir.errors import ConfigError, WeightError
from rt3d_mlir.sparsity import GroupSize, as_5d
from rt3d_mlir.sparsity.groups import as_groups


def test_text_and_back():
    assert GroupSize.parse("16x4") == GroupSize(16, 4)
    assert str(GroupSize.parse("8x4")) == "8x4"


@pytest.mark.parametrize("text", ["8", "8x", "x4", "8x4x2", "8 x 4", "8X4", "-8x4", "8x4\n", "", "٨x4"])
def test_other_text_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        GroupSize.parse(text)
    assert str(caught.value) == f"group size {text!r}: expected <filters>x<input channels>, as in 8x4"


def test_empty_groups_are_refused():
    with pytest.raises(ConfigError) as caught:
        GroupSize.parse("0x4")
    assert str(caught.value) == "group size 0x4: filters and channels must both be at least 1, as in 8x4"


@pytest.mark.parametrize(
    ("weight_shape", "mask_shape"),
    [
        ((64, 3, 3, 3, 3), (8, 1, 3, 3, 3)),
        ((230, 128, 1, 3, 3), (29, 32, 1, 3, 3)),
        ((16, 8, 3, 5), (2, 2, 1, 3, 5)),
        ((101, 4096), (13, 1024, 1, 1, 1)),
    ],
)
def test_mask_shape(weight_shape, mask_shape):
    assert GroupSize(8, 4).mask_shape(weight_shape) == mask_shape


def test_as_5d_puts_unit_kernels_between_channels_and_kernel():
    weight = np.arange(24).reshape(2, 3, 2, 2)
    assert as_5d(weight).shape == (2, 3, 1, 2, 2)
    assert (as_5d(weight)[:, :, 0] == weight).all()


@pytest.mark.parametrize("shape", [(4,), (1, 2, 3, 4, 5, 6), (4, 0, 3, 3, 3)])
def test_other_dimensions_are_refused(shape):
    with pytest.raises(WeightError) as caught:
        as_5d(np.zeros(shape))
    assert str(caught.value) == (
        f"weights of shape {shape} cannot be cut into groups: "
        "expected [M, N, Kd, Kh, Kw], [M, N, Kh, Kw] or [M, N], all at least 1"
    )


def test_groups_are_blocks_and_the_border_is_zero():
    weight = np.arange(1, 16).reshape(3, 5)
    grouped = as_groups(weight, GroupSize(2, 2))[..., 0, 0, 0]
    assert grouped.shape == (2, 2, 3, 2)
    assert grouped[0, :, 1].tolist() == [[3, 4], [8, 9]]
    assert grouped[1, :, 2].tolist() == [[15, 0], [0, 0]]
