"""bf16 on the host: pairs of channels, and how they are laid out."""

import iree.compiler.ir as ir
import numerics
import numpy as np
import pytest
import torch
from cases import Net, conv
from torch.nn import functional as F

from rt3d_mlir.errors import TargetError
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.ir_io.weights import BFLOAT16
from rt3d_mlir.passes.ops.tap_layout import arrange
from rt3d_mlir.sparsity import GroupSize, pack
from rt3d_mlir.targets import check_dtype, find_target


def layout(weights: np.ndarray, group: str):
    packed = pack(weights.astype(np.float32), GroupSize.parse(group))
    return arrange(type(packed)(**{**vars(packed), "weights": packed.weights.astype(BFLOAT16)}), widest=16)


def unpaired(found, channels: int, kernel: tuple[int, ...]) -> np.ndarray:
    """The weights [M, channels, *kernel] that a layout of one row of filters stands for."""
    whole = np.zeros((found.filters, channels, *kernel), np.float32)
    for taps, (q, kd, kh, kw) in zip(found.weights.astype(np.float32), found.taps, strict=True):
        for pair, first in zip(taps, found.channels, strict=True):
            for i in range(2):
                channel = q * found.width + first + i
                if channel < channels:
                    whole[:, channel, kd, kh, kw] += pair[:, i]
    return whole


@pytest.mark.parametrize(("group", "channels"), [("16x4", 8), ("16x2", 8), ("16x1", 8), ("16x4", 3), ("16x4", 1)])
def test_pairs_of_channels(group: str, channels: int):
    rng = np.random.default_rng(0)
    weights = rng.integers(-8, 9, (16, channels, 1, 2, 3)) * (rng.random((1, channels, 1, 2, 3)) < 0.7)
    found = layout(weights, group)
    assert found.step == 2
    assert found.weights.dtype == BFLOAT16
    np.testing.assert_array_equal(unpaired(found, channels, (1, 2, 3)), weights)


def test_nothing_is_left_between_the_kernels():
    """Epilogues, pools, residuals and concatenations of bf16 are the kernels' business, as those of f32 are."""
    net = Net(_several, a=conv(3, 8, padding=1), b=conv(8, 8, padding=1), last=conv(16, 4, 1))
    numerics.draw(net, "8x4", "random")
    with ir.Context(), ir.Location.unknown():
        floor1 = import_torch(net, (numerics.draw_input((1, 3, 4, 6, 8), "random"),))
        text, notes = numerics.rewrite(*floor1, "8x4", "schedule-cpu", "host", False, "bf16")
    assert "dpbf16ps" in text
    assert "linalg." not in text.replace("#linalg", "").replace("linalg.fill", "")
    assert not notes


def _several(net: Net, x: torch.Tensor) -> torch.Tensor:
    y = F.max_pool3d(F.relu(net.a(x)), (1, 2, 2))
    return net.last(torch.cat([torch.sigmoid(net.b(y)) * y, F.leaky_relu(net.b(y) + y)], 1))


def test_channels_that_are_missing_are_not_multiplied():
    assert layout(np.ones((16, 2, 1, 1, 1)), "16x4").channels == (0,)
    assert layout(np.ones((16, 3, 1, 1, 1)), "16x4").channels == (0, 2)


@pytest.mark.parametrize(
    ("target", "instead"), [("cortex-a76", "Use f16"), ("vulkan-adreno", "Use f16"), ("vulkan-lavapipe", "Use f16")]
)
def test_a_target_without_is_refused(target: str, instead: str):
    with pytest.raises(TargetError, match=f"dtype bf16 needs an x86 core with AVX512-BF16; {target} .*{instead}"):
        check_dtype(find_target(target), "bf16")
