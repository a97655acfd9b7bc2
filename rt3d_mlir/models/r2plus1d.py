"""R(2+1)D-18 (Tran et al., CVPR 2018), with torchvision's parameter names: its checkpoints fit."""

import torch
from torch import nn


def _mid_channels(inputs: int, outputs: int) -> int:
    """Channels between the 1x3x3 and the 3x1x1 conv that keep the parameter count of one 3x3x3 conv."""
    return inputs * outputs * 27 // (inputs * 9 + 3 * outputs)


def _conv2plus1d(inputs: int, mid: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, mid, (1, 3, 3), stride=(1, stride, stride), padding=(0, 1, 1), bias=False),
        nn.BatchNorm3d(mid),
        nn.ReLU(),
        nn.Conv3d(mid, outputs, (3, 1, 1), stride=(stride, 1, 1), padding=(1, 0, 0), bias=False),
    )


class BasicBlock(nn.Module):
    """Two factored convs with a residual add; `stride` halves time, height and width when it is 2."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        mid = _mid_channels(inputs, outputs)  # both convs of a block share it
        self.conv1 = nn.Sequential(_conv2plus1d(inputs, mid, outputs, stride), nn.BatchNorm3d(outputs), nn.ReLU())
        self.conv2 = nn.Sequential(_conv2plus1d(outputs, mid, outputs), nn.BatchNorm3d(outputs))
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv2(self.conv1(x)) + residual)


class R2Plus1D(nn.Module):
    """R(2+1)D-18 for clips of shape (N, 3, T, H, W), float32 in, logits (N, num_classes) out.

    `width` is the channel count of layer1 (64 in the paper); every other layer scales with it.
    """

    def __init__(self, num_classes: int = 101, width: int = 64):
        super().__init__()
        w, stem = width, max(1, 45 * width // 64)
        self.stem = nn.Sequential(
            nn.Conv3d(3, stem, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False),
            nn.BatchNorm3d(stem),
            nn.ReLU(),
            nn.Conv3d(stem, w, (3, 1, 1), padding=(1, 0, 0), bias=False),
            nn.BatchNorm3d(w),
            nn.ReLU(),
        )
        self.layer1 = nn.Sequential(BasicBlock(w, w), BasicBlock(w, w))
        self.layer2 = nn.Sequential(BasicBlock(w, 2 * w, 2), BasicBlock(2 * w, 2 * w))
        self.layer3 = nn.Sequential(BasicBlock(2 * w, 4 * w, 2), BasicBlock(4 * w, 4 * w))
        self.layer4 = nn.Sequential(BasicBlock(4 * w, 8 * w, 2), BasicBlock(8 * w, 8 * w))
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(8 * w, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(self.avgpool(x).flatten(1))
