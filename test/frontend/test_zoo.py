"""Zoo models as MODEL of the command line: their clips and their classes."""

from pathlib import Path

import numpy as np
import pytest

from rt3d_mlir import models
from rt3d_mlir.compile.job import CompileJob
from rt3d_mlir.compile.network import Network
from rt3d_mlir.errors import InputError, Rt3dError
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.frontend.source import ModelInput
from rt3d_mlir.sparsity import save_weights
from rt3d_mlir.tools import compile as compile_tool

#: None has the model's own size; each axis is another number than its own, and none is square.
CLIPS = dict.fromkeys(models.names(), (2, 3, 18, 72, 64)) | {"s3d_torchvision": (2, 3, 24, 256, 224)}
#: Of the models that segment; they take any number of channels.
VOLUMES = {"unet3d": (2, 4, 16, 48, 32), "meshnet": (2, 2, 10, 12, 14)}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    build = models.build
    monkeypatch.setattr(models, "build", lambda name, **options: build(name, width=8, **options))


@pytest.mark.parametrize("name", [name for name in models.names() if name not in VOLUMES])
def test_clips_and_classes(name: str):
    source = open_source(name, CLIPS[name], num_classes=7)
    assert source.inputs == [ModelInput(CLIPS[name])]
    (answer,) = source.reference(source.parameters, [np.ones(CLIPS[name], np.float32)])
    assert answer.shape == (2, 7)
    assert models.classes_in(source.parameters, name) == 7


@pytest.mark.parametrize("name", VOLUMES)
def test_volumes_and_classes(name: str):
    shape = VOLUMES[name]
    source = open_source(name, shape, num_classes=7)
    assert source.inputs == [ModelInput(shape)]
    (answer,) = source.reference(source.parameters, [np.ones(shape, np.float32)])
    assert answer.shape == (2, 7, *shape[2:])
    assert models.classes_in(source.parameters, name) == 7
    assert models.segments(name)


def test_volumes_that_do_not_go():
    with pytest.raises(
        InputError, match="unet3d cannot take volumes of 1x1x16x24x16: a volume of 16x24x16: expected m"
    ):
        open_source("unet3d", (1, 1, 16, 24, 16))
    with pytest.raises(InputError, match=r"meshnet takes volumes of NxCxDxHxW \(as 1x1x64x64x64\), not 64x64x64$"):
        open_source("meshnet", (64, 64, 64))
    with pytest.raises(InputError, match=r"c3d takes clips of Nx3xTxHxW \(as 1x3x16x112x112\), not 1x1x64x64x64$"):
        open_source("c3d", (1, 1, 64, 64, 64))


def test_which_parameters_are_of_transposed_convs():
    names = {f"decoder.transpconvs.{i}.weight" for i in range(4)}
    assert open_source("unet3d", VOLUMES["unet3d"]).transposed == names
    assert open_source("meshnet", VOLUMES["meshnet"]).transposed == frozenset()
    assert models.transposed_weights(models.build("unet3d")) == names


def test_clips_that_are_too_small():
    with pytest.raises(InputError, match="s3d_torchvision cannot take clips of 1x3x8x64x64"):
        open_source("s3d_torchvision", (1, 3, 8, 64, 64))


def test_a_checkpoint_decides_the_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[Network] = []

    def stop(job: CompileJob, *_rest: object, **_options: object) -> None:
        seen.append(job.network)
        raise Rt3dError("enough")

    monkeypatch.setattr(compile_tool, "write_artifact", stop)
    model = models.build("mc3_18", num_classes=400, seed=1)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    save_weights(tmp_path / "w.safetensors", weights)
    argv = ["mc3_18", "-o", str(tmp_path / "artifact"), "--target=host", "--weights", str(tmp_path / "w.safetensors")]
    assert compile_tool.main([*argv, "--classes=400"]) == compile_tool.main(argv) == 1
    for network in seen:
        np.testing.assert_array_equal(network.parameters["fc.weight"], weights["fc.weight"])
        assert network.source.macs()["fc.weight"] == 400 * 64
    assert len(seen) == 2
