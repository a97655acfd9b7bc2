"""Volumes in windows: beside MONAI's inferer, and by hand."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny
from elsewhere import environment

from rt3d_mlir.errors import ConfigError, InputError
from rt3d_mlir.runtime import load, run_in_windows
from rt3d_mlir.runtime.artifact import TensorSpec
from rt3d_mlir.runtime.volumes import importance_map, window_starts


class Fake:
    """A network that was never compiled: what is asked of a Module."""

    def __init__(
        self, takes: tuple[int, ...], gives: int, run: Callable[[np.ndarray], np.ndarray], dtype: str = "float32"
    ):
        self.inputs = [TensorSpec("x", takes, dtype)]
        self.manifest = SimpleNamespace(outputs=[TensorSpec("y", (takes[0], gives, *takes[2:]), "float32")])
        self.calls: list[np.ndarray] = []
        self._run = run

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        spec = self.inputs[0]
        assert (windows.shape, windows.dtype) == (spec.shape, spec.dtype)
        self.calls.append(windows.copy())
        return self._run(windows)


def same(takes: tuple[int, ...], **options: Any) -> Any:
    """A network that gives what it takes."""
    return Fake(takes, takes[1], lambda x: x.astype(np.float32), **options)


#: Volume, window, options: uneven sizes, each mode, smaller than a window on one axis and on all, overlaps by axis.
CASES: dict[str, tuple[tuple[int, ...], tuple[int, int, int], dict[str, Any]]] = {
    "plain": ((1, 1, 20, 17, 23), (8, 8, 8), {}),
    "gaussian": ((2, 2, 20, 17, 23), (8, 6, 10), {"mode": "gaussian", "overlap": 0.5, "batch": 4}),
    "wide": ((1, 1, 12, 30, 9), (16, 16, 16), {"mode": "gaussian", "overlap": [0.6, 0.25, 0.9], "cval": -1.5}),
    "small": ((1, 3, 3, 4, 5), (8, 7, 5), {"mode": "gaussian", "sigma_scale": 0.05, "batch": 3}),
    "dense": ((1, 1, 9, 9, 9), (4, 4, 4), {"overlap": 0.99, "batch": 7}),
    "sigmas": ((1, 1, 12, 11, 13), (6, 5, 4), {"mode": "gaussian", "sigma_scale": [0.1, 0.2, 0.6], "overlap": 0.3}),
}


@pytest.fixture(scope="module")
def monai(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with MONAI's answers, all made in one process. Skips where it is missing; fails instead under CI."""
    if not environment.PYTHON.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no build/nets: `make build/nets/.ready` makes it")
    folder, rng = tmp_path_factory.mktemp("monai"), np.random.default_rng(0)
    cases = {}
    for name, (shape, window, options) in CASES.items():
        np.save(folder / f"{name}.npy", rng.standard_normal(shape, np.float32))
        np.save(folder / f"{name}-ramp.npy", rng.standard_normal(window, np.float32))
        cases[name] = {"window": window, "batch": 1, "mode": "constant", "sigma_scale": 0.125, **options}
    (folder / "cases.json").write_text(json.dumps(cases))
    script = Path(__file__).with_name("monai_windows.py")
    done = subprocess.run([environment.PYTHON, script, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_monais(monai: Path, name: str):
    volume, ramp, wanted = (np.load(monai / f"{name}{end}.npy") for end in ("", "-ramp", "-monai"))
    _, window, options = CASES[name]
    asked = {key: value for key, value in options.items() if key != "batch"}
    channels = volume.shape[1]

    def net(x: np.ndarray) -> np.ndarray:
        return np.concatenate([x * ramp, np.square(x).sum(1, keepdims=True) + ramp], 1)

    fake: Any = Fake((options.get("batch", 1), channels, *window), channels + 1, net)
    np.testing.assert_allclose(run_in_windows(fake, volume, **asked), wanted, rtol=1e-5, atol=2e-6)
    weights = importance_map(window, options.get("mode", "constant"), options.get("sigma_scale", 0.125))
    np.testing.assert_allclose(weights, np.load(monai / f"{name}-weights.npy"), rtol=1e-6)
    if len(volume) == 1:
        np.testing.assert_array_equal(
            run_in_windows(fake, volume[0], **asked), run_in_windows(fake, volume, **asked)[0]
        )


def test_where_windows_begin():
    assert window_starts(10, 4, 0) == [0, 4, 6]
    assert window_starts(10, 4, 0.25) == [0, 3, 6]
    assert window_starts(10, 4, 0.99) == [0, 1, 2, 3, 4, 5, 6]
    assert window_starts(4, 4, 0.5) == window_starts(3, 4, 0.5) == [0]


def test_windows_are_read_in_order_and_the_last_call_is_filled_up():
    volume = np.arange(2 * 6 * 4 * 4, dtype=np.float32).reshape(2, 1, 6, 4, 4)
    net, seen = same((4, 1, 4, 4, 2)), []
    np.testing.assert_array_equal(run_in_windows(net, volume, 0, progress=lambda *at: seen.append(at)), volume)
    assert seen == [(4, 8), (8, 8)]
    first, second = net.calls
    np.testing.assert_array_equal(first[1], volume[0, :, :4, :, 2:])
    np.testing.assert_array_equal(first[3], volume[0, :, 2:, :, 2:])
    np.testing.assert_array_equal(second[0], volume[1, :, :4, :, :2])
    run_in_windows(odd := same((3, 1, 4, 4, 4)), volume, 0)
    assert [call.any(axis=(1, 2, 3, 4)).tolist() for call in odd.calls] == [[True] * 3, [True, False, False]]


def test_a_volume_on_the_disk_is_read_in_windows(tmp_path: Path):
    np.save(tmp_path / "v.npy", np.arange(5 * 6 * 7, dtype=np.int16).reshape(1, 5, 6, 7))
    volume = np.load(tmp_path / "v.npy", mmap_mode="r")
    answer = run_in_windows(same((1, 1, 4, 4, 4)), volume, 0.5, "gaussian")
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, volume, rtol=1e-5)


def test_a_compiled_network_that_does_not_answer_in_windows(tmp_path: Path):
    with pytest.raises(
        InputError, match=r"takes 1x3x4x8x8 float32 and gives 1x5 float32; expected windows BxCxDxHxW, a"
    ):
        run_in_windows(load(tiny.scores(tmp_path / "scores")), np.zeros((3, 8, 8, 8), np.float32))


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (np.zeros((4, 4, 4)), r"^a volume of 4x4x4 float64; expected an array 2xDxHxW, or Nx2xDxHxW of several$"),
        (np.zeros((1, 4, 4, 4)), "a volume of 1x4x4x4 float64; expected an array 2xDxHxW"),
        (np.zeros((2, 0, 4, 4)), "a volume of 2x0x4x4 float64; expected"),
        ([[1.0]], "a volume of 1x1 list; expected"),
        (
            np.zeros((2, 4, 4, 4), complex),
            r"a volume of complex128, the network takes float32: volume.astype\(numpy.flo",
        ),
    ],
)
def test_what_is_no_volume_of_the_networks(volume: Any, message: str):
    with pytest.raises(InputError, match=message):
        run_in_windows(same((1, 2, 4, 4, 4)), volume)


def test_floats_are_not_cut_to_a_cameras_numbers():
    with pytest.raises(InputError, match="a volume of float32, the network takes uint8"):
        run_in_windows(same((1, 1, 4, 4, 4), dtype="uint8"), np.zeros((1, 4, 4, 4), np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overlap": 1}, "overlap 1: expected the share of a window, 0 <= overlap < 1"),
        ({"overlap": [0, 0.5]}, r"overlap \[0, 0.5\]: expected one number, or three"),
        ({"mode": "gausian"}, "mode 'gausian': expected constant or gaussian; did you mean 'gaussian'"),
        ({"sigma_scale": 0.0}, "sigma_scale 0.0: expected a share of the window"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        run_in_windows(same((1, 1, 4, 4, 4)), np.zeros((1, 8, 8, 8), np.float32), **options)
