"""S3D (Xie et al., ECCV 2018): separable Inception over space, then time, with torchvision's parameter names.

Three variants are in use, and the dearest costs more than twice the cheapest:

| zoo name | | stem | temporal convs | time is halved in | GMACs, 16x224x224 |
|---|---|---|---|---|---|
| s3d | RT3D's (the default) | one dense 3x7x7 | with bias | the last three pools | 24.53 |
| s3d_ts1 | RT3D's, `time_stride=1` | the same | the same | nowhere | 39.71 |
| s3d_torchvision | `torchvision=True` | 1x7x7, then 7x1x1 | without bias | the stem, the last two pools | 17.98 |
"""

import torch
from torch import nn


def _conv(
    inputs: int,
    outputs: int,
    kernel: tuple[int, int, int] = (1, 1, 1),
    stride: tuple[int, int, int] = (1, 1, 1),
    bias: bool = False,
) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride=stride, padding=padding, bias=bias),
        nn.BatchNorm3d(outputs, eps=1e-3, momentum=1e-3),
        nn.ReLU(),
    )


def _separable(
    inputs: int, outputs: int, size: int, bias: bool, stride: tuple[int, int, int] = (1, 1, 1)
) -> nn.Sequential:
    return nn.Sequential(
        _conv(inputs, outputs, (1, size, size), (1, *stride[1:])),
        _conv(outputs, outputs, (size, 1, 1), (stride[0], 1, 1), bias),
    )


class SepInception(nn.Module):
    """Four branches side by side; `widths` as in Inception: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool."""

    def __init__(self, inputs: int, widths: tuple[int, ...], bias: bool):
        super().__init__()
        b0, b1_mid, b1, b2_mid, b2, b3 = widths
        self.branch0 = _conv(inputs, b0)
        self.branch1 = nn.Sequential(_conv(inputs, b1_mid), _separable(b1_mid, b1, 3, bias))
        self.branch2 = nn.Sequential(_conv(inputs, b2_mid), _separable(b2_mid, b2, 3, bias))
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, stride=1, padding=1), _conv(inputs, b3))
        self.outputs = b0 + b1 + b2 + b3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], 1)


STAGE3 = [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)]
STAGE4 = [
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
]
STAGE5 = [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)]


class S3D(nn.Module):
    """S3D for clips of shape (N, 3, T, H, W), float32 in, logits (N, num_classes) averaged over time out.

    `torchvision` and `time_stride` choose the variant, as in the table above; `width` is the channel count of
    the stem (64 in the paper), and every other layer scales with it.
    """

    def __init__(self, num_classes: int = 101, width: int = 64, torchvision: bool = False, time_stride: int = 2):
        super().__init__()
        bias, ts, w = not torchvision, time_stride, width
        if torchvision:
            stem = _separable(3, w, 7, bias, (ts, 2, 2))
            pool2 = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        else:
            stem = _conv(3, w, (3, 7, 7), (1, 2, 2))
            pool2 = nn.MaxPool3d(3, stride=(ts, 2, 2), padding=1)
        pool1 = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        pool3 = nn.MaxPool3d(3, stride=(ts, 2, 2), padding=1)
        pool4 = nn.MaxPool3d(2, stride=(ts, 2, 2))
        layers = [stem, pool1, _conv(w, w), _separable(w, 3 * w, 3, bias), pool2]
        channels = 3 * w
        for stage, pool in ((STAGE3, [pool3]), (STAGE4, [pool4]), (STAGE5, [])):
            for widths in stage:
                block = SepInception(channels, tuple(max(1, c * w // 64) for c in widths), bias)
                channels = block.outputs
                layers.append(block)
            layers += pool
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AvgPool3d((2, 7, 7), stride=1) if torchvision else nn.AdaptiveAvgPool3d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Conv3d(channels, num_classes, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.avgpool(self.features(x))).mean((2, 3, 4))
