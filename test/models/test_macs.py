from collections.abc import Callable

import pytest
import torch
from torch import nn

from rt3d_mlir.errors import ModelError
from rt3d_mlir.models import build, count_macs


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(3, 4, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.grouped = nn.Conv3d(4, 8, 3, padding=1, groups=2, bias=False)
        self.depthwise = nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0), groups=8)
        self.flat = nn.Conv2d(8, 5, 1)
        self.fc = nn.Linear(5, 7)
        self.unused = nn.Linear(5, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.flat(self.depthwise(self.grouped(self.first(x))).mean(2))
        return self.fc(self.fc.weight.new_zeros(x.shape[0], 5) + x.mean((2, 3)))


def test_by_hand():
    # positions x filters x weights of one filter; two groups see two of the four channels each, eight see one of eight
    assert count_macs(Small(), (1, 3, 2, 8, 8)) == {
        "first.weight": 2 * 4 * 4 * 4 * 27,
        "grouped.weight": 2 * 4 * 4 * 8 * 54,
        "depthwise.weight": 2 * 4 * 4 * 8 * 3,
        "flat.weight": 4 * 4 * 5 * 8,
        "fc.weight": 7 * 5,
    }


class Scaled(nn.Module):
    """Its forward makes tensors, and has one that is neither parameter nor buffer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 1)
        self.scale = torch.ones(4, 1, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) * self.scale + torch.linspace(0, 1, x.shape[-1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_forward_that_makes_tensors(dtype: torch.dtype):
    assert count_macs(Scaled().to(dtype), (1, 3, 2, 8, 8)) == {"conv.weight": 2 * 8 * 8 * 4 * 3}


@pytest.mark.parametrize("ask", [lambda x: x.sum().item(), lambda x: x.detach().numpy(), lambda x: bool(x.max() > 0)])
def test_a_forward_that_asks_for_numbers(ask: Callable[[torch.Tensor], object]):
    model = nn.Sequential(nn.Conv3d(3, 4, 1))
    model[0].register_forward_pre_hook(lambda layer, inputs: ask(inputs[0]) and None)
    with pytest.raises(ModelError, match=r"cannot ask for numbers, as x\.item\(\) and x\.numpy\(\) do$"):
        count_macs(model, (1, 3, 2, 8, 8))


def test_transposed_convs():
    """Each weight once an input position, however the layer is called."""

    class Up(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = nn.ConvTranspose3d(6, 4, (2, 3, 4), stride=2, padding=1, groups=2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.up(input=x)

    assert count_macs(Up(), (2, 6, 3, 4, 5)) == {"up.weight": 2 * 3 * 4 * 5 * 6 * 2 * 24}


def test_scales_with_the_batch():
    one, three = (count_macs(Small(), (n, 3, 2, 8, 8)) for n in (1, 3))
    assert three == {name: 3 * macs for name, macs in one.items()}


def test_a_shared_layer_counts_each_time_it_runs():
    layer = nn.Linear(4, 4)
    assert sum(count_macs(nn.Sequential(layer, nn.ReLU(), layer), (1, 4)).values()) == 2 * 16


def test_leaves_the_model_as_it_was():
    model = build("c3d", width=4, clip=(16, 16, 16))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count_macs(model, (1, 3, 16, 16, 16))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_removes_its_hooks_when_the_shape_does_not_fit():
    model = Small()
    with pytest.raises(
        ModelError, match=r"does not run on an input of 1x4x2x8x8: .*expected input.*to have 3 channels"
    ):
        count_macs(model, (1, 4, 2, 8, 8))
    assert not any(module._forward_hooks for module in model.modules())
