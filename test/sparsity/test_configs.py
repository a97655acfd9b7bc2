import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch

from rt3d_mlir import models
from rt3d_mlir.errors import ConfigError, WeightError
from rt3d_mlir.sparsity import GroupSize, Sparsity, config_names, load_config, masks_for

# MACs left, in G, and dense / left, as the paper and its published ratios give them.
PUBLISHED = {
    "c3d-2.53x": (15.24, 2.529),
    "c3d-3.57x": (10.80, 3.569),
    "r2plus1d-2.25x": (18.00, 2.25),
    "r2plus1d-2.57x": (15.78, 2.568),
    "r2plus1d-2.74x": (14.78, 2.74),
    "r2plus1d-3.23x": (12.56, 3.227),
    "r2plus1d-3.51x": (11.56, 3.51),
    "s3d-2.10x": (11.70, 2.096),
}
# S3D's ratios on its other forms, and 0.7 everywhere where no ratios were published.
DERIVED = {
    "s3d-ts1-1.78x": (22.354, 1.7765),
    "s3d-torchvision-1.84x": (9.771, 1.840),
    "r3d-uniform-3.07x": (13.263, 3.068),
    "mc3-uniform-3.05x": (14.210, 3.050),
    "unet3d-uniform-3.00x": (19.674, 3.003),
    "meshnet-uniform-2.96x": (3.713, 2.962),
}
RATES = PUBLISHED | DERIVED
MODELS = {
    "c3d": models.C3D,
    "r2plus1d_18": models.R2Plus1D,
    "r3d_18": models.R3D,
    "mc3_18": models.MC3,
    "s3d": models.S3D,
    "s3d_ts1": partial(models.S3D, time_stride=1),
    "s3d_torchvision": partial(models.S3D, torchvision=True),
    "unet3d": models.UNet3D,
    "meshnet": models.MeshNet,
}


def on_meta(name):
    """The model's parameter shapes and MACs by layer, without its weights."""
    with torch.device("meta"):
        model = MODELS[name]()
    shapes = {layer: tuple(weight.shape) for layer, weight in model.named_parameters()}
    return shapes, models.count_macs(model, models.input_shape(name))


def message(function, *arguments):
    with pytest.raises(ConfigError) as caught:
        function(*arguments)
    return str(caught.value)


def test_the_shipped_names():
    assert config_names() == sorted(RATES)


@pytest.mark.parametrize("name", RATES)
def test_the_mac_rate_is_the_published_one(name):
    config = load_config(name)
    _, macs = on_meta(config.model)
    left = sum(count * (1 - config.ratios.get(layer, 0)) for layer, count in macs.items())
    rate = sum(macs.values()) / left
    published_left, published_rate = RATES[name]
    assert config.ratios.keys() <= macs.keys()
    assert left / 1e9 == pytest.approx(published_left, abs=0.005)
    assert rate == pytest.approx(published_rate, abs=0.0005 if published_rate not in (2.25, 2.74, 3.51) else 0.005)
    assert config.mac_rate == round(rate, 3)
    assert config.name == name
    assert name.endswith(f"-{rate:.2f}x")


def test_a_uniform_configuration_leaves_only_stem_shortcuts_and_classifier_dense():
    for name in ("r3d-uniform-3.07x", "mc3-uniform-3.05x"):
        config = load_config(name)
        _, macs = on_meta(config.model)
        dense = [layer for layer in macs if layer not in config.ratios]
        assert dense == ["stem.0.weight", *(f"layer{n}.0.downsample.0.weight" for n in (2, 3, 4)), "fc.weight"]
        assert set(config.ratios.values()) == {0.7}


def test_the_nets_that_segment_keep_first_conv_and_head():
    for name in ("unet3d-uniform-3.00x", "meshnet-uniform-2.96x"):
        config = load_config(name)
        _, macs = on_meta(config.model)
        _, *inner, _ = macs
        assert list(config.ratios) == inner
        assert set(config.ratios.values()) == {0.67}


@pytest.mark.parametrize("name", ["c3d-2.53x", "c3d-3.57x", "r2plus1d-3.23x", "unet3d-uniform-3.00x"])
def test_magnitude_masks_give_the_mac_rate(name):
    config, group = load_config(name), GroupSize(8, 4)
    shapes, macs = on_meta(config.model)
    rng = np.random.default_rng(0)
    weights = {layer: rng.standard_normal(shapes[layer], np.float32) for layer in config.ratios}
    masks = masks_for(config, weights, group, transposed=[layer for layer in weights if "transpconv" in layer])
    kept = {layer: masks.kept_share(layer) for layer in masks.masks}
    left = sum(count * kept.get(layer, 1.0) for layer, count in macs.items())
    assert sum(macs.values()) / left == pytest.approx(config.mac_rate, rel=0.005)


def test_masks_carry_names_shapes_and_pattern(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: 0.5\nb: 0")
    blocks = np.kron([[4, 1], [2, 2]], np.ones((2, 2))).reshape(4, 4, 1, 1, 1)
    weights = dict.fromkeys(("a", "b", "c"), blocks)
    masks = masks_for(load_config(path), weights, GroupSize(2, 2), Sparsity.FILTER)
    assert masks.shapes == {"a": (4, 4, 1, 1, 1), "b": (4, 4, 1, 1, 1)}
    assert masks.sparsity == "filter"
    assert masks.masks["a"][..., 0, 0, 0].tolist() == [[True, True], [False, False]]
    assert masks.masks["b"].all()


def test_groups_of_transposed_layers_are_filters_by_channels(tmp_path):
    """Weights [N, M, ...]: with M = 4 filters of N = 2 channels, groups of 2x2 are two pairs of filters."""
    path = tmp_path / "mine.yaml"
    path.write_text("a: 0.5")
    weight = np.array([[1.0, 4, 1, 1], [1, 1, 1, 1]]).reshape(2, 4, 1, 1, 1)  # filter 1 of channel 0 is strong
    masks = masks_for(load_config(path), {"a": weight}, GroupSize(2, 2), transposed=["a", "elsewhere"])
    assert (masks.transposed, masks.shapes) == ({"a"}, {"a": (2, 4, 1, 1, 1)})
    assert masks.masks["a"].ravel().tolist() == [True, False]
    assert masks.keeps("a")[..., 0, 0, 0].tolist() == [[True, True, False, False]] * 2


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("bare.yaml", "conv2.weight: 0.85"),
        ("bare.json", '{"conv2.weight": 0.85}'),
        ("published.yml", "prune_ratios:\n  # conv1.weight: 0.5\n  conv2.weight: 0.85"),
        ("full.yaml", "name: mine\nmodel: c3d\nsource: me\nmac_rate: 2\nratios: {conv2.weight: 0.85}"),
    ],
)
def test_the_forms_of_a_file(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    config = load_config(str(tmp_path / file))
    assert config.ratios == {"conv2.weight": 0.85}
    if file == "full.yaml":
        assert (config.name, config.model, config.source, config.mac_rate) == ("mine", "c3d", "me", 2)
    else:
        stem = file.partition(".")[0]
        assert (config.name, config.model, config.mac_rate) == (stem, None, None)
        assert config.source == str(tmp_path / file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a mapping of layer names to ratios, as in 'conv2.weight: 0.85'"),
        ("- conv2.weight", "expected a mapping of layer names to ratios, as in 'conv2.weight: 0.85'"),
        ("3: 0.5", "expected a mapping of layer names to ratios, as in 'conv2.weight: 0.85'"),
        ("{}", "c: no ratios: expected at least one layer, as in 'conv2.weight: 0.85'"),
        ("a: 1.0", "c: a: ratio 1.0: expected the fraction to remove, 0 <= ratio < 1"),
        ("a: -0.1", "c: a: ratio -0.1: expected the fraction to remove, 0 <= ratio < 1"),
        ("a: .nan", "c: a: ratio nan: expected the fraction to remove, 0 <= ratio < 1"),
        ("a: true", "c: a: ratio True: expected the fraction to remove, 0 <= ratio < 1"),
        ("a: 85%", "c: a: ratio '85%': expected the fraction to remove, 0 <= ratio < 1"),
        ("prune_ratios: [1]", "ratios [1]: expected a mapping of layer names to ratios"),
        ("prune_ratios: {1: 0.5}", "ratios {1: 0.5}: expected a mapping of layer names to ratios"),
        ("ratios: {a: 0.5}\nmac_rate: high", "mac_rate 'high': expected a number"),
        ("ratios: {a: 0.5}\nmodel: 3", "model 3: expected a model's name"),
        (
            "ratios: {a: 0.5}\nmodell: c3d",
            "unknown key 'modell': expected name, model, source, mac_rate, ratios; did you mean 'model'?",
        ),
        (
            "prune_ratios: {a: 0.5}\ngroup: 8x4",
            "unknown key 'group': expected prune_ratios",
        ),
    ],
)
def test_files_that_are_refused(tmp_path, text, expected):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    assert message(load_config, path) == f"{path}: {expected}"


def test_missing_and_damaged_files(tmp_path):
    path = tmp_path / "c.yaml"
    assert message(load_config, path) == f"{path}: cannot be read: No such file or directory"
    path.write_text("a: [")
    assert message(load_config, path).startswith(f"{path}: not valid yaml: while parsing")
    path.write_bytes(b"a: \xff")
    assert message(load_config, path).startswith(f"{path}: not valid yaml: 'utf-8' codec")
    (tmp_path / "c.json").write_text("{'a': 1}")
    assert message(load_config, tmp_path / "c.json").startswith(f"{tmp_path}/c.json: not valid json: Expecting")


def test_an_unknown_name():
    assert message(load_config, "c3d-3.6x") == (
        "no shipped configuration 'c3d-3.6x': expected a path that ends in .json, .yaml, .yml, "
        f"or one of {', '.join(config_names())}; did you mean 'c3d-3.57x'?"
    )


def test_a_layer_that_the_model_lacks():
    weights = {"conv2.weight": np.ones((4, 4)), "conv3a.wight": np.ones((4, 4))}
    assert message(masks_for, load_config("c3d-2.53x"), weights, GroupSize(2, 2)) == (
        "c3d-2.53x: no layer 'conv3a.weight' in the model: expected a parameter's name, "
        "as in 'conv2.weight'; did you mean 'conv3a.wight'?"
    )


def test_weights_that_are_not_finite_are_named():
    weights = {layer: np.ones((4, 4)) for layer in load_config("c3d-2.53x").ratios}
    weights["conv3a.weight"][0, 0] = np.nan
    with pytest.raises(WeightError, match=r"^conv3a\.weight: 1 of 16 weights are NaN or infinite"):
        masks_for(load_config("c3d-2.53x"), weights, GroupSize(2, 2))


def test_the_package_does_not_import_torch():
    code = "import sys, rt3d_mlir.sparsity; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_old_name_of_ratios_warns():
    with pytest.warns(DeprecationWarning, match=r"rt3d_mlir\.sparsity\.PruneConfig is PruneRatios now"):
        from rt3d_mlir.sparsity import PruneConfig
    assert isinstance(load_config("c3d-3.57x"), PruneConfig)
