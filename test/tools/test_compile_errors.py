"""What goes wrong is one clear error, exit 1, and nothing is left: no folder, no half of one, no temporary."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import interruptible
import nets
import numpy as np
import pytest
import torch

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.compile import artifact_writer, job
from rt3d_mlir.compile.network import Network
from rt3d_mlir.sparsity import GroupSize, MaskSet, Sparsity, save_masks, save_weights
from rt3d_mlir.targets import get_target
from rt3d_mlir.tools import compile as compile_tool
from rt3d_mlir.tools import run as run_tool
from rt3d_mlir.tools.compile import main

Refuse = Callable[..., str]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.save_pt2(tmp_path_factory.mktemp("net") / "net.pt2", nets.seeded(nets.Net))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.save_pt2(tmp_path_factory.mktemp("tiny") / "tiny.pt2", nets.seeded(nets.Tiny))


@pytest.fixture
def refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Refuse:
    """Compiles, expects a failure that leaves nothing, and returns the error message."""
    here, scratch = tmp_path / "here", tmp_path / "scratch"
    here.mkdir()
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    # PyTorch makes this folder of its own where the first of these tests makes it import its compiler.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))

    def run(model: object, *argv: object, target: str = "host", code: int = 1) -> str:
        words = [model, "-o", here / "artifact", "--target", target, *argv]
        assert main([str(word) for word in words]) == code
        out, err = capfd.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert list(here.iterdir()) == []
        assert list(scratch.iterdir()) == []
        prefix, colon, message = err.partition(": error: ")
        assert (prefix, colon) == ("rt3d-mlir-compile", ": error: ")
        return message.rstrip("\n")

    return run


def weights(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}


def masks(path: Path, layer: str = "conv2.weight", shape: tuple[int, ...] = (16, 8, 3, 3, 3)) -> Path:
    group = GroupSize(8, 4)
    save_masks(path, MaskSet(group, Sparsity.KGS, {layer: np.ones(group.mask_shape(shape), bool)}, {layer: shape}))
    return path


# Models


def test_unknown_model(refuse: Refuse):
    known = ", ".join(models.names())
    assert refuse("c3b") == (
        f"no model is called 'c3b'; known: {known}, or a .pt2, .onnx or .mlir file; did you mean 'c3d'?"
    )


def test_unknown_kind_of_file(refuse: Refuse, tmp_path: Path):
    (tmp_path / "model.xyz").write_bytes(b"12345678")
    message = refuse(tmp_path / "model.xyz")
    assert message.startswith(f"{tmp_path}/model.xyz is of no kind that is known here; expected a zoo model (c3d, ")


@pytest.mark.parametrize("name", ["none.pt2", "none.onnx", "none.mlir", "none.pth", "./none"])
def test_missing_model(refuse: Refuse, name: str):
    assert refuse(name) == f"no such file: {Path(name)}"


@pytest.mark.parametrize("suffix", [".pt2", ".onnx", ".mlir"])
def test_a_folder_for_a_model(refuse: Refuse, tmp_path: Path, suffix: str):
    (tmp_path / f"folder{suffix}").mkdir()
    assert f"folder{suffix}" in refuse(tmp_path / f"folder{suffix}")


def test_truncated_pt2(refuse: Refuse, net: Path, tmp_path: Path):
    (tmp_path / "cut.pt2").write_bytes(net.read_bytes()[:2000])
    message = refuse(tmp_path / "cut.pt2")
    assert message.endswith(
        "cut.pt2 is not a torch.export archive, or was cut short: it is no zip file; export it again"
    )


def test_a_pt2_that_needs_unpickling(refuse: Refuse, tiny: Path, tmp_path: Path):
    """The other ways in are in test/frontend/test_pt2.py."""
    import zipfile

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "canary"),)

    torch.save(Attack(), tmp_path / "attack.pt")
    path = tmp_path / "attack.pt2"
    with zipfile.ZipFile(tiny) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            attacked = name.endswith("sample_inputs/model.pt")
            new.writestr(name, (tmp_path / "attack.pt").read_bytes() if attacked else old.read(name))
    assert refuse(path).startswith(f"{path} needs unsafe unpickling, which can run any code, and is refused (")
    assert not (tmp_path / "canary").exists()


@pytest.fixture(scope="module")
def mlir(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("mlir") / "net.mlir"
    rt3d_mlir.export(nets.seeded(nets.Net), (torch.zeros(nets.CLIP),)).save_mlir(path)
    return path.read_text()


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_truncated_mlir(refuse: Refuse, mlir: str, tmp_path: Path, share: float):
    """In the code, in the numbers of the weights, in the last bracket."""
    (tmp_path / "cut.mlir").write_text(mlir[: int(share * len(mlir))])
    message = refuse(tmp_path / "cut.mlir")
    assert str(tmp_path / "cut.mlir") in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no function @main; expected linalg on tensors"),
        ("func.func @f() { return }", "has no function @main"),
        ("hello", "does not parse as MLIR: "),
        (
            "func.func @main(%x: tensor<?x3x4x8x8xf32>) -> tensor<?x3x4x8x8xf32> { return %x : tensor<?x3x4x8x8xf32> }",
            "@main takes tensor<?x3x4x8x8xf32>; expected static tensors of f32, f16, f64, i8, ",
        ),
        (
            "func.func @main(%x: tensor<2xbf16>) -> tensor<2xbf16> { return %x : tensor<2xbf16> }",
            "@main takes tensor<2xbf16>; expected static tensors of f32",
        ),
        ("func.func private @main(tensor<2xf32>) -> tensor<2xf32>", "@main"),
    ],
)
def test_mlir_of_another_kind(refuse: Refuse, tmp_path: Path, text: str, message: str):
    (tmp_path / "m.mlir").write_text(text)
    assert message in refuse(tmp_path / "m.mlir")


def test_mlir_bytecode(refuse: Refuse, tmp_path: Path):
    (tmp_path / "b.mlir").write_bytes(b"ML\xefR\x01\xff\xfe")
    assert "b.mlir is not MLIR text (bytecode? " in refuse(tmp_path / "b.mlir")


def test_mlir_with_nan(refuse: Refuse, tmp_path: Path):
    model = nets.seeded(nets.Net)
    path = tmp_path / "nan.mlir"
    rt3d_mlir.export(model, (torch.zeros(nets.CLIP),)).save_mlir(path)
    good = model.conv2.weight.detach().numpy()[0, 0, 0, 0, :1].tobytes().hex().upper()
    text = path.read_text()
    assert text.count(good) == 1
    path.write_text(text.replace(good, np.float32(np.nan).tobytes().hex().upper()))
    assert refuse(path).startswith("conv2.weight: 1 of 3456 weights are NaN or infinite")


def test_a_model_that_torch_mlir_cannot_lower(refuse: Refuse, tmp_path: Path):
    path = nets.save_pt2(tmp_path / "bessel.pt2", nets.seeded(nets.Bessel))
    assert refuse(path).startswith("torch-mlir cannot lower this model: special_bessel_j0 'special_bessel_j0': error: ")


def test_a_shape_outside_of_the_open_ones(refuse: Refuse, tmp_path: Path):
    dims = ({2: torch.export.Dim("frames", min=2, max=64)},)
    path = nets.save_pt2(tmp_path / "d.pt2", nets.seeded(nets.Fork), dynamic_shapes=dims)
    message = refuse(path, "--input-shape=1x3x65x8x8")
    assert message.startswith("d.pt2: axis 2 of 'x' may be 2 to 64, not 65: so it was exported; export it for")
    assert refuse(path, "--input-shape=1x3x5x9x8").startswith("d.pt2 takes an input of 1x3x5x8x8, not 1x3x5x9x8; ")


@pytest.mark.parametrize("shape", ["1x3x99999999999x112x112", "1000000000x3x16x112x112"])
def test_a_clip_beyond_the_memory(refuse: Refuse, shape: str):
    assert refuse("c3d", f"--input-shape={shape}").startswith(f"clips of {shape}: ")


@pytest.mark.parametrize("classes", ["1000000000", "1" + 30 * "0"])
def test_classes_beyond_the_memory(refuse: Refuse, classes: str):
    assert re.search(r"classes: [\d.e+]+ GiB, but this machine has [\d.]+ GiB", refuse("c3d", f"--classes={classes}"))


def test_nan_in_the_model(refuse: Refuse, tmp_path: Path):
    model = nets.seeded(nets.Net)
    with torch.no_grad():
        model.conv1.bias[3] = float("nan")
    message = refuse(nets.save_pt2(tmp_path / "nan.pt2", model))
    assert message.startswith("conv1.bias: 1 of 8 weights are NaN or infinite: expected finite numbers; ")


# Shapes


@pytest.mark.parametrize("shape", ["big", "1x3x", "1x3x16x-1x112", "1x3x0x16x16", "1,3,16,16,16", ""])
def test_malformed_input_shape(refuse: Refuse, shape: str):
    message = refuse("c3d", f"--input-shape={shape}")
    assert message == f"--input-shape {shape}: expected whole numbers joined by x, as in 1x3x16x112x112"


def test_classes_of_a_file(refuse: Refuse, net: Path):
    assert refuse(net, "--classes=7") == f"--classes 7: {net} has classes of its own; expected a zoo model"


def test_a_checkpoint_of_other_classes(refuse: Refuse, tmp_path: Path):
    save_weights(tmp_path / "w.safetensors", {"fc.bias": np.zeros(400, np.float32)})
    assert refuse("r3d_18", "--classes=101", "--weights", tmp_path / "w.safetensors") == (
        f"{tmp_path}/w.safetensors tells 400 classes apart, --classes says 101; leave --classes out"
    )


@pytest.mark.parametrize("shape", ["3x16x112x112", "1x4x16x112x112"])
def test_wrong_rank_or_channels(refuse: Refuse, shape: str):
    assert refuse("c3d", "--input-shape", shape) == f"c3d takes clips of Nx3xTxHxW (as 1x3x16x112x112), not {shape}"


def test_clip_too_small(refuse: Refuse):
    assert "too small for C3D" in refuse("c3d", "--input-shape=1x3x8x16x16")


def test_a_pt2_for_another_shape(refuse: Refuse, net: Path):
    message = refuse(net, "--input-shape=1x3x8x16x16")
    assert message == "net.pt2 takes an input of 1x3x4x8x8, not 1x3x8x16x16; export it for that shape"


# Targets


def test_unknown_target(refuse: Refuse, net: Path):
    message = refuse(net, target="cortex-a75")
    assert message.startswith("no target is called 'cortex-a75'; known: host, cortex-a55, cortex-a76, ")
    assert "; did you mean 'cortex-a7" in message


def test_a_name_like_no_target(refuse: Refuse, net: Path):
    assert refuse(net, target="vax").endswith("vulkan-lavapipe, vulkan-nvidia")


def test_f16_on_a_core_without_it(refuse: Refuse, net: Path, monkeypatch: pytest.MonkeyPatch):
    without = dataclasses.replace(get_target("cortex-a76"), name="old", cpu="cortex-a73", half=False)
    monkeypatch.setattr(compile_tool, "find_target", lambda _name: without)
    message = refuse(net, "--dtype=f16", target="old")
    assert message.startswith("dtype f16 needs an aarch64 core with fullfp16; old is cortex-a73 (aarch64-")
    assert ". Use f32, or one of cortex-a55, cortex-a76, " in message


# Pruning


def test_unknown_config(refuse: Refuse, net: Path):
    message = refuse(net, "--prune=c3d-3.75x")
    assert message.startswith("no shipped configuration 'c3d-3.75x': expected a path that ends in .json")
    assert message.endswith("; did you mean 'c3d-3.57x'?")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.yaml", None, "none.yaml: cannot be read: No such file or directory"),
        ("cut.json", '{"conv2.weight": 0.', "cut.json: not valid json: "),
        ("cut.yaml", "conv2.weight: [0.", "cut.yaml: not valid yaml: "),
        ("list.yaml", "- conv2.weight", "list.yaml: expected a mapping of layer names to ratios"),
        ("big.yaml", "conv2.weight: 85", "big.yaml: big: conv2.weight: ratio 85: expected the fraction to remove"),
        ("typo.yaml", "conv3.weight: 0.5", "typo: no layer 'conv3.weight' in the model: "),
    ],
)
def test_config_files(refuse: Refuse, net: Path, tmp_path: Path, name: str, text: str | None, message: str):
    if text is not None:
        (tmp_path / name).write_text(text)
    assert message in refuse(net, "--prune", tmp_path / name)


def test_a_config_for_another_model(refuse: Refuse, net: Path):
    assert "no layer 'conv" in refuse(net, "--prune=c3d-3.57x")


@pytest.mark.parametrize("group", ["8", "8x", "8x4x2", "0x4", "axb"])
def test_malformed_group(refuse: Refuse, net: Path, group: str):
    assert refuse(net, f"--group={group}").startswith("group size ")


# Masks


def test_a_mask_for_a_layer_that_is_not_there(refuse: Refuse, net: Path, tmp_path: Path):
    message = refuse(net, "--masks", masks(tmp_path / "m.safetensors", "conv3.weight"))
    assert message.startswith("the masks name layer 'conv3.weight', which the model does not have; did you mean 'conv")


def test_a_mask_for_weights_of_another_shape(refuse: Refuse, net: Path, tmp_path: Path):
    message = refuse(net, "--masks", masks(tmp_path / "m.safetensors", shape=(16, 16, 3, 3, 3)))
    assert message.startswith(
        "conv2.weight: weights of shape (16, 8, 3, 3, 3), but the mask was made for (16, 16, 3, 3, 3)"
    )


def test_a_mask_that_does_not_fit_its_group(refuse: Refuse, net: Path, tmp_path: Path):
    path = masks(tmp_path / "m.safetensors")
    data = path.read_bytes()
    assert data.count(b'"group":"8x4"') == 1
    path.write_bytes(data.replace(b'"group":"8x4"', b'"group":"4x4"'))
    message = refuse(net, "--masks", path)
    assert "conv2.weight: mask of shape (2, 2, 3, 3, 3) does not fit weights of shape (16, 8, 3, 3, 3)" in message
    assert "in groups of 4x4: expected (4, 2, 3, 3, 3)" in message


def test_a_group_that_contradicts_the_masks(refuse: Refuse, net: Path, tmp_path: Path):
    message = refuse(net, "--masks", masks(tmp_path / "m.safetensors"), "--group=4x4")
    assert message.endswith("has masks for groups of 8x4, --group says 4x4; leave --group out")


def test_weights_for_masks(refuse: Refuse, net: Path, tmp_path: Path):
    save_weights(tmp_path / "w.safetensors", weights(nets.seeded(nets.Net)))
    message = refuse(net, "--masks", tmp_path / "w.safetensors")
    assert "metadata says format None, version None: expected 'rt3d-masks', version '1'" in message


@pytest.mark.parametrize("flag", ["--masks", "--weights"])
def test_missing_tensors(refuse: Refuse, net: Path, tmp_path: Path, flag: str):
    assert refuse(net, flag, tmp_path / "none.safetensors").endswith("none.safetensors: no such file")


@pytest.mark.parametrize("flag", ["--masks", "--weights"])
@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_truncated_tensors(refuse: Refuse, net: Path, tmp_path: Path, flag: str, size: int):
    path = masks(tmp_path / "cut.safetensors")
    path.write_bytes(path.read_bytes()[:size])
    assert "cut.safetensors: not a complete safetensors file (" in refuse(net, flag, path)


# Weights


def test_nan_in_a_checkpoint(refuse: Refuse, net: Path, tmp_path: Path):
    broken = weights(nets.seeded(nets.Net))
    broken["conv2.weight"][0, 0, 0, 0, :2] = [np.nan, np.inf]
    save_weights(tmp_path / "w.safetensors", broken)
    message = refuse(net, "--weights", tmp_path / "w.safetensors")
    assert message.startswith("conv2.weight: 2 of 3456 weights are NaN or infinite")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("fc.bias"), "has no 'fc.bias'; expected all parameters of the model"),
        (lambda w: w.update({"fc.bais": w.pop("fc.bias")}), "has no parameter 'fc.bais'; did you mean 'fc.bias'?"),
        (lambda w: w.update({"fc.bias": np.zeros(7)}), "fc.bias has shape (7,), the model's is (5,)"),
    ],
)
def test_a_checkpoint_of_another_model(
    refuse: Refuse, net: Path, tmp_path: Path, change: Callable[[dict], None], message: str
):
    other = weights(nets.seeded(nets.Net))
    change(other)
    save_weights(tmp_path / "w.safetensors", other)
    assert message in refuse(net, "--weights", tmp_path / "w.safetensors")


def test_a_pickled_checkpoint(refuse: Refuse, net: Path, tmp_path: Path):
    torch.save(nets.seeded(nets.Net), tmp_path / "w.pt")
    assert "w.pt holds Python objects, a whole module for one" in refuse(net, "--weights", tmp_path / "w.pt")
    torch.save({"state_dict": {"module.fc.weight": torch.zeros(5, 512)}}, tmp_path / "w.pt")
    assert "w.pt has no 'conv1.weight' and 4 more" in refuse(net, "--weights", tmp_path / "w.pt")


# The output


@pytest.fixture
def occupied(tmp_path: Path) -> Path:
    folder = tmp_path / "occupied"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    return folder


def run(capfd: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str]:
    code = main([str(word) for word in argv])
    return code, capfd.readouterr().err


def test_a_folder_that_exists(tiny: Path, occupied: Path, capfd: pytest.CaptureFixture[str]):
    code, err = run(capfd, tiny, "-o", occupied, "--target=host")
    assert code == 1
    assert err == f"rt3d-mlir-compile: error: {occupied} exists; choose another folder, or --force to replace it\n"
    assert [path.name for path in occupied.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("manifest", [None, "{}", "[1]", "{", '{"name": "a browser extension", "manifest_version": 3}'])
def test_force_deletes_artifacts_only(
    tiny: Path, occupied: Path, manifest: str | None, capfd: pytest.CaptureFixture[str]
):
    if manifest is not None:
        (occupied / "manifest.json").write_text(manifest)
    code, err = run(capfd, tiny, "-o", occupied, "--target=host", "--force")
    assert code == 1
    assert "is not an artifact folder (it has no manifest.json of ours): --force replaces artifacts only" in err
    assert (occupied / "thesis.txt").read_text() == "precious"


def test_force_deletes_no_file(tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("precious")
    assert run(capfd, tiny, "-o", tmp_path / "file", "--target=host", "--force")[0] == 1
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("flags", [(), ("--force",)])
def test_a_device_for_a_folder(tiny: Path, flags: tuple[str, ...], capfd: pytest.CaptureFixture[str]):
    code, err = run(capfd, tiny, "-o", "/dev/null", "--target=host", *flags)
    assert code == 1
    assert err == ("rt3d-mlir-compile: error: /dev/null is no folder, and stays as it is; name one with -o\n")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", [300 * "n", "a\0b"])
def test_a_name_that_nothing_can_have(refuse: Refuse, tiny: Path, tmp_path: Path, name: str):
    assert " cannot be written: [Errno " in refuse(tiny, "-o", tmp_path / name)


def test_an_artifact_behind_a_link(tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    (tmp_path / "link").symlink_to("there")
    for flags in ((), ("--force",)):
        assert run(capfd, tiny, "-o", tmp_path / "link", "--target=host", *flags)[0] == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "module.vmfb").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "there"]


@pytest.mark.parametrize("inside", [".", "ir"])
def test_ir_does_not_go_into_the_artifact(tiny: Path, tmp_path: Path, inside: str, capfd: pytest.CaptureFixture[str]):
    code, err = run(capfd, tiny, "-o", tmp_path / "a", "--target=host", "--dump-ir", tmp_path / "a" / inside)
    assert code == 1
    assert "which holds the artifact alone; dump the IR elsewhere" in err
    assert not (tmp_path / "a").exists()


def test_a_folder_that_appears_meanwhile(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    folder = tmp_path / "artifact"

    def check(*_args: object) -> None:
        folder.mkdir()
        (folder / "thesis.txt").write_text("precious")

    monkeypatch.setattr(artifact_writer, "_check", check)
    code, err = run(capfd, tiny, "-o", folder, "--target=host")
    assert code == 1
    assert f"{folder} exists" in err
    assert (folder / "thesis.txt").read_text() == "precious"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_parent_that_cannot_be_written(tiny: Path, tmp_path: Path, place: str, capfd: pytest.CaptureFixture[str]):
    if place == "file":
        parent = tmp_path / "file"
        parent.write_text("hello")
    else:
        parent = Path("/proc/none")  # even root cannot
    code, err = run(capfd, tiny, "-o", parent / "artifact", "--target=host")
    assert code == 1
    assert err.startswith(f"rt3d-mlir-compile: error: {parent / 'artifact'} cannot be written: ")
    assert err.count("\n") == 1


def test_a_dump_that_cannot_be_written(refuse: Refuse, tiny: Path, tmp_path: Path):
    (tmp_path / "file").write_text("hello")
    assert "cannot be written: " in refuse(tiny, "--dump-ir", tmp_path / "file")


# Compiling


def test_a_flag_that_iree_does_not_know(refuse: Refuse, tiny: Path):
    message = refuse(tiny, "--", "--iree-go-faster")
    assert message.startswith("iree-compile failed:\n")
    assert "--iree-go-faster" in message.splitlines()[1]
    assert message.splitlines()[-1].startswith("the command was: ")


def test_versions_that_do_not_match(refuse: Refuse, tiny: Path, monkeypatch: pytest.MonkeyPatch):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "3.0.0" if name == "iree-base-runtime" else real(name))
    compiler = real("iree-base-compiler")
    message = refuse(tiny)
    assert message.startswith(f"iree-base-compiler is {compiler} and iree-base-runtime is 3.0.0; ")
    assert message.endswith(f"pip install iree-base-runtime=={compiler}")


def test_a_wrong_module(refuse: Refuse, tiny: Path, monkeypatch: pytest.MonkeyPatch):
    """A pipeline that loses weights compiles well and answers wrongly."""
    real = job.default_pipeline

    def halved(*args: object) -> list:
        step, *rest = real(*args)

        class Broken(type(step)):
            def run(self, module: object, state: object) -> None:
                super().run(module, state)
                state.weights._arrays["conv.weight"] = 0.5 * state.weights["conv.weight"]

        return [Broken(), *rest]

    monkeypatch.setattr(job, "default_pipeline", halved)
    message = refuse(tiny)
    assert message.startswith("the compiled module answers wrongly: output 0 is off by ")
    assert "of the reference's range, the limit is 0.0001. Nothing was written" in message


@pytest.mark.parametrize("wrong", [lambda y: y + np.ptp(y) * 2e-4, lambda y: y * np.nan, lambda y: y[:, :0]])
def test_a_wrong_answer(refuse: Refuse, net: Path, monkeypatch: pytest.MonkeyPatch, wrong: Callable):
    real = Network.golden.func
    golden = property(lambda self: (real(self)[0], [wrong(y) for y in real(self)[1]]))
    monkeypatch.setattr(Network, "golden", golden)
    assert refuse(net).startswith("the compiled module answers wrongly: output 0 is off by ")


def test_a_module_that_does_not_run(refuse: Refuse, net: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_args: object) -> None:
        raise ValueError("Error invoking function: OUT_OF_RANGE; the buffer is too small\n[0] bytecode")

    monkeypatch.setattr(artifact_writer.Module, "__call__", fail)
    said = (
        "the compiled module does not run: Error invoking function: OUT_OF_RANGE; the buffer is too small. Nothing was"
    )
    assert refuse(net).startswith(said)


@pytest.mark.parametrize("where", ["compile_with_arena", "_check", "run_pipeline"])
def test_an_interrupt(
    tiny: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def interrupt(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(artifact_writer, where, interrupt)
    assert run(capfd, tiny, "-o", tmp_path / "a", "--target=host") == (130, "rt3d-mlir-compile: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c(net: Path, tmp_path: Path):
    """The real thing: a signal to the process group while iree-compile runs."""
    command = [
        sys.executable,
        "-m",
        "rt3d_mlir.tools.compile",
        str(net),
        "-o",
        str(tmp_path / "a"),
        "--target=host",
        "-v",
    ]
    options = {"start_new_session": True, "preexec_fn": interruptible.restore}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)
    assert process.stderr is not None
    with process.stderr as err:
        for line in err:
            if line.startswith("running iree-compile"):
                break
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        assert "rt3d-mlir-compile: interrupted" in err.read()
    assert process.wait() == 130
    assert list(tmp_path.iterdir()) == []


# Usage, exit 2


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "MODEL is missing"),
        (["c3d", "--target=host"], "-o DIR is missing"),
        (["c3d", "-o", "x"], "--target TARGET is missing"),
        (["c3d", "-o", "x", "--target=host", "--masks=m", "--prune=p"], "not allowed with argument"),
        (["c3d", "-o", "x", "--target=host", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_usage(argv: list[str], message: str, capfd: pytest.CaptureFixture[str]):
    code, err = run(capfd, *argv)
    assert code == 2
    assert message in err


# Running what was compiled


@pytest.fixture
def artifact(tiny: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "artifact"
    assert main([str(tiny), "-o", str(folder), "--target=host"]) == 0
    return folder


def test_a_changed_byte(artifact: Path, capfd: pytest.CaptureFixture[str]):
    assert run_tool.main([str(artifact), "--repeat=1", "--check"]) == 0
    module = artifact / "module.vmfb"
    data = bytearray(module.read_bytes())
    data[len(data) // 2] ^= 1
    module.write_bytes(data)
    capfd.readouterr()
    assert run_tool.main([str(artifact)]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("rt3d-mlir-run: error: module.vmfb changed since it was compiled: sha256 is ")


def test_a_module_for_another_machine(tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    folder = tmp_path / "artifact"
    assert main([str(tiny), "-o", str(folder), "--target=cortex-a76"]) == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    if os.uname().machine == "aarch64":
        manifest["triple"] = manifest["triple"].replace("aarch64", "x86_64")
        (folder / "manifest.json").write_text(json.dumps(manifest))
    capfd.readouterr()
    assert run_tool.main([str(folder)]) == 1
    assert f"(cortex-a76), this machine is {os.uname().machine}" in capfd.readouterr().err
