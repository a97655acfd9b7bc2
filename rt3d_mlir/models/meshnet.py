"""MeshNet (Fedorov et al., IJCNN 2017; the dilations are those of "Almost instant brain atlas segmentation", 2017).

Convs of one width at full size, whose dilation makes them see far: 1, 1, 2, 4, 8, 16, 1. It segments whole brains in a
browser, where the memory of a U-Net is not to be had. With 16 channels and the dilations 1, 2, 4, 8, 16, 16, 8, 4, 2 it
is the net of 56,194 parameters of "State-of-the-art stroke lesion segmentation at 1/1000th of parameters" (2025).
"""

from collections.abc import Sequence

import torch
from torch import nn

#: Of the 3x3x3 convs, in their order.
DILATIONS = (1, 1, 2, 4, 8, 16, 1)


def _block(inputs: int, outputs: int, dilation: int) -> nn.Sequential:
    conv = nn.Conv3d(inputs, outputs, 3, padding=dilation, dilation=dilation)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU())


class MeshNet(nn.Module):
    """MeshNet for volumes of shape (N, channels, D, H, W), float32 in, logits (N, num_classes, D, H, W) out.

    `width` is the channel count of all convs but the head, which is 1x1x1. The three classes are gray matter, white
    matter and the rest. Any size of volume will do.
    """

    def __init__(self, num_classes: int = 3, width: int = 16, channels: int = 1, dilations: Sequence[int] = DILATIONS):
        super().__init__()
        inputs = [channels, *[width] * (len(dilations) - 1)]
        self.blocks = nn.Sequential(*(_block(inputs[i], width, dilation) for i, dilation in enumerate(dilations)))
        self.head = nn.Conv3d(width, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(x))
