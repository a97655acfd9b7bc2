import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from rt3d_mlir.errors import ArtifactError, ConfigError, InputError, VersionError
from rt3d_mlir.runtime import Manifest, load


def edit(folder: Path, **changes: Any) -> None:
    replace(Manifest.read(folder), **changes).write(folder)


def golden(folder: Path, kind: str) -> np.ndarray:
    return np.load(folder / "golden" / f"{kind}_0.npy")


@pytest.mark.parametrize(
    ("device", "threads"), [("local-task", None), ("local-task", 1), ("local-task", 2), ("local-sync", None)]
)
def test_runs(compiled: Path, device: str, threads: int | None):
    module = load(compiled, device=device, threads=threads)
    assert module.threads == (1 if device == "local-sync" else threads)
    output = module(golden(compiled, "input"))
    assert isinstance(output, np.ndarray)
    np.testing.assert_allclose(output, golden(compiled, "output"), rtol=1e-5)


def test_the_thread_count_is_the_number_of_workers():
    script = """
import os
from rt3d_mlir.runtime.module import _device
count = lambda: len(os.listdir("/proc/self/task"))
seen, devices = [], []
for threads in (1, 3, 2):
    before = count()
    devices.append(_device("local-task", threads, "f32"))
    seen.append(count() - before)
print(*seen)
"""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("counts threads in /proc")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    one, three, two = map(int, done.stdout.split())  # IREE adds a thread or so of its own to each
    assert (three - one, two - one) == (2, 1)


def test_a_view_gives_the_same_as_its_copy(compiled: Path):
    module = load(compiled)
    clip = np.random.default_rng(1).random((8, 8, 4, 3, 1), np.float32)
    np.testing.assert_array_equal(module(clip.T.swapaxes(3, 4)), module(clip.T.swapaxes(3, 4).copy()))


def test_an_output_outlives_the_next_call_and_the_module(compiled: Path):
    module = load(compiled)
    clip = golden(compiled, "input")
    first, part = module(clip), module(clip)[0, 1:]
    kept = np.array(first)
    module(clip * 2)
    del module
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(part, kept[0, 1:])


def test_several_outputs_are_a_tuple(tmp_path: Path):
    module = load(tiny.pair(tmp_path / "pair"))
    integers, floats = module(np.array([3, 4], np.float32), np.array([5, 6, 7], np.int32))
    assert (integers.dtype, integers.tolist()) == (np.int32, [10, 12, 14])
    assert (floats.dtype, floats.tolist()) == (np.float32, [9, 16])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((), r"got 0 inputs, expected 1 \(input_0\)"),
        ((np.zeros(tiny.SHAPE, np.float32),) * 2, "got 2 inputs, expected 1"),
        (
            (np.zeros((1, 3, 4, 8, 9), np.float32),),
            "'input_0' is 1x3x4x8x9 float32, expected 1x3x4x8x8 float32",
        ),
        ((np.zeros(tiny.SHAPE),), "'input_0' is 1x3x4x8x8 float64, expected 1x3x4x8x8 float32"),
        (([1.0],), "'input_0' is 1 list, expected 1x3x4x8x8 float32"),
    ],
)
def test_inputs_must_fit(compiled: Path, arrays: tuple[Any, ...], message: str):
    with pytest.raises(InputError, match=message):
        load(compiled)(*arrays)


def test_changed_byte(artifact: Path):
    with open(artifact / "module.vmfb", "r+b") as file:
        file.write(b"X")
    with pytest.raises(ArtifactError, match=r"^module.vmfb changed since it was compiled"):
        load(artifact)


def test_another_architecture(artifact: Path):
    other = "x86_64" if platform.machine() == "aarch64" else "aarch64"
    edit(artifact, triple=f"{other}-unknown-linux-android29", cpu="cortex-a76")
    with pytest.raises(ArtifactError, match=rf"built for {other} \(cortex-a76\), this machine is {platform.machine()}"):
        load(artifact)


def test_another_version(artifact: Path):
    edit(artifact, tools={"iree_compiler": "3.1.4"})
    message = r"iree-base-runtime is \S+, the module was compiled by iree-base-compiler 3.1.4: install"
    with pytest.raises(VersionError, match=message):
        load(artifact)


def test_a_file_that_is_no_module(artifact: Path):
    (artifact / "module.vmfb").write_bytes(b"not a flatbuffer" * 100)
    edit(artifact, files=tiny.hashes(artifact))
    with pytest.raises(ArtifactError, match=r"module.vmfb cannot be loaded: .*; compile again"):
        load(artifact)


def test_an_entry_that_is_not_there(artifact: Path):
    edit(artifact, entry="forward")
    with pytest.raises(ArtifactError, match=r"module.vmfb cannot be loaded: .*forward"):
        load(artifact)


@pytest.mark.parametrize(
    ("device", "threads", "message"),
    [
        ("local-tasks", None, r"unknown device 'local-tasks'; did you mean 'local-task'\?"),
        ("local-task", 0, "threads is 0, expected at least 1"),
        ("local-sync", 4, "local-sync has one thread, 4 were asked for"),
    ],
)
def test_devices_that_cannot_be(compiled: Path, device: str, threads: int | None, message: str):
    with pytest.raises(ConfigError, match=message):
        load(compiled, device=device, threads=threads)


def test_importing_the_runtime_imports_no_pytorch():
    script = "import sys, rt3d_mlir.runtime; print({'torch', 'torch_mlir', 'iree.compiler'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
