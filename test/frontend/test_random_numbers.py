"""Models that draw random numbers in forward: refused by name where the answer depends on them, else compiled."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import rt3d_mlir
from rt3d_mlir.errors import ModelError
from rt3d_mlir.explain.explanation import LEFT


class Noisy(nn.Module):
    """Noise behind a conv, `share` of it."""

    def __init__(self, share: float):
        super().__init__()
        self.conv, self.share = nn.Conv3d(3, 8, 3, padding=1), share
        self.drop = nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.conv(x)) + self.share * torch.randn(1, 8, 1, 1, 1)


def exported(share: float) -> rt3d_mlir.Exported:
    return rt3d_mlir.export(Noisy(share).eval(), (torch.zeros(1, 3, 4, 8, 8),))


def test_an_answer_that_depends_on_them_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"^Noisy answers differently in each call, .* in forward \(randn\): a compil"):
        exported(0.5).compile(tmp_path / "noisy")
    assert not any(tmp_path.iterdir())


def test_an_answer_that_does_not_is_compiled(tmp_path: Path):
    quiet = exported(0.0)
    quiet.compile(tmp_path / "quiet")
    module = rt3d_mlir.load(tmp_path / "quiet")
    (clip,), (expected,) = quiet.golden
    for _ in range(3):  # the seed changes with each call
        np.testing.assert_allclose(module(clip), expected, atol=1e-5)


def test_they_are_explained():
    fates = {fate.name: fate for fate in exported(0.5).explain().fates}
    assert (fates["randn"].where, fates["randn"].reason) == (LEFT, "it draws random numbers; kernels draw none")
    assert fates["drop"].reason == "computes nothing"
