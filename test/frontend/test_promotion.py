"""Operands of uint8 and bool beside others: 255 is not -1, and true is 1."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import rt3d_mlir

OPS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "times": lambda x, y: x * y,
    "plus": lambda x, y: y + x,
    "over-number": lambda _, y: y / 255,
    "times-number": lambda _, y: y * 0.5,
    "cat": lambda x, y: torch.cat([x, y], 1),
    "where": lambda x, y: torch.where(y > 0, y, x),
    "maximum": torch.maximum,
    "greater": lambda x, y: x > y,
    "less": lambda _, y: y <= 127,
    "wider": lambda _, y: y + torch.tensor([300], dtype=torch.int32),
}


class _All(nn.Module):
    def forward(self, x: torch.Tensor, *others: torch.Tensor) -> list[torch.Tensor]:
        return [op(x, y) for y in others for op in OPS.values()]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Ours and PyTorch's by op and type: all in one module."""
    x = torch.tensor([[100.0, -3.0, 0.5, 7.0]])
    others = (torch.tensor([[255, 0, 128, 7]], dtype=torch.uint8), torch.tensor([[True, False, True, True]]))
    folder: Path = tmp_path_factory.mktemp("promotion") / "a"
    rt3d_mlir.export(_All(), (x, *others)).compile(folder)
    ours = rt3d_mlir.load(folder, threads=1)(x.numpy(), *(y.numpy() for y in others))
    names = [f"{name}-{y.dtype}" for y in others for name in OPS]
    return dict(zip(names, zip(ours, (y.numpy() for y in _All()(x, *others)), strict=True), strict=True))


@pytest.mark.parametrize("kind", [torch.uint8, torch.bool], ids=str)
@pytest.mark.parametrize("name", OPS)
def test_unsigned_operands_are_cast_as_such(answers: dict, name: str, kind: torch.dtype):
    ours, wanted = answers[f"{name}-{kind}"]
    assert ours.dtype == wanted.dtype
    np.testing.assert_array_equal(ours, wanted)
