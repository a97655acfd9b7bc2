"""Nets for clips, and image classifiers of timm made 3D. In: [batch, channels, frames, height, width]."""

from typing import Any

from elsewhere.registry import Net

_CLIP = ((1, 3, 8, 64, 64),)


def _pytorchvideo(factory: str, options: dict[str, Any], shapes: Any = _CLIP, **how: Any) -> Net:
    return Net(f"pytorchvideo.models.{factory}", shapes, {"model_num_class": 40, **options}, **how)


def _narrow(factory: str, *pool: int) -> Net:
    """A ResNet of 16 channels in the stem, with the pool of its head, whose kernel is that of the clip."""
    return _pytorchvideo(factory, {"stem_dim_out": 16, "head_pool_kernel_size": pool})


def _timm(name: str, **how: Any) -> Net:
    options = {"model_name": name, "pretrained": False, "num_classes": 40}
    return Net("timm_3d:create_model", ((1, 3, 32, 32, 32),), options, **how)


_SLOWFAST = {
    "model_depth": 18,
    "stem_dim_outs": (16, 4),
    "slowfast_channel_reduction_ratio": (4,),
    "head_pool_kernel_sizes": ((4, 2, 2), (16, 2, 2)),
}
_MVIT = {
    "spatial_size": 64,
    "temporal_size": 8,
    "depth": 2,
    "patch_embed_dim": 48,
    "head_num_classes": 40,
    "embed_dim_mul": [[1, 2.0]],
    "atten_head_mul": [[1, 2.0]],
    "pool_q_stride_size": [[1, 1, 2, 2]],
    "pool_kv_stride_adaptive": [1, 4, 4],
    "pool_kvq_kernel": [3, 3, 3],
}

NETS = {
    "pytorchvideo/slow_r50": _narrow("resnet:create_resnet", 8, 2, 2),
    "pytorchvideo/i3d_r50": _narrow("hub:i3d_r50", 4, 2, 2),
    "pytorchvideo/c2d_r50": _narrow("hub:c2d_r50", 4, 2, 2),
    "pytorchvideo/csn_r50": _narrow("csn:create_csn", 1, 4, 4),
    "pytorchvideo/r2plus1d_r50": _narrow("r2plus1d:create_r2plus1d", 2, 2, 2),
    "pytorchvideo/x3d_m": _pytorchvideo("x3d:create_x3d", {"input_clip_length": 8, "input_crop_size": 64}),
    "pytorchvideo/slowfast_r18": _pytorchvideo(
        "slowfast:create_slowfast", _SLOWFAST, ((1, 3, 4, 64, 64), (1, 3, 16, 64, 64)), as_list=True
    ),
    "pytorchvideo/efficient_x3d_xs": Net(
        "pytorchvideo.models.hub:efficient_x3d_xs", ((1, 3, 4, 160, 160),), {"num_classes": 40}
    ),
    "pytorchvideo/mvit": Net(
        "pytorchvideo.models.vision_transformers:create_multiscale_vision_transformers", _CLIP, _MVIT
    ),
    "timm-3d/resnet18": _timm("resnet18"),
    "timm-3d/mobilenetv2_050": _timm("mobilenetv2_050"),
    "timm-3d/convnext_atto": _timm("convnext_atto"),
    "timm-3d/efficientnet_b0": _timm("efficientnet_b0"),
}
