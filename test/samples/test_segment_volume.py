"""The sample on a network that tells positive numbers from negative ones, and the heads that it draws."""

from pathlib import Path

import numpy as np
import phantom
import pytest
import segment_volume
import tiny


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.signs(tmp_path_factory.mktemp("artifacts") / "signs")


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(3).standard_normal((5, 6, 9)).astype(np.float32)


def run(*argv: object) -> int:
    return segment_volume.main([str(word) for word in argv])


def test_an_array(signs: Path, volume: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "v.npy", volume)
    np.save(tmp_path / "truth.npy", (volume > 0).astype(np.int16))
    options = ("--raw", "--truth", tmp_path / "truth.npy", "--picture", tmp_path / "p.png", "--threads", 1)
    assert run(signs, tmp_path / "v.npy", "-o", tmp_path / "out.npy", *options) == 0
    labels = np.load(tmp_path / "out.npy")
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, volume > 0)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "5x6x9 voxels in windows of 4x4x4: " in out
    assert f"class 1: {np.mean(volume > 0):6.1%} of the voxels, Dice 1.000" in out


def test_intensities_are_brought_to_one_scale(signs: Path, volume: np.ndarray, tmp_path: Path):
    scan = (1000 + 50 * volume).astype(np.int16)  # all of it positive
    np.save(tmp_path / "v.npy", scan)
    assert run(signs, tmp_path / "v.npy", "-o", tmp_path / "out.npy", "--mode", "constant") == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), scan > scan.mean())


def test_nifti_keeps_its_affine(signs: Path, volume: np.ndarray, tmp_path: Path):
    nibabel = pytest.importorskip("nibabel")
    affine = np.array([[2.0, 0, 0, -10], [0, 0, 3, 4], [0, -1, 0, 7], [0, 0, 0, 1]])
    for name, array in (("v.nii.gz", volume), ("c.nii", volume[..., np.newaxis])):
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / name)
        assert run(signs, tmp_path / name, "-o", tmp_path / f"out-{name}", "--raw") == 0
        written = nibabel.load(tmp_path / f"out-{name}")
        np.testing.assert_array_equal(written.affine, affine)
        assert written.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(np.asanyarray(written.dataobj), volume > 0)


def test_mistakes(signs: Path, volume: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "v.npy", volume)
    np.save(tmp_path / "flat.npy", volume[0])
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    out = tmp_path / "out.npy"
    for argv, message in (
        ((tmp_path / "v.mgz", "-o", out), "v.mgz: expected a name that ends in .nii, .nii.gz or .npy"),
        (
            (tmp_path / "v.npy", "-o", tmp_path / "out.png"),
            "out.png: expected a name that ends in .nii, .nii.gz or .npy",
        ),
        ((tmp_path / "none.npy", "-o", out), "none.npy cannot be read as .npy: "),
        ((tmp_path / "pickled.npy", "-o", out), "pickled.npy cannot be read as .npy: "),
        (
            (tmp_path / "flat.npy", "-o", out),
            "flat.npy holds float32 of shape (6, 9); expected numbers DxHxW or CxDxHxW",
        ),
        ((tmp_path / "v.npy", "-o", out, "--truth", tmp_path / "t.npy"), "t.npy has (5, 6, 4) voxels, "),
        ((tmp_path / "v.npy", "-o", out, "--overlap", 1.5), "overlap 1.5: expected the share of a window"),
    ):
        np.save(tmp_path / "t.npy", np.zeros((5, 6, 4), np.uint8))
        assert run(signs, *argv) == 1
        assert message in capsys.readouterr().err
        assert not out.exists()


def test_a_head():
    volume, labels = phantom.draw_head((40, 44, 36), 5)
    assert (volume.shape, volume.dtype) == ((1, 40, 44, 36), np.float32)
    assert volume.mean() == pytest.approx(0, abs=1e-5)
    assert volume.std() == pytest.approx(1, abs=1e-4)
    shares = np.bincount(labels.ravel()) / labels.size
    assert len(shares) == len(phantom.CLASSES)
    assert shares.min() > 0.02
    np.testing.assert_array_equal(phantom.draw_head((40, 44, 36), 5)[0], volume)
    means = [volume[0][labels == number].mean() for number in range(4)]
    assert means[2] > means[1] > means[3]


def test_patches():
    volumes, labels = phantom.patches(range(1, 2))
    assert volumes.shape == (8, 1, 32, 32, 32)
    assert labels.shape == (8, 32, 32, 32)
    assert labels.dtype == np.uint8
