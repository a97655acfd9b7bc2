"""A 3D U-Net of nnU-Net's plain shape (Isensee et al., Nature Methods 2021), with nnU-Net's parameter names.

Two blocks a stage, each conv 3x3x3, instance norm, leaky ReLU. The first conv of a stage halves the volume; on the way
up a transposed conv doubles it, and the stage of the same size on the way down is concatenated behind. nnU-Net calls
this net PlainConvUNet (package dynamic-network-architectures). Its checkpoints name each layer twice, and hold a head
for each stage; here each layer has its first name, and the one head is that of the full size.
"""

from collections import OrderedDict

import torch
from torch import nn

from rt3d_mlir.errors import ModelError


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1),
            norm=nn.InstanceNorm3d(outputs, affine=True),
            nonlin=nn.LeakyReLU(0.01),
        )
    )


class UNetStage(nn.Module):
    """Two blocks, the first one with the stride."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.convs = nn.Sequential(_block(inputs, outputs, stride), _block(outputs, outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convs(x)


class Encoder(nn.Module):
    """The way down; answers with what each stage gives, the largest first."""

    def __init__(self, channels: int, widths: list[int]):
        super().__init__()
        inputs = [channels, *widths]
        self.stages = nn.Sequential(
            *(nn.Sequential(UNetStage(inputs[i], width, 2 if i else 1)) for i, width in enumerate(widths))
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        given = []
        for stage in self.stages:
            x = stage(x)
            given.append(x)
        return given


class Decoder(nn.Module):
    """The way up, and the head."""

    def __init__(self, widths: list[int], num_classes: int):
        super().__init__()
        ups = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.stages = nn.ModuleList(UNetStage(2 * outputs, outputs) for _, outputs in ups)
        self.transpconvs = nn.ModuleList(nn.ConvTranspose3d(inputs, outputs, 2, stride=2) for inputs, outputs in ups)
        self.seg_layers = nn.ModuleDict({str(len(ups) - 1): nn.Conv3d(widths[0], num_classes, 1)})

    def forward(self, given: list[torch.Tensor]) -> torch.Tensor:
        x, *skips = reversed(given)
        for up, stage, skip in zip(self.transpconvs, self.stages, skips, strict=True):
            x = stage(torch.cat([up(x), skip], 1))
        (head,) = self.seg_layers.values()
        return head(x)


class UNet3D(nn.Module):
    """A U-Net for volumes of shape (N, channels, D, H, W), float32 in, logits (N, num_classes, D, H, W) out.

    `width` is the channel count of the first stage; each of the `stages` has twice as many as the one before, up to ten
    times `width`: 32, 64, 128, 256 and 320. D, H and W are multiples of 2^(stages - 1), else forward raises ModelError.
    """

    def __init__(self, num_classes: int = 4, width: int = 32, channels: int = 1, stages: int = 5):
        super().__init__()
        widths = [min(width << stage, 10 * width) for stage in range(stages)]
        self.step = 1 << (stages - 1)
        self.encoder = Encoder(channels, widths)
        self.decoder = Decoder(widths, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if any(size % self.step for size in x.shape[2:]):
            seen = "x".join(map(str, x.shape[2:]))
            raise ModelError(f"a volume of {seen}: expected multiples of {self.step}, for each stage halves it")
        return self.decoder(self.encoder(x))
