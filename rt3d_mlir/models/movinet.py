"""MoViNet-A0, base (Kondratyuk et al., CVPR 2021), with hard-swish: the cheapest net of its family.

A mobile net over video: 1x1x1 expansion -> depthwise kernel of 1x5x5, 3x3x3 or 5x3x3 -> squeeze-excite -> 1x1x1
projection, and a learned gain on each residual branch. Kernels and widths are A0's, found by search for 50x172x172;
time is never halved. It is in the *style* of A0 and fits no published checkpoint: activations are hard-swish and
hard-sigmoid, as in the family's mobile variants, and padding is symmetric (TensorFlow pads the far side more; all
activations have the same sizes). 3.1 M parameters for 600 classes, 2.63 GMACs (published: 3.1 M and 2.71 G).
"""

import torch
from torch import nn
from torch.nn import functional as F

from rt3d_mlir.models.rounding import round_channels

_Kernel = tuple[int, int, int]

# (output channels, the first block halves height and width, (expanded channels, kernel) of each block)
STAGES: list[tuple[int, bool, list[tuple[int, _Kernel]]]] = [
    (8, True, [(24, (1, 5, 5))]),
    (32, True, [(80, (3, 3, 3)), (80, (3, 3, 3)), (80, (3, 3, 3))]),
    (56, True, [(184, (5, 3, 3)), (112, (3, 3, 3)), (184, (3, 3, 3))]),
    (56, False, [(184, (5, 3, 3)), (184, (3, 3, 3)), (184, (3, 3, 3)), (184, (3, 3, 3))]),
    (104, True, [(384, (5, 3, 3)), (280, (1, 5, 5)), (280, (1, 5, 5)), (344, (1, 5, 5))]),
]


def _conv(inputs: int, outputs: int, kernel: _Kernel = (1, 1, 1), stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    conv = nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs, eps=1e-3))


class HardSqueezeExcitation(nn.Module):
    """Scales each channel by a gate in [0, 1] that all channel means decide."""

    def __init__(self, channels: int):
        super().__init__()
        squeezed = round_channels(channels / 4)
        self.reduce = nn.Conv3d(channels, squeezed, 1)
        self.expand = nn.Conv3d(squeezed, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.expand(F.hardswish(self.reduce(F.adaptive_avg_pool3d(x, 1))))
        return x * F.hardsigmoid(gate)


class Block(nn.Module):
    """An inverted bottleneck; where it halves the picture, the shortcut is an average pool, border left out."""

    def __init__(self, inputs: int, expanded: int, outputs: int, kernel: _Kernel, stride: int):
        super().__init__()
        self.expand = _conv(inputs, expanded)
        self.depthwise = _conv(expanded, expanded, kernel, stride, groups=expanded)
        self.gate = HardSqueezeExcitation(expanded)
        self.project = _conv(expanded, outputs)
        self.alpha = nn.Parameter(torch.ones(()))
        pool = [nn.AvgPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1), count_include_pad=False)] if stride == 2 else []
        shortcut = [_conv(inputs, outputs)] if stride == 2 or inputs != outputs else []
        self.shortcut = nn.Sequential(*pool, *shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.hardswish(self.depthwise(F.hardswish(self.expand(x))))
        return self.shortcut(x) + self.alpha * self.project(self.gate(y))


class MoViNet(nn.Module):
    """MoViNet-A0 for clips of shape (N, 3, T, H, W), float32 in, logits (N, num_classes) out.

    `width` is the channel count of the stem (8 in the paper), which every other layer scales with; `depths` are the
    blocks of each stage, at most the paper's.
    """

    def __init__(
        self,
        num_classes: int = 101,
        width: int = 8,
        depths: tuple[int, int, int, int, int] = (1, 3, 3, 4, 4),
    ):
        super().__init__()

        def scaled(channels: int) -> int:
            return channels * width // 8

        self.stem = _conv(3, width, (1, 3, 3), stride=2)
        channels = width
        blocks: list[Block] = []
        for (outputs, halves, rows), depth in zip(STAGES, depths, strict=True):
            for i, (expanded, kernel) in enumerate(rows[:depth]):
                stride = 2 if halves and i == 0 else 1
                blocks.append(Block(channels, scaled(expanded), scaled(outputs), kernel, stride))
                channels = scaled(outputs)
        self.blocks = nn.Sequential(*blocks)
        self.head = _conv(channels, scaled(480))
        self.features = nn.Conv3d(scaled(480), scaled(2048), 1)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Conv3d(scaled(2048), num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.hardswish(self.head(self.blocks(F.hardswish(self.stem(x)))))
        x = F.hardswish(self.features(F.adaptive_avg_pool3d(x, 1)))
        return self.classifier(self.dropout(x)).flatten(1)
