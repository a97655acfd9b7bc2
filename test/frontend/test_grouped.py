"""Grouped convs at floor 1: each in the one form that passes.conv reads, its weights the parameter itself."""

import iree.compiler.ir as ir
import numpy as np
import pytest
import torch
from torch import nn

from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ops.conv import Conv


def convs_of(module: ir.Module) -> list[Conv]:
    """The convs of a module, in order."""
    found: list[Conv] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        conv = Conv.match(op.opview)
        if conv is not None:
            found.append(conv)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def weight_of(conv: Conv, table: WeightTable) -> tuple[np.ndarray, str | None]:
    """The numbers of a conv's weights and their name."""
    value = constant_value(conv.weight, table)
    assert value is not None
    return value


@pytest.mark.parametrize(
    ("channels", "filters", "groups", "options"),
    [
        (6, 6, 6, {}),
        (6, 6, 6, {"bias": False, "padding": 1}),
        (6, 6, 6, {"stride": (1, 2, 3), "dilation": (2, 1, 1), "padding": (2, 0, 1)}),
        (6, 12, 6, {"stride": 2}),
        (6, 4, 2, {"dilation": (1, 1, 2)}),
    ],
)
def test_form_and_weights(channels: int, filters: int, groups: int, options: dict):
    model = nn.Conv3d(channels, filters, (3, 2, 3), groups=groups, **options)
    with ir.Context(), ir.Location.unknown():
        x = torch.zeros(2, channels, 5, 6, 9)
        module, table = import_torch(model.eval(), (x,))
        (conv,) = convs_of(module)
        assert conv.groups == groups
        assert (tuple(conv.strides), tuple(conv.dilations)) == (model.stride, model.dilation)
        assert conv.shape == list(model(x).shape)
        array, key = weight_of(conv, table)
        assert key == "weight"
        np.testing.assert_array_equal(array, model.weight.detach().numpy())
        bias = conv.bias(table)
        assert bias is not None
        expected = np.zeros(filters) if model.bias is None else model.bias.detach().numpy()
        np.testing.assert_array_equal(bias[0], expected)
        assert "func.call" not in str(module)
        assert str(module).count("func.func") == 1


def test_one_behind_the_other_and_one_twice():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = (nn.Conv3d(4, 4, 3, padding=1, groups=4) for _ in range(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(self.a(x)))

    with ir.Context(), ir.Location.unknown():
        module, table = import_torch(Net().eval(), (torch.zeros(1, 4, 3, 4, 5),))
        assert [weight_of(conv, table)[1] for conv in convs_of(module)] == ["a.weight", "a.weight", "b.weight"]


def test_a_conv_of_two_dimensions_is_left_to_torch_mlir_and_lift_to_3d():
    with ir.Context(), ir.Location.unknown():
        module, _ = import_torch(nn.Conv2d(4, 4, 3, groups=4).eval(), (torch.zeros(1, 4, 5, 6),))
        assert convs_of(module) == []
        assert "linalg.depthwise_conv_2d_nchw_chw" in str(module)
