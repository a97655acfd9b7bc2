from pathlib import Path

import numpy as np
import pytest
import small
import torch

from rt3d_mlir.errors import DataError
from rt3d_mlir.training.data import Transform, load_clips


def test_an_npz(tmp_path: Path):
    data = load_clips(small.save_npz(tmp_path / "c.npz"))
    assert (data.name, data.classes, data.shape) == ("c.npz", ["0", "1"], small.CLIP)
    assert (data.train_size, data.test_size) == (24, 12)
    ((clips, labels),) = data.train_batches([np.array([3, 0])], (0,))
    made = small.arrays()
    assert (clips.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert labels.tolist() == [1, 0]
    np.testing.assert_allclose(clips, made["x_train"][[3, 0]] / 255, rtol=1e-6)
    ((clips, _),) = data.test_batches([np.arange(12)])
    np.testing.assert_allclose(clips, made["x_test"] / 255, rtol=1e-6)


def test_labels_by_position(tmp_path: Path):
    made = small.volumes()
    data = load_clips(small.save_npz(tmp_path / "c.npz", **made))
    assert (data.label_shape, data.classes) == (small.CLIP[1:], ["0", "1"])
    ((_, labels),) = data.train_batches([np.array([3, 0])], (0,))
    assert labels.dtype == torch.int64
    np.testing.assert_array_equal(labels, made["y_train"][[3, 0]])
    assert load_clips(small.save_npz(tmp_path / "one.npz")).label_shape == ()


def test_log1p(tmp_path: Path):
    data = load_clips(small.save_npz(tmp_path / "c.npz"), transform=Transform.LOG1P)
    ((clips, _),) = data.train_batches([np.arange(4)], (0,))
    np.testing.assert_allclose(clips, np.log1p(small.arrays()["x_train"][:4].astype(float)), rtol=1e-5)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_are_taken_as_they_are(tmp_path: Path, kind: type):
    made = {key: array.astype(kind) for key, array in small.arrays().items() if key.startswith("x")}
    path = small.save_npz(tmp_path / "c.npz", **made)
    ((clips, _),) = load_clips(path).train_batches([np.arange(24)], (0,))
    assert clips.dtype == torch.float32
    np.testing.assert_array_equal(clips, made["x_train"].astype(np.float32))
    with pytest.raises(DataError, match=r"c.npz: the input transform log1p is for uint8 clips, these are float"):
        load_clips(path, transform=Transform.LOG1P)


x = small.arrays()["x_train"]
y = small.arrays()["y_train"]


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"x_train": x[:, 0]}, r"x_train has shape \(24, 4, 8, 8\): expected \(N, channels, frames, height, width\)"),
        ({"x_train": x.astype(np.int32)}, "x_train is int32: expected uint8 or float"),
        ({"x_train": x.astype(np.float32)}, r"x_train holds float32 clips .* x_test uint8"),
        ({"x_test": x[:12, :, :2]}, r"x_train holds uint8 clips of \(3, 4, 8, 8\), x_test uint8 of \(3, 2, 8, 8\)"),
        ({"y_train": y[:-1]}, r"x_train has 24 clips, but y_train is int64 of shape \(23,\)"),
        ({"y_test": np.zeros(12)}, "y_test is float64 of shape"),
        ({"y_train": np.zeros((24, 4, 8), int)}, r"expected one whole number a clip, or \(24, 4, 8, 8\) of them"),
        (
            {"y_train": small.volumes()["y_train"]},
            r"y_train is of shape \(24, 4, 8, 8\), y_test of \(12,\): expected a",
        ),
        ({"y_train": y * 0, "y_test": np.zeros(12, int)}, "all 24 training clips are of class 0"),
        ({"x_train": x[:0], "y_train": y[:0]}, "has no training clips"),
        ({"x_test": x[:0], "y_test": y[:0]}, "has no test clips"),
    ],
)
def test_what_cannot_be_trained_on(tmp_path: Path, replaced: dict[str, np.ndarray], message: str):
    with pytest.raises(DataError, match=f"^c.npz.*{message}"):
        load_clips(small.save_npz(tmp_path / "c.npz", **replaced))


def test_nan(tmp_path: Path):
    bad = {"x_train": x.astype(np.float32), "x_test": small.arrays()["x_test"].astype(np.float32)}
    bad["x_train"][3, 0, 0, 0, 0] = np.nan
    with pytest.raises(DataError, match="x_train holds NaN or infinite values"):
        load_clips(small.save_npz(tmp_path / "c.npz", **bad))


def test_no_file(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        load_clips(tmp_path / "c.npz")


def test_an_array_is_missing(tmp_path: Path):
    np.savez(tmp_path / "c.npz", x_train=x, labels=y)
    with pytest.raises(DataError, match=r"has no array y_train: expected .*; it has x_train, labels"):
        load_clips(tmp_path / "c.npz")


def test_cut_short(tmp_path: Path):
    path = small.save_npz(tmp_path / "c.npz")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError, match=r"not a complete .npz of plain arrays"):
        load_clips(path)


def test_pickles_are_refused(tmp_path: Path):
    path = small.save_npz(tmp_path / "c.npz", y_train=np.array([{}] * 24, object))
    with pytest.raises(DataError, match=r"not a complete .npz of plain arrays"):
        load_clips(path)
