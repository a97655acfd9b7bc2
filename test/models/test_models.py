from typing import Any

import pytest
import torch
from torch import nn

from rt3d_mlir import models
from rt3d_mlir.errors import ModelError

# (parameters, weights without biases and batch norm, MACs), all for 101 classes and 16 frames.
FIGURES: dict[tuple[str, str], tuple[dict[str, Any], int, int, int]] = {
    ("c3d", ""): ({}, 78_409_573, 78_398_528, 38_547_378_176),
    ("r2plus1d_18", ""): ({}, 31_351_938, 31_326_487, 40_518_927_872),
    ("s3d", ""): ({}, 8_006_853, 7_982_400, 24_529_443_840),
    ("s3d", "no time stride"): ({"time_stride": 1}, 8_006_853, 7_982_400, 39_712_651_264),
    ("s3d", "torchvision"): ({"torchvision": True}, 8_013_573, 7_992_256, 17_978_465_280),
}


def on_meta(name: str, **options: Any) -> nn.Module:
    classes = {"c3d": models.C3D, "r2plus1d_18": models.R2Plus1D, "s3d": models.S3D}
    with torch.device("meta"):
        return classes[name](**options)


@pytest.mark.parametrize("key", FIGURES, ids=" ".join)
def test_the_published_figures(key: tuple[str, str]):
    options, parameters, weights, macs = FIGURES[key]
    model = on_meta(key[0], **options)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert sum(p.numel() for p in model.parameters() if p.ndim > 1) == weights
    assert sum(models.count_macs(model, models.input_shape(key[0])).values()) == macs


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [("r2plus1d_18", {}, 31_505_325), ("s3d", {"torchvision": True}, 8_320_048)],
)
def test_torchvisions_parameter_counts_at_400_classes(name: str, options: dict[str, Any], parameters: int):
    model = on_meta(name, num_classes=400, **options)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_c3d_layers():
    macs = models.count_macs(on_meta("c3d"), models.input_shape("c3d"))
    mega = {name.removesuffix(".weight"): round(count / 1e6) for name, count in macs.items()}
    convs = {"conv1": 1040, "conv2": 11098, "conv3a": 5549, "conv3b": 11098}
    convs |= {"conv4a": 2775, "conv4b": 5549, "conv5a": 694, "conv5b": 694}
    assert mega == convs | {"fc6": 34, "fc7": 17, "fc8": 0}


def test_r2plus1d_parameter_names_and_mid_channels():
    state = on_meta("r2plus1d_18").state_dict()
    mids = {1: (144, 144), 2: (230, 288), 3: (460, 576), 4: (921, 1152)}
    for stage, pair in mids.items():
        for block, mid in enumerate(pair):
            for conv in ("conv1", "conv2"):
                prefix, out = f"layer{stage}.{block}.{conv}.0", 32 * 2**stage
                assert state[f"{prefix}.0.weight"].shape[0] == mid
                assert state[f"{prefix}.3.weight"].shape == (out, mid, 3, 1, 1)
    assert {"stem.0.weight", "stem.3.weight", "layer2.0.downsample.0.weight", "fc.bias"} < set(state)
    assert {"layer1.0.conv1.0.1.weight", "layer1.0.conv1.1.running_mean"} < set(state)


def test_s3d_config_of_the_paper_gives_its_rate():
    macs = models.count_macs(on_meta("s3d"), models.input_shape("s3d"))
    ratios = {"features.0.0": 0.2, "features.3.0.0": 0.8, "features.3.1.0": 0.8}
    for block, ratio in ((5, 0.5), (6, 0.7), (10, 0.5), (11, 0.5), (12, 0.7)):
        ratios |= {f"features.{block}.branch1.1.{half}.0": ratio for half in (0, 1)}
    removed = sum(ratio * macs[f"{name}.weight"] for name, ratio in ratios.items())
    assert sum(macs.values()) / (sum(macs.values()) - removed) == pytest.approx(2.096, abs=5e-4)


SMALL: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "c3d": ({"width": 8, "clip": (16, 32, 48)}, (1, 3, 16, 32, 48)),
    "r2plus1d_18": ({"width": 8}, (1, 3, 8, 32, 32)),
    "s3d": ({"width": 8}, (1, 3, 8, 64, 64)),
}


@pytest.mark.parametrize("name", models.names())
def test_build_is_deterministic_and_in_range(name: str):
    options, shape = SMALL[name]
    before = torch.get_rng_state()
    model, again, other = (models.build(name, 10, seed, **options) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training
    x = torch.randn(shape, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        y, y_again, y_other = model(x), again(x), other(x)
    assert y.shape == (1, 10)
    assert torch.equal(y, y_again)
    assert not torch.equal(y, y_other)
    assert 0.1 < y.std() < 100


def test_unknown_names_say_what_is_known():
    with pytest.raises(ModelError, match=r"^unknown model 'c3'; did you mean 'c3d'\? \(known models: c3d, r2plus"):
        models.build("c3")
    with pytest.raises(ModelError, match=r"unknown model 'vgg'"):
        models.input_shape("vgg")


def test_c3d_refuses_a_clip_that_pools_to_nothing():
    with pytest.raises(ModelError, match=r"clip \(8, 112, 112\) is too small"):
        models.build("c3d", clip=(8, 112, 112))
