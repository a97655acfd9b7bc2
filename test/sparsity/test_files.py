import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from rt3d_mlir.errors import MaskError, WeightError
from rt3d_mlir.sparsity import (
    GroupSize,
    MaskSet,
    check_finite,
    load_masks,
    load_weights,
    magnitude_mask,
    save_masks,
    save_weights,
)

AGAIN = "; write the masks again with save_masks"
METADATA = {
    "format": "rt3d-masks",
    "version": "1",
    "group": "2x2",
    "sparsity": "kgs",
    "layers": json.dumps({"conv2.weight": [4, 4, 1, 1, 1]}),
}
BITS = np.ones((2, 2, 1, 1, 1), np.uint8)


@pytest.fixture
def masks():
    rng = np.random.default_rng(0)
    weights = {
        f"conv{i}.weight": rng.standard_normal(shape)
        for i, shape in enumerate([(9, 5, 3, 3, 3), (16, 8, 1, 3, 3), (4, 4)])
    }
    group = GroupSize(8, 4)
    return MaskSet(
        group,
        "kgs",
        {name: magnitude_mask(weight, group, 0.6) for name, weight in weights.items()},
        {name: weight.shape for name, weight in weights.items()},
    )


def message(error, function, *arguments):
    with pytest.raises(error) as caught:
        function(*arguments)
    return str(caught.value)


def test_masks_come_back(tmp_path, masks):
    path = tmp_path / "masks.safetensors"
    save_masks(path, masks)
    loaded = load_masks(path)
    assert (loaded.group, loaded.sparsity, loaded.shapes) == (masks.group, "kgs", masks.shapes)
    assert loaded.masks.keys() == masks.masks.keys()
    for name, mask in masks.masks.items():
        assert loaded.masks[name].dtype == np.bool_
        assert np.array_equal(loaded.masks[name], mask)


def test_an_empty_mask_set_comes_back(tmp_path):
    save_masks(tmp_path / "none", MaskSet(GroupSize(8, 4), "filter", {}, {}))
    assert load_masks(str(tmp_path / "none")).masks == {}


def test_transposed_layers_come_back(tmp_path, masks):
    path = tmp_path / "masks"
    save_masks(path, masks)
    assert b'"version":"1"' in path.read_bytes()
    assert b"transposed" not in path.read_bytes()
    turned = MaskSet(
        GroupSize(8, 4),
        "kgs",
        {"up.weight": np.ones((2, 2, 1, 2, 2), bool)},
        {"up.weight": (5, 9, 1, 2, 2)},
        {"up.weight"},
    )
    save_masks(path, turned)
    assert b'"version":"2"' in path.read_bytes()  # which older readers refuse
    loaded = load_masks(path)
    assert (loaded.transposed, loaded.shapes) == (turned.transposed, turned.shapes)


def test_equal_masks_give_equal_bytes(tmp_path, masks):
    turned = MaskSet(masks.group, "kgs", dict(reversed(masks.masks.items())), dict(reversed(masks.shapes.items())))
    for i, mask_set in enumerate([masks, turned] * 5):
        save_masks(tmp_path / str(i), mask_set)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert len(list(tmp_path.iterdir())) == 10  # no temporary file is left


def test_a_failed_write_leaves_the_old_file(tmp_path, masks, monkeypatch):
    path = tmp_path / "masks"
    path.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    monkeypatch.setattr(os, "replace", fail)
    text = message(MaskError, save_masks, path, masks)
    assert text == f"{path}: cannot be written: [Errno 28] No space left on device"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path, masks):
    assert message(MaskError, save_masks, tmp_path / "no" / "masks", masks).startswith(
        f"{tmp_path}/no/masks: cannot be written: [Errno 2] No such file or directory"
    )


@pytest.mark.parametrize(("load", "error"), [(load_masks, MaskError), (load_weights, WeightError)])
def test_missing_and_damaged_files(tmp_path, masks, load, error):
    path = tmp_path / "file"
    assert message(error, load, path) == f"{path}: no such file"
    save_masks(path, masks)
    whole = path.read_bytes()
    for damaged in (
        b"",
        b"PK\x03\x04 a pickle",
        whole[:5],
        whole[:-1],
        whole[: len(whole) // 2],
        whole + b"\0",
    ):
        path.write_bytes(damaged)
        text = message(error, load, path)
        assert text.startswith(f"{path}: not a complete safetensors file (")
        assert text.endswith("); copy or save it again")


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (
            {},
            "metadata says format None, version None: expected 'rt3d-masks', version '1' or '2'",
        ),
        (
            {**METADATA, "version": "3"},
            "metadata says format 'rt3d-masks', version '3': expected 'rt3d-masks', version '1' or '2'",
        ),
        (
            {**METADATA, "version": "2", "transposed": "conv2.weight"},
            "transposed 'conv2.weight': expected JSON, a list of layer names",
        ),
        (
            {**METADATA, "version": "2", "transposed": "[2]"},
            "transposed '[2]': expected JSON, a list of layer names",
        ),
        (
            {**METADATA, "version": "2", "transposed": '["conv3.weight"]'},
            "conv3.weight: transposed, but without a mask: expected names of masked layers",
        ),
        (
            {**METADATA, "group": "2"},
            "group size '2': expected <filters>x<input channels>, as in 8x4",
        ),
        (
            {**METADATA, "sparsity": "csr"},
            "sparsity 'csr': expected kgs, vanilla, filter",
        ),
        (
            {**METADATA, "layers": "[4, 4]"},
            "layers '[4, 4]': expected JSON, layer name -> weight shape",
        ),
        (
            {**METADATA, "layers": '{"conv2.weight": ["4", "4"]}'},
            'layers \'{"conv2.weight": ["4", "4"]}\': expected JSON, layer name -> weight shape',
        ),
        (
            {**METADATA, "layers": '{"conv2.weight": [4'},
            "layers '{\"conv2.weight\": [4': expected JSON, layer name -> weight shape",
        ),
        (
            {**METADATA, "layers": "{}"},
            "conv2.weight: expected a mask and a weight shape for every layer, saw one",
        ),
        (
            {**METADATA, "layers": '{"conv2.weight": [4]}'},
            "conv2.weight: weights of shape (4,) cannot be cut into groups: "
            "expected [M, N, Kd, Kh, Kw], [M, N, Kh, Kw] or [M, N], all at least 1",
        ),
        (
            {**METADATA, "group": "4x2"},
            "conv2.weight: mask of shape (2, 2, 1, 1, 1) does not fit weights of shape (4, 4, 1, 1, 1) "
            "in groups of 4x2: expected (1, 2, 1, 1, 1)",
        ),
    ],
)
def test_wrong_metadata(tmp_path, metadata, expected):
    path = tmp_path / "masks"
    save_file({"conv2.weight": BITS}, path, metadata)
    assert message(MaskError, load_masks, path) == f"{path}: {expected}{AGAIN}"


@pytest.mark.parametrize(
    ("tensor", "seen"),
    [(BITS * 7, "uint8 tensor with values up to 7"), (BITS * 0.5, "float64 tensor with values up to 0.5")],
)
def test_a_tensor_that_is_no_mask(tmp_path, tensor, seen):
    path = tmp_path / "masks"
    save_file({"conv2.weight": tensor}, path, METADATA)
    assert message(MaskError, load_masks, path) == f"{path}: conv2.weight: {seen}: expected uint8, 0 or 1{AGAIN}"


def test_weights_come_back(tmp_path):
    weights = {
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "half": np.ones((2, 2), np.float16),
        "scalar": np.array(3, np.int64),
    }
    save_weights(tmp_path / "w", weights)
    loaded = load_weights(tmp_path / "w")
    assert list(loaded) == sorted(weights)
    for name, weight in weights.items():
        assert (loaded[name].dtype, loaded[name].shape) == (weight.dtype, weight.shape)
        assert np.array_equal(loaded[name], weight)


def test_a_type_that_numpy_lacks(tmp_path):
    header = json.dumps({"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "w"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    text = message(WeightError, load_weights, path)
    assert text.startswith(f"{path}: ")
    assert text.endswith("; save the tensors as float32")


def test_a_type_that_safetensors_lacks(tmp_path):
    text = message(WeightError, save_weights, tmp_path / "w", {"a": np.ones(2, object)})
    assert text.startswith(f'{tmp_path}/w: cannot be written: Unknown dtype "object"')


def test_weights_that_are_not_finite():
    check_finite({"ok": np.ones((2, 2)), "counter": np.array(3)})
    bad = np.array([1, np.nan, np.inf, -np.inf])
    assert message(WeightError, check_finite, {"ok": np.ones(2), "conv2.weight": bad}) == (
        "conv2.weight: 3 of 4 weights are NaN or infinite: expected finite numbers; "
        "use a checkpoint from before the training diverged"
    )
