import json
from pathlib import Path

import numpy as np
import pytest

from rt3d_mlir.errors import ArtifactError
from rt3d_mlir.sparsity import GroupSize, save_weights, tensor_file
from rt3d_mlir.sparsity.kept_file import Kept, load_kept, save_kept

RNG = np.random.default_rng(0)
LAYERS = {
    "conv2": Kept(GroupSize(8, 4), RNG.random((3, 5, 3, 3, 3)) < 0.3),
    "fc": Kept(GroupSize(4, 1), RNG.random((2, 7, 1, 1, 1)) < 0.5),
}


def test_round_trip(tmp_path: Path):
    save_kept(tmp_path / "kept", LAYERS)
    seen = load_kept(tmp_path / "kept")
    assert list(seen) == ["conv2", "fc"]
    for name, kept in LAYERS.items():
        assert seen[name].group == kept.group
        np.testing.assert_array_equal(seen[name].mask, kept.mask, strict=True)


def test_the_same_blocks_are_the_same_bytes(tmp_path: Path):
    for i in range(5):
        save_kept(tmp_path / str(i), dict(sorted(LAYERS.items(), reverse=bool(i % 2))))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_eight_blocks_are_a_byte(tmp_path: Path):
    save_kept(tmp_path / "kept", {"conv": Kept(GroupSize(8, 4), np.ones((64, 64, 3, 3, 3), np.bool_))})
    assert (tmp_path / "kept").stat().st_size < 64 * 64 * 27 / 8 + 300


def test_another_kind_of_file(tmp_path: Path):
    save_weights(tmp_path / "weights", {"conv": np.ones(3, np.float32)})
    with pytest.raises(ArtifactError, match="format None, version None: expected 'rt3d-kept', version '1'; compile"):
        load_kept(tmp_path / "weights")
    with pytest.raises(ArtifactError, match="no such file"):
        load_kept(tmp_path / "none")


@pytest.mark.parametrize(
    "layers",
    [
        "{",
        "{}",
        json.dumps({"conv": {"group": "8x4", "shape": [1, 1, 3, 3, 9]}}),
        json.dumps({"conv": {"group": "8x4", "shape": [3, 3]}}),
        json.dumps({"conv": {"group": "wide", "shape": [1, 1, 1, 3, 3]}}),
        json.dumps({"conv": {"shape": [1, 1, 1, 3, 3]}}),
        json.dumps({"conv": 3}),
    ],
)
def test_layers_that_do_not_fit_the_tensors(tmp_path: Path, layers: str):
    metadata = {"format": "rt3d-kept", "version": "1", "layers": layers}
    tensor_file.write(tmp_path / "kept", {"conv": np.zeros(2, np.uint8)}, metadata, ArtifactError)
    with pytest.raises(ArtifactError, match="layers and tensors do not fit each other"):
        load_kept(tmp_path / "kept")
