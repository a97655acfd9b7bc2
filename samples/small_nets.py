"""Nets that train in minutes on clips of 16x32x32, for the other samples; and MODELs for rt3d-mlir-prune:

PYTHONPATH=samples rt3d-mlir-prune small_nets:c3d --data synthetic --rate 2.6 -o pruned
"""

import torch
from torch import nn
from torch.nn import functional as F

from rt3d_mlir.models import C3D, R2Plus1D

_CONVS = ("conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b")


class BatchNormC3D(C3D):
    """C3D with a batch norm behind each convolution, as later authors train it.

    The original starts from weights trained on a million videos; narrow, and from random weights, it does not learn.
    The compiler folds the batch norms away.
    """

    def __init__(self, num_classes: int, width: int, clip: tuple[int, int, int]):
        super().__init__(num_classes, width, clip)
        for name in _CONVS:
            conv = getattr(self, name)
            setattr(self, f"{name}_bn", nn.BatchNorm3d(conv.out_channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(self._conv("conv1", x))
        x = self.pool2(self._conv("conv2", x))
        x = self.pool3(self._conv("conv3b", self._conv("conv3a", x)))
        x = self.pool4(self._conv("conv4b", self._conv("conv4a", x)))
        x = self.pool5(self._conv("conv5b", self._conv("conv5a", x)))
        x = self.dropout(F.relu(self.fc6(x.flatten(1))))
        x = self.dropout(F.relu(self.fc7(x)))
        return self.fc8(x)

    def _conv(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.relu(getattr(self, f"{name}_bn")(getattr(self, name)(x)))


def c3d(num_classes: int = 5, width: int = 16, clip: tuple[int, int, int] = (16, 32, 32)) -> nn.Module:
    """A narrow C3D, 0.2 GMACs a clip at width 16."""
    return BatchNormC3D(num_classes, width, clip)


def r2plus1d(num_classes: int = 5, width: int = 16) -> nn.Module:
    """A narrow R(2+1)D-18, 0.2 GMACs a clip of 16x32x32 at width 16."""
    return R2Plus1D(num_classes, width)
