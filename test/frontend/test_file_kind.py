"""Files given by mistake, under any name: what can be read safely is read, for the rest it is said what it is."""

import os
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nets
import numpy as np
import pytest
import torch

from rt3d_mlir.errors import ModelError, WeightError
from rt3d_mlir.frontend.checkpoint import fit_checkpoint, read_checkpoint
from rt3d_mlir.frontend.file_kind import Kind, kind_of
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.frontend.source import ModelInput
from rt3d_mlir.sparsity import save_weights

STATE = nets.seeded(nets.Net).state_dict()
ARRAYS = {name: tensor.numpy() for name, tensor in STATE.items()}


class Attack:
    """What it does when it is unpickled."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def script(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is going out of use
        torch.jit.save(torch.jit.trace(nets.seeded(nets.Net), torch.zeros(nets.CLIP)), path)


def zipped(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, "{}")

    return write


def text(content: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


MADE: dict[Kind, Callable[[Path], object]] = {
    Kind.PT2: lambda path: nets.save_pt2(path, nets.seeded(nets.Net)),
    Kind.OLD_PT2: zipped("version", "serialized_exported_program.json", "serialized_state_dict.pt"),
    Kind.TORCHSCRIPT: script,
    Kind.TORCH_SAVE: lambda path: torch.save(STATE, path),
    Kind.SAFETENSORS: lambda path: save_weights(path, ARRAYS),
    Kind.MLIR: text("func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }"),
    Kind.MLIR_BYTECODE: text(b"ML\xefR\x0dMLIR24\x00\xff"),
    Kind.MODULE: zipped("module.fb", "_const.bin"),
    Kind.TFLITE: text(b"\x1c\x00\x00\x00TFL3\x14\x00"),
    Kind.KERAS: zipped("metadata.json", "config.json", "model.weights.h5"),
    Kind.HDF5: text(b"\x89HDF\r\n\x1a\n\x00"),
    Kind.PICKLE: text(b"\x80\x04\x95\x10\x00"),
    Kind.LFS: text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n"),
    Kind.HTML: text("<!DOCTYPE html><html><head>"),
    Kind.CUT: text(b"PK\x03\x04\x00\x00"),
    Kind.EMPTY: text(""),
    Kind.UNKNOWN: text("hello"),
}


def write(folder: Path, kind: Kind, name: str = "file") -> Path:
    MADE[kind](folder / name)
    return folder / name


@pytest.mark.parametrize("kind", MADE)
def test_by_the_content(tmp_path: Path, kind: Kind):
    assert kind_of(write(tmp_path, kind)) == kind


@pytest.mark.parametrize("kind", [Kind.PT2, Kind.TORCHSCRIPT, Kind.TORCH_SAVE, Kind.SAFETENSORS, Kind.MLIR, Kind.HTML])
@pytest.mark.parametrize("suffix", [".onnx", ".pt2", ".mlir", ".pth"])
def test_the_content_counts_before_the_name(tmp_path: Path, kind: Kind, suffix: str):
    assert kind_of(write(tmp_path, kind, f"file{suffix}")) == kind


def test_onnx_and_arrays(tmp_path: Path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "a")
    onnx.save(onnx.helper.make_model(graph, producer_name="p", ir_version=8), tmp_path / "b")
    assert kind_of(tmp_path / "a") == kind_of(tmp_path / "b") == Kind.ONNX
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    assert kind_of(tmp_path / "arrays.npz") == kind_of(tmp_path / "array.npy") == Kind.ARRAYS


def test_folders(tmp_path: Path):
    assert kind_of(tmp_path) == Kind.FOLDER
    (tmp_path / "saved_model.pb").write_text("")
    assert kind_of(tmp_path) == Kind.SAVED_MODEL
    (tmp_path / "manifest.json").write_text("{}")
    assert kind_of(tmp_path) == Kind.ARTIFACT


# As MODEL


@pytest.mark.parametrize("name", ["net.pt", "net.PT2", "net", "net.onnx"])
def test_a_good_archive_of_any_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, Kind.PT2, name)
    monkeypatch.chdir(tmp_path)
    assert open_source(name).parameters.keys() == STATE.keys()


def test_mlir_of_any_name(tmp_path: Path):
    assert open_source(str(write(tmp_path, Kind.MLIR, "net.txt"))).inputs == [ModelInput((2,))]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            Kind.TORCHSCRIPT,
            "is TorchScript; torch.export does not read it. Where the model's code is: torch.export.save(",
        ),
        (Kind.TORCH_SAVE, "holds weights and no model: --weights {path} behind a zoo model's name (c3d, "),
        (Kind.SAFETENSORS, "holds weights and no model: --weights {path} behind a zoo model's name (c3d, "),
        (Kind.OLD_PT2, 'write it anew: torch.export.save(torch.export.load("{path}"), "new.pt2")'),
        (Kind.MODULE, "is a compiled IREE module; iree-run-module runs it; expected the model"),
        (Kind.MLIR_BYTECODE, "is not MLIR text (bytecode? "),
        (Kind.TFLITE, "is a TensorFlow Lite model; write it as ONNX, with tf2onnx"),
        (Kind.KERAS, "is a Keras model; write it as ONNX"),
        (Kind.LFS, "was not downloaded; git lfs pull"),
        (Kind.HTML, "is a web page, as a download that failed leaves it; expected a zoo model (c3d, "),
        (Kind.CUT, "is a zip archive that was cut short; expected a zoo model"),
        (Kind.EMPTY, "is empty; expected a zoo model"),
        (Kind.UNKNOWN, "is of no kind that is known here; expected a zoo model (c3d, "),
    ],
)
@pytest.mark.parametrize("name", ["file.pt", "file"])
def test_what_is_no_model(tmp_path: Path, kind: Kind, words: str, name: str):
    path = write(tmp_path, kind, name)
    with pytest.raises(ModelError) as error:
        open_source(str(path))
    message = str(error.value)
    assert message.startswith(f"{path} ")
    assert words.format(path=path) in message
    assert "\n" not in message


def test_an_artifact_as_model(tmp_path: Path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ModelError, match=r"is an artifact of rt3d-mlir-compile: rt3d-mlir-run .* runs it"):
        open_source(str(tmp_path))


def test_a_pickled_module_as_model(tmp_path: Path):
    torch.save(nets.seeded(nets.Net), tmp_path / "net.pth")
    with pytest.raises(
        ModelError, match=r"holds Python objects, a whole module for one: .*torch\.export\.save\("
    ) as error:
        open_source(str(tmp_path / "net.pth"))
    assert f'torch.load("{tmp_path}/net.pth", weights_only=False).eval(), (clip,)), "model.pt2")' in str(error.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_is_unpickled(tmp_path: Path, zipped: bool):
    torch.save({"state_dict": Attack(tmp_path / "canary")}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    for read, error in ((open_source, ModelError), (read_checkpoint, WeightError)):
        with pytest.raises(error, match="can run any code, and is refused"):
            read(str(tmp_path / "a.pt"))
    assert not (tmp_path / "canary").exists()


# As --weights


def module(state: dict[str, Any]) -> dict[str, Any]:
    return {f"module.{name}": tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "saved",
    [
        STATE,
        dict(STATE),
        {"state_dict": STATE, "epoch": 7, "optimizer": {"state": {0: torch.zeros(3)}}},
        {"model_state_dict": module(STATE)},
        {"model": OrderedDict(STATE), "args": {"lr": 0.1}},
        module(STATE),
        {f"_orig_mod.module.{name}": tensor for name, tensor in STATE.items()},
        {"state_dict": {f"model.{name}": tensor for name, tensor in STATE.items()}},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints_of_torch(tmp_path: Path, saved: dict[str, Any], zipped: bool):
    torch.save(saved, tmp_path / "w.ckpt", _use_new_zipfile_serialization=zipped)
    seen = read_checkpoint(tmp_path / "w.ckpt")
    assert seen.keys() == ARRAYS.keys()
    assert all(np.array_equal(seen[name], array) for name, array in ARRAYS.items())


def test_prefixes_in_safetensors_and_in_the_model(tmp_path: Path):
    """A wrapper's names may be the checkpoint's, the model's, or those of both."""
    save_weights(tmp_path / "w", module(ARRAYS))
    wrapped = {f"model.{name}": array for name, array in ARRAYS.items()}
    assert fit_checkpoint(read_checkpoint(tmp_path / "w"), ARRAYS, "w").keys() == ARRAYS.keys()
    assert fit_checkpoint(read_checkpoint(tmp_path / "w"), wrapped, "w").keys() == wrapped.keys()
    save_weights(tmp_path / "w", wrapped)
    assert fit_checkpoint(read_checkpoint(tmp_path / "w"), wrapped, "w").keys() == wrapped.keys()


def test_a_prefix_that_not_all_names_have(tmp_path: Path):
    save_weights(tmp_path / "w", {"model.a": np.zeros(1), "head.a": np.zeros(1)})
    assert list(read_checkpoint(tmp_path / "w")) == ["head.a", "model.a"]


def test_types_of_torch_alone(tmp_path: Path):
    torch.save({"a": torch.ones(3, dtype=torch.bfloat16), "b": torch.ones(2, dtype=torch.float16)}, tmp_path / "w")
    seen = read_checkpoint(tmp_path / "w")
    assert (seen["a"].dtype, seen["b"].dtype) == (np.float32, np.float16)
    assert seen["a"].tolist() == [1, 1, 1]


def test_weights_of_an_archive(tmp_path: Path):
    seen = read_checkpoint(write(tmp_path, Kind.PT2, "net.pt2"))
    assert all(np.array_equal(seen[name], array) for name, array in ARRAYS.items())


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ({"epoch": 7, "optimizer": {}}, "holds a dict of 'epoch', 'optimizer'; expected a state_dict, or one under "),
        ([torch.zeros(3)], "holds list; expected a state_dict"),
        (torch.zeros(3), "holds Tensor; expected a state_dict"),
        (
            nets.seeded(nets.Net),
            'Where you trust it: torch.save(torch.load("{path}", weights_only=False).',
        ),
    ],
)
def test_no_state_dict(tmp_path: Path, saved: object, words: str):
    torch.save(saved, tmp_path / "w.pt")
    with pytest.raises(WeightError) as error:
        read_checkpoint(tmp_path / "w.pt")
    assert words.format(path=tmp_path / "w.pt") in str(error.value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.TORCHSCRIPT, 'torch.save(torch.jit.load("{path}").state_dict(), "weights.pt")'),
        (Kind.HDF5, "is an HDF5 file, as Keras writes them; expected safetensors, or what torch.save wrote"),
        (Kind.LFS, "which stands for a file that was not downloaded; expected safetensors"),
        (Kind.CUT, "is a zip archive that was cut short; expected safetensors"),
        (Kind.PICKLE, "holds Python objects"),
    ],
)
def test_what_holds_no_weights(tmp_path: Path, kind: Kind, words: str):
    path = write(tmp_path, kind)
    with pytest.raises(WeightError) as error:
        read_checkpoint(path)
    assert words.format(path=path) in str(error.value)


def test_a_damaged_checkpoint(tmp_path: Path):
    torch.save(STATE, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    data = (tmp_path / "w.pt").read_bytes()
    for size in (30, 200, len(data) // 2, len(data) - 3):
        (tmp_path / "w.pt").write_bytes(data[:size])
        with pytest.raises(WeightError, match=r"w\.pt (is damaged|holds Python objects)"):
            read_checkpoint(tmp_path / "w.pt")


def test_no_file(tmp_path: Path):
    with pytest.raises(WeightError, match=r"none\.pt: no such file"):
        read_checkpoint(tmp_path / "none.pt")
    with pytest.raises(ModelError, match="no such file: "):
        open_source("none.pt")
    with pytest.raises(ModelError, match="no model is called 'none'"):
        open_source("none")
