from typing import Any

import pytest
import torch
from torch import nn

from rt3d_mlir import models
from rt3d_mlir.errors import ModelError

# name: (parameters, weights without biases and batch norm, MACs) for 101 classes and the usual input.
FIGURES = {
    "c3d": (78_409_573, 78_398_528, 38_547_378_176),
    "r2plus1d_18": (31_351_938, 31_326_487, 40_518_927_872),
    "s3d": (8_006_853, 7_982_400, 24_529_443_840),
    "s3d_ts1": (8_006_853, 7_982_400, 39_712_651_264),
    "s3d_torchvision": (8_013_573, 7_992_256, 17_978_465_280),
}
# The same for the models that segment, for their own number of classes.
VOLUMES = {
    "unet3d": (16_546_756, 16_538_592, 59_089_092_608),
    "meshnet": (42_291, 41_952, 10_997_465_088),
}

# name: (classes, parameters in M, GMACs on the usual input, relative tolerance). torchvision publishes both numbers
# with its weights; those of X3D-S are the paper's (PyTorchVideo counts 3.79 M for the same net), so are A0's,
# whose padding and activations are not quite ours.
PUBLISHED = {
    "r2plus1d_18": (400, 31.505325, 40.519, 1e-5),
    "r3d_18": (400, 33.371472, 40.697, 2e-5),
    "mc3_18": (400, 11.695440, 43.343, 2e-5),
    "s3d_torchvision": (400, 8.320048, 17.979, 2e-5),
    "x3d_s": (400, 3.76, 1.96, 0.01),
    "movinet_a0": (600, 3.1, 2.71, 0.03),
}


def cost(name: str, num_classes: int | None) -> tuple[int, int, int]:
    model = models.build(name, num_classes)
    sizes = [(p.numel(), p.ndim > 1) for p in model.parameters()]
    macs = sum(models.count_macs(model, models.input_shape(name)).values())
    return sum(n for n, _ in sizes), sum(n for n, is_weight in sizes if is_weight), macs


def on_meta(name: str, **options: Any) -> nn.Module:
    classes = {"c3d": models.C3D, "r2plus1d_18": models.R2Plus1D, "s3d": models.S3D}
    with torch.device("meta"):
        return classes[name](**options)


@pytest.mark.parametrize("name", FIGURES)
def test_the_cost_to_the_last_mac(name: str):
    assert cost(name, 101) == FIGURES[name]


@pytest.mark.parametrize("name", VOLUMES)
def test_the_cost_of_segmenting(name: str):
    assert cost(name, None) == VOLUMES[name]


def test_meshnets_published_size():
    """ "State-of-the-art stroke lesion segmentation at 1/1000th of parameters", table 1: 16 channels, two classes."""
    model = models.MeshNet(num_classes=2, dilations=(1, 2, 4, 8, 16, 16, 8, 4, 2))
    assert sum(p.numel() for p in model.parameters()) == 56_194


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_cost(name: str):
    num_classes, millions, giga, tolerance = PUBLISHED[name]
    parameters, _, macs = cost(name, num_classes)
    assert parameters / 1e6 == pytest.approx(millions, rel=tolerance)
    assert macs / 1e9 == pytest.approx(giga, rel=tolerance)


def test_c3d_layers():
    macs = models.count_macs(on_meta("c3d"), models.input_shape("c3d"))
    mega = {name.removesuffix(".weight"): round(count / 1e6) for name, count in macs.items()}
    convs = {"conv1": 1040, "conv2": 11098, "conv3a": 5549, "conv3b": 11098}
    convs |= {"conv4a": 2775, "conv4b": 5549, "conv5a": 694, "conv5b": 694}
    assert mega == convs | {"fc6": 34, "fc7": 17, "fc8": 0}


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
    "r3d_18": ({"width": 8}, (1, 3, 8, 32, 32)),
    "mc3_18": ({"width": 8}, (1, 3, 8, 32, 32)),
    "s3d": ({"width": 8}, (1, 3, 8, 64, 64)),
    "s3d_ts1": ({"width": 8}, (1, 3, 8, 64, 64)),
    "s3d_torchvision": ({"width": 8}, (1, 3, 16, 224, 224)),
    "x3d_s": ({"width": 8, "depths": (2, 2, 2, 2)}, (1, 3, 4, 64, 64)),
    "movinet_a0": ({"depths": (1, 1, 1, 1, 2)}, (1, 3, 4, 64, 64)),
    "unet3d": ({"width": 8}, (1, 1, 16, 32, 32)),
    "meshnet": ({"width": 8}, (1, 1, 8, 12, 10)),
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
    assert y.shape == (1, 10, *shape[2:] * models.segments(name))
    assert torch.equal(y, y_again)
    assert not torch.equal(y, y_other)
    assert 0.1 < y.std() < 100


def test_unknown_names_say_what_is_known():
    with pytest.raises(ModelError, match=r"^unknown model 'c3'; did you mean 'c3d'\? \(known models: c3d, r2plus"):
        models.build("c3")
    with pytest.raises(ModelError, match=r"unknown model 'vgg'"):
        models.input_shape("vgg")


def test_a_unet_refuses_a_volume_that_does_not_halve():
    with pytest.raises(ModelError, match="a volume of 16x40x16: expected multiples of 16, for each stage halves it"):
        models.build("unet3d", width=4)(torch.zeros(1, 1, 16, 40, 16))


def test_c3d_refuses_a_clip_that_pools_to_nothing():
    with pytest.raises(ModelError, match=r"clip \(8, 112, 112\) is too small"):
        models.build("c3d", clip=(8, 112, 112))
