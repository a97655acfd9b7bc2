"""X3D-S (Feichtenhofer, CVPR 2020), with PyTorchVideo's parameter names: its checkpoints fit.

A net grown along width, depth and frame rate: bottlenecks 1x1x1 -> depthwise 3x3x3 -> 1x1x1, a squeeze-excite gate
in every other block, swish after the depthwise conv and ReLU elsewhere. The paper's input is 13x160x160, one frame
in six; PyTorchVideo tests the same weights at 13x182x182. Their GMACs: 1.96 and 2.72.
"""

from collections import OrderedDict

import torch
from torch import nn

from rt3d_mlir.models.rounding import round_channels


def _pointwise(inputs: int, outputs: int, stride: tuple[int, int, int] = (1, 1, 1)) -> nn.Conv3d:
    return nn.Conv3d(inputs, outputs, 1, stride=stride, bias=False)


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate in (0, 1) that all channel means decide."""

    def __init__(self, channels: int):
        super().__init__()
        squeezed = round_channels(channels / 16)
        self.block = nn.Sequential(
            nn.Conv3d(channels, squeezed, 1), nn.ReLU(), nn.Conv3d(squeezed, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.block(x.mean((2, 3, 4), keepdim=True))


def _bottleneck(inputs: int, outputs: int, stride: tuple[int, int, int], gated: bool) -> nn.Sequential:
    inner = int(2.25 * outputs)
    gate = SqueezeExcitation(inner) if gated else nn.Identity()
    return nn.Sequential(
        OrderedDict(
            conv_a=_pointwise(inputs, inner),
            norm_a=nn.BatchNorm3d(inner),
            act_a=nn.ReLU(),
            conv_b=nn.Conv3d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False),
            norm_b=nn.Sequential(nn.BatchNorm3d(inner), gate),
            act_b=nn.SiLU(),
            conv_c=_pointwise(inner, outputs),
            norm_c=nn.BatchNorm3d(outputs),
        )
    )


class ResBlock(nn.Module):
    """A bottleneck with a residual add; the shortcut has a conv where the stride or the width changes."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int, int], gated: bool):
        super().__init__()
        changes = inputs != outputs
        self.branch1_conv = _pointwise(inputs, outputs, stride) if changes or stride != (1, 1, 1) else nn.Identity()
        self.branch1_norm = nn.BatchNorm3d(outputs) if changes else nn.Identity()
        self.branch2 = _bottleneck(inputs, outputs, stride, gated)
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.branch1_norm(self.branch1_conv(x)) + self.branch2(x))


class Stem(nn.Module):
    """1x3x3 over space, then depthwise 5x1x1 over time. PyTorchVideo calls the spatial one conv_t."""

    def __init__(self, width: int):
        super().__init__()
        space = nn.Conv3d(3, width, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), bias=False)
        time = nn.Conv3d(width, width, (5, 1, 1), padding=(2, 0, 0), groups=width, bias=False)
        self.conv = nn.Sequential(OrderedDict(conv_t=space, conv_xy=time))
        self.norm = nn.BatchNorm3d(width)
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.norm(self.conv(x)))


class ResStage(nn.Module):
    """`depth` residual blocks; the first one halves height and width, and the even ones are gated."""

    def __init__(self, inputs: int, outputs: int, depth: int):
        super().__init__()
        self.res_blocks = nn.Sequential(
            *(
                ResBlock(outputs if i else inputs, outputs, (1, 1, 1) if i else (1, 2, 2), gated=i % 2 == 0)
                for i in range(depth)
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.res_blocks(x)


class Head(nn.Module):
    """One more pointwise conv, the mean over the clip, and two fully connected layers, the first one a conv."""

    def __init__(self, inputs: int, inner: int, features: int, num_classes: int):
        super().__init__()
        self.pool = nn.Sequential(
            OrderedDict(
                pre_conv=_pointwise(inputs, inner),
                pre_norm=nn.BatchNorm3d(inner),
                pre_act=nn.ReLU(),
                pool=nn.AdaptiveAvgPool3d(1),
                post_conv=_pointwise(inner, features),
                post_act=nn.ReLU(),
            )
        )
        self.dropout = nn.Dropout(0.5)
        self.proj = nn.Linear(features, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(self.dropout(self.pool(x).flatten(1)))


class X3D(nn.Module):
    """X3D-S for clips of shape (N, 3, T, H, W), float32 in, logits (N, num_classes) out.

    `width` is the channel count of the stem and the first stage (24 in the paper), which every other layer scales
    with; `depths` are the blocks of each stage. The head averages over the whole clip, which is what PyTorchVideo's
    does at 13x160x160; at 182 its fixed 13x5x5 window sees four places, whose answers it averages.
    """

    def __init__(self, num_classes: int = 101, width: int = 24, depths: tuple[int, int, int, int] = (3, 5, 11, 7)):
        super().__init__()
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        stages = [ResStage(widths[i], widths[i + 1], depth) for i, depth in enumerate(depths)]
        head = Head(widths[-1], int(2.25 * widths[-1]), 2048 * width // 24, num_classes)
        self.blocks = nn.Sequential(Stem(width), *stages, head)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)
