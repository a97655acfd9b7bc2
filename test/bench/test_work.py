import numpy as np
import pytest
import torch
from torch import nn

from rt3d_mlir import models
from rt3d_mlir.bench.work import model_work
from rt3d_mlir.sparsity import GroupSize


def weights_of(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def test_a_dense_layer_keeps_what_it_has():
    model = models.build("c3d", width=4, clip=(16, 32, 32))
    work = model_work(model, weights_of(model), (1, 3, 16, 32, 32), None)
    counted = models.count_macs(model, (1, 3, 16, 32, 32))
    assert {f"{layer.name}.weight": layer.dense for layer in work.layers} == counted
    assert all(layer.kept == layer.dense for layer in work.layers)
    assert work.rate == 1
    assert [layer.kind for layer in work.layers] == 8 * ["conv"] + 3 * ["fully connected"]


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "size"),
    [(1, 1, 1, (2, 7, 5)), (2, 1, 1, (5, 6, 7)), (1, 0, 1, (4, 4, 4)), (1, 2, 2, (4, 5, 6))],
)
def test_needed_counts_the_taps_that_read_a_real_row(
    stride: int, padding: int, dilation: int, size: tuple[int, int, int]
):
    model = nn.Sequential(nn.Conv3d(4, 6, 3, stride, padding, dilation))
    with torch.no_grad():
        model[0].weight.fill_(1)
    work = model_work(model, weights_of(model), (1, 4, *size), None)
    # A conv of ones over ones, with the width's border filled, adds 1 for each real row that a tap reads.
    x = torch.ones(1, 4, *size)
    wide = nn.functional.pad(x, (padding, padding), value=1.0)
    answer = nn.functional.conv3d(wide, model[0].weight, None, stride, (padding, padding, 0), dilation)
    assert work.layers[0].needed == int(answer.sum())
    assert work.layers[0].needed <= work.layers[0].kept


def test_kept_counts_whole_groups():
    model = nn.Sequential(nn.Conv3d(8, 8, 3, padding=1))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[0, 0, 1, 1, 1] = 1.0  # one weight keeps its block of 4 x 4
    layer = model_work(model, weights_of(model), (1, 8, 3, 4, 5), GroupSize(4, 4)).layers[0]
    assert layer.kept == layer.needed == 16 * 3 * 4 * 5
    assert layer.kept_bytes == 4 * (16 + 8)


def test_a_transposed_conv_has_groups_of_filters_by_channels():
    model = nn.Sequential(nn.ConvTranspose3d(8, 12, 2, stride=2))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[0, 11, 1, 1, 1] = 1.0  # of filter 11 and channel 0
    layer = model_work(model, weights_of(model), (1, 8, 3, 4, 5), GroupSize(4, 8)).layers[0]
    assert layer.dense == models.count_macs(model, (1, 8, 3, 4, 5))["0.weight"]
    assert layer.kept == layer.needed == 4 * 8 * 3 * 4 * 5
    assert layer.kept_bytes == 4 * (4 * 8 + 12)


def test_memory_bound():
    model = nn.Sequential(nn.Conv3d(2, 4, 1), nn.ReLU(), nn.MaxPool3d(2))
    work = model_work(model, weights_of(model), (1, 2, 4, 4, 4), None)
    largest = 4 * (4 * 64) + 4 * (2 * 64)
    assert work.memory_bound == round(1.3 * (4 * (8 + 4) + largest + 50e6))
