"""Nets of other people's packages: how each is made, and what it is given.

Widths and clips are those of a quick check, the layers are the package's own.
"""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

#: Compiled within seconds, and each of a kind of its own: the tests.
SMALL = (
    "monai/UNet",
    "monai/ResNet-shortcut-A",
    "monai/ResNet-shortcut-B",
    "monai/AttentionUnet",
    "monai/AutoEncoder",
    "dynamic-network-architectures/PlainConvUNet",
    "pytorch3dunet/UNet3D",
    "acsconv/ACSUNet",
    "gninatorch/default2017",
    "gninatorch/crossdock_default2018",
    "pytorchvideo/mvit",
    "timm-3d/mobilenetv2_050",
)


@dataclass(frozen=True)
class Net:
    """`factory`, as in `package.module:Class`, makes the net of `options`; its inputs are float32, of these shapes."""

    factory: str
    shapes: tuple[tuple[int, ...], ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    as_list: bool = False
    """The inputs are one list, as SlowFast's two pathways are."""
    refusal: str = ""
    """What torch.export says where it does not export the net; torch.onnx does, by tracing it."""

    def build(self) -> nn.Module:
        """The net, where its package is installed, always with the same weights."""
        make = pkgutil.resolve_name(self.factory)
        torch.manual_seed(0)  # behind the import: some packages draw numbers in theirs
        return make(**self.options)


def all_nets() -> Mapping[str, Net]:
    """By name, `package/net`, package by package."""
    from elsewhere import medical, video

    return {**medical.NETS, **video.NETS}
