"""Nets for volumes: MRI, CT, microscopy, and the grids of atoms that GNINA scores. In: [batch, channels, D, H, W]."""

from typing import Any

from elsewhere.registry import Net
from torch import nn

#: It meets `.data` in forward.
_DATA = "We found a fake tensor in the exported program constant's list"
_ONE_3D = {"spatial_dims": 3, "in_channels": 1}


def _volume(factory: str, size: int = 32, channels: int = 1, **how: Any) -> Net:
    return Net(factory, ((1, channels, size, size, size),), **how)


def _monai(name: str, options: dict[str, Any], size: int = 32, **how: Any) -> Net:
    return _volume(f"monai.networks.nets:{name}", size, options=options, **how)


def _segments(name: str, options: dict[str, Any] | None = None, **how: Any) -> Net:
    return _monai(name, {**_ONE_3D, "out_channels": 2, **(options or {})}, **how)


def _resnet(shortcut: str, **how: Any) -> Net:
    sizes = {"layers": [1, 1, 1, 1], "block_inplanes": [16, 32, 64, 128], "num_classes": 3}
    return _monai("ResNet", {"block": "basic", "n_input_channels": 1, "shortcut_type": shortcut, **sizes}, **how)


def _senet(block: str, groups: int) -> Net:
    sizes = {"layers": (1, 1, 1, 1), "reduction": 16, "inplanes": 64, "downsample_kernel_size": 1, "num_classes": 3}
    return _monai("SENet", {"block": block, "groups": groups, **_ONE_3D, **sizes})


def _nnunet(name: str, depths: dict[str, Any], **how: Any) -> Net:
    options = {
        "input_channels": 1,
        "n_stages": 4,
        "features_per_stage": (16, 32, 64, 128),
        "conv_op": nn.Conv3d,
        "kernel_sizes": 3,
        "strides": (1, 2, 2, 2),
        "num_classes": 4,
        "n_conv_per_stage_decoder": 2,
        "conv_bias": True,
        "norm_op": nn.InstanceNorm3d,
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": nn.LeakyReLU,
        "nonlin_kwargs": {"inplace": True},
    }
    return _volume(f"dynamic_network_architectures.architectures.unet:{name}", options=options | depths, **how)


def _unet3d(name: str, **how: Any) -> Net:
    options = {"in_channels": 1, "out_channels": 2, "f_maps": 16, "num_levels": 3}
    return _volume(f"pytorch3dunet.unet3d.model:{name}", options=options, **how)


def _segmentation_model(name: str, encoder: str) -> Net:
    options = {"encoder_name": encoder, "encoder_weights": None, "in_channels": 1, "classes": 2}
    return _volume(f"segmentation_models_pytorch_3d:{name}", options=options)


def _gnina(weights: str, channels: int, **how: Any) -> Net:
    return _volume("gninatorch.gnina:load_gnina_model", 48, channels, options={"gnina_model": weights}, **how)


_UNET = {"channels": (16, 32, 64, 128), "strides": (2, 2, 2), "num_res_units": 2}
_DYNUNET = {"kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [16, 32, 64]}
_UNETR = {"img_size": 32, "feature_size": 8, "hidden_size": 96, "mlp_dim": 192, "num_heads": 4}
_ACS_RESNET = {"pretrained": False, "num_classes": 2}

NETS = {
    "monai/UNet": _segments("UNet", {"channels": (16, 32, 64, 128), "strides": (2, 2, 2), "num_res_units": 2}),
    "monai/BasicUNet": _segments("BasicUNet", {"features": (16, 16, 32, 64, 128, 16)}),
    "monai/SegResNet": _segments("SegResNet"),
    "monai/DynUNet": _segments("DynUNet", _DYNUNET),
    "monai/VNet": _segments("VNet"),
    "monai/DenseNet121": _segments("DenseNet121"),
    "monai/ResNet-shortcut-A": _resnet("A", refusal=_DATA),
    "monai/ResNet-shortcut-B": _resnet("B"),
    "monai/SENet": _senet("se_resnet_bottleneck", groups=1),
    "monai/SENet-ResNeXt": _senet("se_resnetxt_bottleneck", groups=32),
    "monai/EfficientNet-B0": _monai(
        "EfficientNetBN", {"model_name": "efficientnet-b0", "pretrained": False, "num_classes": 3, **_ONE_3D}
    ),
    "monai/AttentionUnet": _segments("AttentionUnet", {"channels": (16, 32, 64), "strides": (2, 2)}),
    "monai/HighResNet": _segments("HighResNet", size=24),
    "monai/UNETR": _monai("UNETR", {"in_channels": 1, "out_channels": 2, **_UNETR}),
    "monai/SwinUNETR": _monai("SwinUNETR", {"in_channels": 1, "out_channels": 2, "feature_size": 12}, size=64),
    "monai/AutoEncoder": _segments("AutoEncoder", {"channels": (8, 16, 32), "strides": (2, 2, 2)}),
    "dynamic-network-architectures/PlainConvUNet": _nnunet("PlainConvUNet", {"n_conv_per_stage": 2}),
    "dynamic-network-architectures/ResidualEncoderUNet": _nnunet(
        "ResidualEncoderUNet", {"n_blocks_per_stage": (1, 2, 2, 2)}
    ),
    "pytorch3dunet/UNet3D": _unet3d("UNet3D"),
    "pytorch3dunet/ResidualUNet3D": _unet3d("ResidualUNet3D"),
    "pytorch3dunet/ResidualUNetSE3D": _unet3d("ResidualUNetSE3D"),
    "segmentation-models-pytorch-3d/Unet": _segmentation_model("Unet", "resnet18"),
    "segmentation-models-pytorch-3d/FPN": _segmentation_model("FPN", "efficientnet-b0"),
    "segmentation-models-pytorch-3d/DeepLabV3Plus": _segmentation_model("DeepLabV3Plus", "resnet18"),
    "acsconv/ACSUNet": _volume("acsconv.models:ACSUNet", options={"num_classes": 2}),
    "acsconv/FCNResNet": _volume("acsconv.models.resnet:FCNResNet", 16, 3, options=_ACS_RESNET),
    "gninatorch/default2017": _gnina("default2017", 35),
    "gninatorch/crossdock_default2018": _gnina("crossdock_default2018", 28),
    "gninatorch/dense": _gnina("dense", 28),
}
