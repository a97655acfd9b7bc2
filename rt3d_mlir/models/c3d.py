"""C3D (Tran et al., ICCV 2015): eight 3x3x3 convolutions and three fully connected layers, no batch norm."""

import torch
from torch import nn
from torch.nn import functional as F

from rt3d_mlir.errors import ModelError


class C3D(nn.Module):
    """C3D for clips of shape (N, 3, T, H, W), float32 in, logits (N, num_classes) out.

    `width` is the channel count of conv1 (64 in the paper); every other layer scales with it. `clip` is
    (T, H, W), each at least 16: it decides the size of fc6. Raises ModelError for a smaller clip.
    """

    def __init__(self, num_classes: int = 101, width: int = 64, clip: tuple[int, int, int] = (16, 112, 112)):
        super().__init__()
        if min(clip) < 16:
            raise ModelError(f"clip {clip} is too small for C3D: (T, H, W) must each be at least 16")
        w, fc = width, 64 * width
        self.conv1 = nn.Conv3d(3, w, 3, padding=1)
        self.pool1 = nn.MaxPool3d((1, 2, 2))
        self.conv2 = nn.Conv3d(w, 2 * w, 3, padding=1)
        self.pool2 = nn.MaxPool3d(2)
        self.conv3a = nn.Conv3d(2 * w, 4 * w, 3, padding=1)
        self.conv3b = nn.Conv3d(4 * w, 4 * w, 3, padding=1)
        self.pool3 = nn.MaxPool3d(2)
        self.conv4a = nn.Conv3d(4 * w, 8 * w, 3, padding=1)
        self.conv4b = nn.Conv3d(8 * w, 8 * w, 3, padding=1)
        self.pool4 = nn.MaxPool3d(2)
        self.conv5a = nn.Conv3d(8 * w, 8 * w, 3, padding=1)
        self.conv5b = nn.Conv3d(8 * w, 8 * w, 3, padding=1)
        self.pool5 = nn.MaxPool3d(2, padding=(0, 1, 1))
        t, h, w_out = clip[0] // 16, clip[1] // 16 // 2 + 1, clip[2] // 16 // 2 + 1
        self.fc6 = nn.Linear(8 * w * t * h * w_out, fc)
        self.fc7 = nn.Linear(fc, fc)
        self.fc8 = nn.Linear(fc, num_classes)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        x = self.pool3(F.relu(self.conv3b(F.relu(self.conv3a(x)))))
        x = self.pool4(F.relu(self.conv4b(F.relu(self.conv4a(x)))))
        x = self.pool5(F.relu(self.conv5b(F.relu(self.conv5a(x)))))
        x = self.dropout(F.relu(self.fc6(x.flatten(1))))
        x = self.dropout(F.relu(self.fc7(x)))
        return self.fc8(x)
