from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from rt3d_mlir.errors import ModelError, WeightError
from rt3d_mlir.sparsity import save_weights
from rt3d_mlir.training import open_model
from rt3d_mlir.training.model import load_checkpoint, numpy_weights

CLIP = (3, 16, 16, 16)


def test_a_zoo_model_fits_the_clips():
    model = open_model("c3d", 3, CLIP, width=4)
    with torch.no_grad():
        assert model(torch.zeros(2, *CLIP)).shape == (2, 3)
    again, other = (open_model("c3d", 3, CLIP, seed, 4) for seed in (0, 1))
    assert torch.equal(again.conv2.weight, model.conv2.weight)
    assert not torch.equal(other.conv2.weight, model.conv2.weight)


@pytest.mark.parametrize("name", ["unet3d", "meshnet"])
def test_a_zoo_model_that_segments(name: str):
    model = open_model(name, 3, (2, 16, 16, 32), width=4, label_shape=(16, 16, 32))
    with torch.no_grad():
        assert model.eval()(torch.zeros(1, 2, 16, 16, 32)).shape == (1, 3, 16, 16, 32)


def test_labels_that_do_not_suit_the_model():
    with pytest.raises(
        ModelError, match=r"expected logits of shape \(2, 3\); a net that segments is trained with a lab"
    ):
        open_model("meshnet", 3, CLIP)
    with pytest.raises(ModelError, match=r"c3d answers two clips with \(2, 3\), expected .* \(2, 3, 16, 16, 16\)$"):
        open_model("c3d", 3, CLIP, width=4, label_shape=CLIP[1:])
    with pytest.raises(
        ModelError, match="unet3d cannot take clips of 3x8x16x16: a volume of 8x16x16: expected multiples"
    ):
        open_model("unet3d", 3, (3, 8, 16, 16), label_shape=(8, 16, 16))


def test_a_factory_gets_what_it_takes():
    assert open_model("small:Plain", 3, (3, 4, 6, 6)).fc.weight.shape == (3, 16 * 4 * 6 * 6)
    assert open_model("small:Small", 4, (3, 4, 8, 8)).fc.weight.shape[0] == 4


def test_a_factorys_weights_are_the_seeds_and_no_random_state_is_touched():
    before = torch.get_rng_state()
    first, again, other = (open_model("small:Plain", 2, (3, 4, 8, 8), seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)


def wrong() -> object:
    return "model"


def two_classes() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 2))


def failing(num_classes: int) -> nn.Module:
    raise ValueError("no weights today")


@pytest.mark.parametrize(
    ("name", "shape", "width", "message"),
    [
        ("c3e", CLIP, None, "no model is called 'c3e'; known: c3d, .*did you mean 'c3d'"),
        ("c3d", (3, 8, 16, 16), None, "too small for C3D"),
        ("c3d", (2, 16, 16, 16), 4, "c3d cannot take clips of 2x16x16x16"),
        ("nowhere.at_all:f", CLIP, None, "nowhere.at_all:f cannot be imported: No module named 'nowhere'"),
        ("small:Smal", CLIP, None, "has no attribute 'Smal'; expected package.module:factory"),
        ("small:CLIP", CLIP, None, "small:CLIP is tuple, expected something to call"),
        ("small:Plain", (3, 4, 8, 8), 8, "small:Plain takes no width"),
        ("small:plain", (3, 5, 9, 9), None, "small:plain cannot take clips of 3x5x9x9"),
    ],
)
def test_models_that_do_not_go(name: str, shape: tuple[int, ...], width: int | None, message: str):
    with pytest.raises(ModelError, match=message):
        open_model(name, 2, shape, width=width)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (wrong, "gives str, expected a torch.nn.Module"),
        (two_classes, r"answers two clips with \(2, 2\), expected logits of shape \(2, 3\)"),
        (failing, "cannot be called with num_classes, clip: no weights today"),
    ],
)
def test_factories_that_do_not_go(monkeypatch: pytest.MonkeyPatch, factory: object, message: str):
    import small

    monkeypatch.setattr(small, "made", factory, raising=False)
    with pytest.raises(ModelError, match=message):
        open_model("small:made", 3, (3, 4, 8, 8))


def test_weights_go_out_and_in(tmp_path: Path):
    first, second = (open_model("small:Small", 2, (3, 4, 8, 8), seed) for seed in (0, 1))
    save_weights(tmp_path / "w.safetensors", numpy_weights(first))
    load_checkpoint(second, str(tmp_path / "w.safetensors"))
    for name, array in numpy_weights(first).items():
        np.testing.assert_array_equal(numpy_weights(second)[name], array)
    with pytest.raises(WeightError, match=r"w.safetensors: the model has no parameter 'bn1.bias'"):
        load_checkpoint(open_model("small:Plain", 2, (3, 4, 8, 8)), str(tmp_path / "w.safetensors"))


def test_a_zoo_model_that_takes_no_width(monkeypatch: pytest.MonkeyPatch):
    from rt3d_mlir import models

    def build(name: str, num_classes: int, seed: int, **options: object) -> nn.Module:
        raise TypeError("unexpected keyword argument 'width'")

    monkeypatch.setattr(models, "build", build)
    with pytest.raises(ModelError, match=r"c3d takes no width .*leave --width out"):
        open_model("c3d", 2, CLIP, width=4)
