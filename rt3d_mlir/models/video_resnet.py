"""The video ResNets of Tran et al. (CVPR 2018), with torchvision's parameter names: its checkpoints fit.

Eighteen layers each: a stem, four stages of two residual blocks, a fully connected layer. They differ in how they
look at time (GMACs for 400 classes on 16x112x112):

| net | stem | stage 1 | stages 2 to 4 | halve | GMACs |
|---|---|---|---|---|---|
| R3D | 3x7x7 | 3x3x3 | 3x3x3 | time, height, width | 40.70 |
| MC3, mixed | 3x7x7 | 3x3x3 | 1x3x3 | height, width | 43.34 |
| R(2+1)D, factored | 1x7x7, 3x1x1 | 1x3x3, 3x1x1 | 1x3x3, 3x1x1 | time, height, width | 40.52 |
"""

from collections.abc import Callable

import torch
from torch import nn

_Stride = tuple[int, int, int]
_Conv = Callable[[int, int, int, _Stride], nn.Module]
"""Makes a block's conv from its input, middle and output channels and its stride."""


def _mid_channels(inputs: int, outputs: int) -> int:
    """Channels between the 1x3x3 and the 3x1x1 conv that keep the parameter count of one 3x3x3 conv."""
    return inputs * outputs * 27 // (inputs * 9 + 3 * outputs)


def _full(inputs: int, _mid: int, outputs: int, stride: _Stride) -> nn.Module:
    return nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


def _spatial(inputs: int, _mid: int, outputs: int, stride: _Stride) -> nn.Module:
    return nn.Conv3d(inputs, outputs, (1, 3, 3), stride=stride, padding=(0, 1, 1), bias=False)


def _factored(inputs: int, mid: int, outputs: int, stride: _Stride) -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(inputs, mid, (1, 3, 3), stride=(1, *stride[1:]), padding=(0, 1, 1), bias=False),
        nn.BatchNorm3d(mid),
        nn.ReLU(),
        nn.Conv3d(mid, outputs, (3, 1, 1), stride=(stride[0], 1, 1), padding=(1, 0, 0), bias=False),
    )


def _stem(width: int) -> nn.Sequential:
    conv = nn.Conv3d(3, width, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(width), nn.ReLU())


def _factored_stem(width: int) -> nn.Sequential:
    mid = max(1, 45 * width // 64)
    return nn.Sequential(
        nn.Conv3d(3, mid, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False),
        nn.BatchNorm3d(mid),
        nn.ReLU(),
        nn.Conv3d(mid, width, (3, 1, 1), padding=(1, 0, 0), bias=False),
        nn.BatchNorm3d(width),
        nn.ReLU(),
    )


class BasicBlock(nn.Module):
    """Two convs with a residual add; `stride` is the first one's."""

    def __init__(self, conv: _Conv, inputs: int, outputs: int, stride: _Stride = (1, 1, 1)):
        super().__init__()
        mid = _mid_channels(inputs, outputs)  # both convs of a block share it
        self.conv1 = nn.Sequential(conv(inputs, mid, outputs, stride), nn.BatchNorm3d(outputs), nn.ReLU())
        self.conv2 = nn.Sequential(conv(outputs, mid, outputs, (1, 1, 1)), nn.BatchNorm3d(outputs))
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != (1, 1, 1) or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv2(self.conv1(x)) + residual)


class VideoResNet(nn.Module):
    """What the three nets share: `conv` makes the convs of stages 2 to 4, which begin with `stride`."""

    def __init__(self, stem: nn.Sequential, conv1: _Conv, conv: _Conv, stride: _Stride, num_classes: int, width: int):
        super().__init__()
        w = width
        self.stem = stem
        self.layer1 = nn.Sequential(BasicBlock(conv1, w, w), BasicBlock(conv1, w, w))
        self.layer2 = nn.Sequential(BasicBlock(conv, w, 2 * w, stride), BasicBlock(conv, 2 * w, 2 * w))
        self.layer3 = nn.Sequential(BasicBlock(conv, 2 * w, 4 * w, stride), BasicBlock(conv, 4 * w, 4 * w))
        self.layer4 = nn.Sequential(BasicBlock(conv, 4 * w, 8 * w, stride), BasicBlock(conv, 8 * w, 8 * w))
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(8 * w, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(self.avgpool(x).flatten(1))


class R3D(VideoResNet):
    """R3D-18 for clips of shape (N, 3, T, H, W), float32 in, logits (N, num_classes) out.

    `width` is the channel count of layer1 (64 in the paper); every other layer scales with it.
    """

    def __init__(self, num_classes: int = 101, width: int = 64):
        super().__init__(_stem(width), _full, _full, (2, 2, 2), num_classes, width)


class MC3(VideoResNet):
    """MC3-18, 3D convs in stage 1 and 2D ones after it, for clips and `width` as in :class:`R3D`."""

    def __init__(self, num_classes: int = 101, width: int = 64):
        super().__init__(_stem(width), _full, _spatial, (1, 2, 2), num_classes, width)


class R2Plus1D(VideoResNet):
    """R(2+1)D-18, each 3D conv factored into space, then time, for clips and `width` as in :class:`R3D`."""

    def __init__(self, num_classes: int = 101, width: int = 64):
        super().__init__(_factored_stem(width), _factored, _factored, (2, 2, 2), num_classes, width)
