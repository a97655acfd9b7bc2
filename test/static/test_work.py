"""The counts that a projection multiplies, compared with loops over every position of the convolution."""

import itertools

import iree.compiler.ir as ir
import pytest
import torch
from torch import nn

from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.passes.floor2.winograd import Winograd
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.pipeline import default_pipeline, run_pipeline
from rt3d_mlir.static.work import ConvWork, equal_kernels, find_work, other_bytes
from rt3d_mlir.targets import get_target

NEON = get_target("cortex-a76")


def work_of(
    model: nn.Module, shape: tuple[int, ...], dtype: str = "f32", tile: int = 0
) -> tuple[list[ConvWork], dict[str, list[str]], int]:
    with ir.Context(), ir.Location.unknown():
        module, weights = import_torch(model.eval(), (torch.zeros(shape),))
        state = State(weights)
        *before, schedule, _ = default_pipeline(NEON.group, NEON, dtype=dtype, winograd=False)
        before += [Winograd(NEON, tile)] * bool(tile)
        run_pipeline(module, before, state)
        work = find_work(module, state, NEON)
        run_pipeline(module, [schedule], state)
        return work, equal_kernels(module), other_bytes(module, [each.symbol for each in work])


def macs_inside(conv: nn.Conv3d, shape: tuple[int, ...]) -> int:
    """MACs less those on padded planes and rows; columns of padding are computed."""
    kernel, stride, padding = conv.kernel_size, conv.stride, conv.padding
    out = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(shape[2:], padding, kernel, stride, strict=True)]
    inside = 0
    for d, h, kd, kh in itertools.product(range(out[0]), range(out[1]), range(kernel[0]), range(kernel[1])):
        at = d * stride[0] + kd - padding[0], h * stride[1] + kh - padding[1]
        inside += 0 <= at[0] < shape[2] and 0 <= at[1] < shape[3]
    return inside * out[2] * kernel[2] * conv.in_channels * conv.out_channels


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2])
def test_taps_on_padding_are_not_counted(stride: int, padding: int):
    width = 8 * stride + 2 - 2 * padding  # 8 columns of output: one tile
    conv, shape = nn.Conv3d(8, 16, 3, stride, padding), (1, 8, 6, 7, width)
    (work,), _, other = work_of(conv, shape)
    assert work.macs == macs_inside(conv, shape)
    assert work.fmlas == 8 * 4 * 2  # columns, channels, registers of 8 filters
    assert work.taps * work.fmlas * 4 == work.macs
    assert work.runs <= work.taps
    assert not work.single_use
    assert other > 2 * 4 * 8 * 6 * 7 * width  # the entry conversion alone reads and writes the input


def test_pruned_taps_are_not_counted():
    conv, shape = nn.Conv3d(8, 16, 3), (1, 8, 3, 3, 10)
    (dense,), _, _ = work_of(conv, shape)
    with torch.no_grad():
        conv.weight[:8, :4] = 0  # one of the four groups
    (pruned,), _, _ = work_of(conv, shape)
    assert pruned.macs == dense.macs * 3 // 4


def test_runs_are_those_of_the_loop_over_taps():
    """On the first and last of 6 rows each of 3 planes has a run of its own; the rows between have one for all."""
    (work,), _, _ = work_of(nn.Conv3d(8, 8, 3, padding=1), (1, 8, 5, 6, 8))
    assert work.runs == 2 * (3 * 3 + 2 * 2) + 4 * 5
    (unpadded,), _, _ = work_of(nn.Conv3d(8, 8, 3), (1, 8, 5, 6, 10))
    assert unpadded.runs == 3 * 4


def test_f16_sums_are_flushed_once_a_chunk():
    """54 taps a row of groups: a chunk of 32 and one of 22, for each of 3 clips."""
    (work,), _, _ = work_of(nn.Conv3d(8, 8, 3), (3, 8, 3, 3, 16), "f16")
    assert work.flushes == 2 * 3
    assert work.runs == 3
    assert work.fmlas == 14 * 4
    (single,), _, _ = work_of(nn.Conv3d(8, 8, 3), (3, 8, 3, 3, 16))
    assert single.flushes == 0
    assert single.bytes == 2 * work.bytes


def test_a_linear_layer_uses_each_weight_once():
    (work,), _, _ = work_of(nn.Sequential(nn.Flatten(), nn.Linear(32, 24)), (1, 8, 1, 2, 2))
    assert work.single_use
    assert work.macs == 32 * 24
    assert work.bytes >= 4 * 32 * 24


def test_layers_with_the_same_code_are_known_as_equal():
    model = nn.Sequential(*(nn.Conv3d(8, 8, 1) for _ in range(3)), nn.Conv3d(8, 8, (1, 1, 3)))
    work, equal, _ = work_of(model, (1, 8, 2, 2, 10))
    assert [each.symbol for each in work] == ["layer_0", "layer_1", "layer_2", "layer_3"]
    assert {len(equal[each.symbol]) for each in work[:3]} == {3}
    assert equal["layer_3"] == ["layer_3"]


@pytest.mark.parametrize("stride", [1, 2])
def test_a_winograd_product_multiplies_each_point_of_each_tile(stride: int):
    """4x8 tiles of 2x2 in groups of 8; 3 planes of padding and kernel, less those that are padding."""
    conv, shape = nn.Conv3d(8, 16, 3, (stride, 1, 1), 1), (1, 8, 6, 8, 16)
    (work,), _, _ = work_of(conv, shape, tile=2)
    planes = sum(0 <= d * stride + k - 1 < 6 for d in range(6 // stride) for k in range(3))
    assert work.macs == planes * (4 * 8) * 16 * 8 * 16  # tiles, points, channels, filters
    assert work.fmlas == 8 * 2 * 4
    assert work.taps * work.fmlas * 4 == work.macs
    assert work.taps == 2 * work.runs  # blocks of channels


@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 5, 5), (5, 1, 1)])
def test_a_depthwise_conv_multiplies_a_channel_at_a_time(kernel: tuple[int, int, int]):
    """On planes of 4x4, which any tile divides; only planes of padding are skipped."""
    padding = tuple(size // 2 for size in kernel)
    conv, shape = nn.Conv3d(8, 8, kernel, padding=padding, groups=8), (1, 8, 5, 4, 4)
    (work,), _, other = work_of(conv, shape)
    planes = sum(0 <= d + k - padding[0] < 5 for d in range(5) for k in range(kernel[0]))
    assert work.macs == planes * 4 * 4 * kernel[1] * kernel[2] * 8
    assert work.taps * work.fmlas * 4 == work.macs
    assert work.runs * planes == work.taps * 5
    padded = 8 * (5 + 2 * padding[0]) * (4 + 2 * padding[1]) * (4 + 2 * padding[2])
    assert work.bytes == 4 * (padded + 8 * 5 * 4 * 4)
    assert other >= 4 * (8 * 5 * 4 * 4 + padded)  # the entry conversion, not the conv


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv3d(8, 8, 1), nn.Conv3d(8, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return (self.second(x) + x).relu()


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Conv3d(8, 8, 1), nn.Conv3d(8, 24, 1), nn.Conv3d(32, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.cat([self.first(x), self.second(x)], 1))


def test_a_residual_is_read_by_the_conv_that_adds_it():
    (first, second), _, _ = work_of(Residual(), (1, 8, 2, 4, 8))
    assert second.bytes - first.bytes == 4 * 8 * 2 * 4 * 8


def test_a_part_of_a_concatenation_counts_as_itself():
    work, _, other = work_of(Branches(), (1, 8, 2, 4, 8))
    size = 4 * 2 * 4 * 8
    weights = [4 * 8 * channels for channels in (8, 24, 32)]
    assert [each.bytes - w for each, w in zip(work, weights, strict=True)] == [16 * size, 32 * size, 40 * size]
    assert other < 2 * 32 * size  # entry and exit, but no copy of the parts
