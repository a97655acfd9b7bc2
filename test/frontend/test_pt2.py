import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import nets
import numpy as np
import pytest
import torch

from rt3d_mlir.errors import InputError, ModelError
from rt3d_mlir.frontend.pt2 import open_pt2
from rt3d_mlir.frontend.source import ModelInput


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.save_pt2(tmp_path_factory.mktemp("pt2") / "net.pt2", nets.seeded(nets.Net))


@pytest.fixture
def rewrite(archive: Path, tmp_path: Path) -> Callable[..., Path]:
    """The archive with members replaced (`edits`, by the end of their name) or added."""

    def make(edits: dict[str, Callable[[bytes], bytes]] | None = None, **added: bytes) -> Path:
        path = tmp_path / "net.pt2"
        pending = dict(edits or {})
        with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                end = next((end for end in pending if name.endswith(end)), None)
                new.writestr(name, pending.pop(end)(old.read(name)) if end else old.read(name))
            for name, data in added.items():
                new.writestr(f"net/{name.replace('__', '/')}", data)
        assert not pending
        return path

    return make


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that comes into being if what an archive holds is run."""
    return tmp_path / "canary"


class Attack:
    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def program(change: Callable[[dict], None]) -> dict[str, Callable[[bytes], bytes]]:
    def edit(text: bytes) -> bytes:
        data = json.loads(text)
        change(data)
        return json.dumps(data).encode()

    return {"models/model.json": edit}


def test_reads_a_program(archive: Path):
    source = open_pt2(archive)
    model = nets.seeded(nets.Net)
    x = np.random.default_rng(0).standard_normal(nets.CLIP, dtype=np.float32)
    assert (source.name, source.inputs) == ("net.pt2", [ModelInput(nets.CLIP)])
    assert source.parameters.keys() == model.state_dict().keys()
    (seen,) = source.reference(source.parameters, [x])
    np.testing.assert_allclose(seen, model(torch.from_numpy(x)).detach(), rtol=1e-5, atol=1e-6)


def test_macs_of_a_program(archive: Path):
    positions = 4 * 8 * 8
    assert open_pt2(archive).macs() == {
        "conv1.weight": 8 * 3 * 27 * positions,
        "conv2.weight": 16 * 8 * 27 * positions // 8,
        "fc.weight": 5 * 16 * positions // 8,
    }


def test_the_attack_works(canary: Path):
    pickle.loads(pickle.dumps(Attack(canary)))
    assert canary.exists()


def test_refuses_pickled_example_inputs(rewrite: Callable[..., Path], tmp_path: Path, canary: Path):
    torch.save(Attack(canary), tmp_path / "attack.pt")
    path = rewrite({"sample_inputs/model.pt": lambda _: (tmp_path / "attack.pt").read_bytes()})
    with pytest.raises(ModelError, match=r"net\.pt2 needs unsafe unpickling, which can run any code, and is refused"):
        open_pt2(path)
    assert not canary.exists()


def test_refuses_a_pickled_weight(rewrite: Callable[..., Path], tmp_path: Path, canary: Path):
    def use_pickle(text: bytes) -> bytes:
        config = json.loads(text)
        next(entry for entry in config["config"].values() if entry["path_name"] == "weight_0")["use_pickle"] = True
        return json.dumps(config).encode()

    torch.save(Attack(canary), tmp_path / "attack.pt")
    attack = (tmp_path / "attack.pt").read_bytes()
    path = rewrite({"model_weights_config.json": use_pickle, "weights/weight_0": lambda _: attack})
    with pytest.raises(ModelError, match="needs unsafe unpickling"):
        open_pt2(path)
    assert not canary.exists()


@pytest.mark.parametrize("member", ["custom_obj_0", "opaque_obj_0"])
def test_refuses_a_pickled_constant(rewrite: Callable[..., Path], canary: Path, member: str):
    entry = {"path_name": member, "is_param": False, "use_pickle": True, "tensor_meta": None}
    config = json.dumps({"config": {"object": entry}}).encode()
    path = rewrite(
        {"model_constants_config.json": lambda _: config},
        **{f"data__constants__{member}": pickle.dumps(Attack(canary))},
    )
    with pytest.raises(ModelError):
        open_pt2(path)
    assert not canary.exists()


def test_refuses_native_code(rewrite: Callable[..., Path]):
    path = rewrite(**{"data__aotinductor__model__model.so": b"\x7fELF"})
    with pytest.raises(ModelError, match="native code"):
        open_pt2(path)


def test_guards_are_not_run(rewrite: Callable[..., Path], canary: Path):
    attack = f"__import__('os').mkdir({str(canary)!r}) is None"
    source = open_pt2(rewrite(program(lambda data: data.update(guards_code=[attack]))))
    source.reference(source.parameters, [np.zeros(nets.CLIP, np.float32)])
    assert not canary.exists()


def test_sizes_are_not_evaluated(rewrite: Callable[..., Path], canary: Path):
    size = {"as_expr": {"expr_str": f"__import__('os').mkdir({str(canary)!r})", "hint": {"as_int": 1}}}

    def change(data: dict) -> None:
        data["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0] = size

    batch = open_pt2(rewrite(program(change))).inputs[0].shape[0]
    assert batch == 1
    assert not canary.exists()


@pytest.mark.parametrize("hint", [None, {"as_expr": {"expr_str": "{attack}", "hint": None}}, {"as_string": "{attack}"}])
def test_hints_are_numbers(rewrite: Callable[..., Path], canary: Path, hint: object):
    attack = f"__import__('os').mkdir('{canary}')"
    size = {"as_expr": {"expr_str": attack, "hint": json.loads(json.dumps(hint).replace("{attack}", attack))}}

    def change(data: dict) -> None:
        data["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0] = size

    with pytest.raises(ModelError, match="it has sizes that depend on its input's numbers"):
        open_pt2(rewrite(program(change)))
    assert not canary.exists()


def test_operators_are_torch_ops(rewrite: Callable[..., Path]):
    def change(data: dict) -> None:
        data["graph_module"]["graph"]["nodes"][0]["target"] = "torch.os.system"

    with pytest.raises(ModelError, match=r"it calls 'torch\.os\.system'; expected torch\.ops only"):
        open_pt2(rewrite(program(change)))


def test_names_are_names(rewrite: Callable[..., Path], canary: Path):
    attack = f"x=__import__('os').mkdir({str(canary)!r})"

    def rename(text: bytes) -> bytes:
        return text.replace(b'"name": "x"', json.dumps({"name": attack}).encode()[1:-1])

    with pytest.raises(ModelError, match=r"it names something .x=__import__"):
        open_pt2(rewrite({"models/model.json": rename}))
    assert not canary.exists()


class Sizes(torch.nn.Module):
    """Computes with its sizes: a view by the batch, a mean over the positions, a second input of the same batch."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv3d(3, 4, 3, padding=1)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        features = self.conv(x).relu()
        flat = features.view(features.shape[0], 4, x.shape[2] * 64)
        return flat.sum(2) / (2 * x.shape[2]) + y


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    batch, frames = torch.export.Dim("batch"), torch.export.Dim("frames", min=2, max=64)
    args = (torch.randn(2, 3, 4, 8, 8), torch.randn(2, 4))
    shapes = {"x": {0: batch, 2: frames}, "y": {0: batch}}
    program = torch.export.export(nets.seeded(Sizes), args, dynamic_shapes=shapes, strict=False)
    path = tmp_path_factory.mktemp("sizes") / "sizes.pt2"
    torch.export.save(program, path)
    return path


@pytest.mark.parametrize("shape", [None, (1, 3, 4, 8, 8), (3, 3, 7, 8, 8), (1, 3, 2, 8, 8), (2, 3, 64, 8, 8)])
def test_open_sizes(sizes: Path, shape: tuple[int, ...] | None):
    source = open_pt2(sizes, shape)
    batch, _, frames, *_ = shape or (1, 3, 4)
    assert source.inputs == [ModelInput((batch, 3, frames, 8, 8)), ModelInput((batch, 4))]
    note = "sizes.pt2 has open sizes; it is compiled for 1x3x4x8x8, 1x4, --input-shape chooses another"
    assert source.notes == ([] if shape else [note])
    inputs = source.draw_inputs(np.random.default_rng(0))
    (seen,) = source.reference(source.parameters, inputs)
    wanted = nets.seeded(Sizes)(*map(torch.from_numpy, inputs)).detach()
    np.testing.assert_allclose(seen, wanted, rtol=1e-4, atol=1e-5)
    assert "tensor<?" not in source.lower(source.parameters).text


@pytest.mark.parametrize("frames", [1, 65])
def test_open_sizes_have_a_range(sizes: Path, frames: int):
    with pytest.raises(InputError, match=rf"sizes\.pt2: axis 2 of 'x' may be 2 to 64, not {frames}: "):
        open_pt2(sizes, (1, 3, frames, 8, 8))


def test_an_open_batch_of_at_least_two(tmp_path: Path):
    """Dim.DYNAMIC promises nothing for a batch of 1."""
    dims = {0: torch.export.Dim.DYNAMIC}
    model = torch.nn.Linear(3, 2)
    program = torch.export.export(model, (torch.zeros(4, 3),), dynamic_shapes=(dims,), strict=False)
    torch.export.save(program, tmp_path / "d.pt2")
    assert open_pt2(tmp_path / "d.pt2").inputs == [ModelInput((4, 3))]
    assert open_pt2(tmp_path / "d.pt2", (7, 3)).inputs == [ModelInput((7, 3))]
    with pytest.raises(InputError, match=r"d\.pt2: axis 0 of 'input' may be at least 2, not 1"):
        open_pt2(tmp_path / "d.pt2", (1, 3))


def test_a_size_that_is_computed(tmp_path: Path):
    """What is no plain symbol is as in the example inputs."""
    half = torch.export.Dim("half", min=2, max=8)
    model = torch.nn.AvgPool1d(2)
    args = (torch.randn(1, 3, 8),)
    program = torch.export.export(model, args, dynamic_shapes=({2: 2 * half},), strict=False)
    torch.export.save(program, tmp_path / "d.pt2")
    source = open_pt2(tmp_path / "d.pt2", (1, 3, 12))
    assert source.inputs == [ModelInput((1, 3, 8))]  # open_source refuses it
    (seen,) = source.reference({}, [args[0].numpy()])
    np.testing.assert_allclose(seen, model(*args), rtol=1e-6)


def test_sizes_of_the_data(tmp_path: Path):
    class Kept(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[x > 0]

    program = torch.export.export(Kept(), (torch.ones(4),), strict=False)
    torch.export.save(program, tmp_path / "d.pt2")
    with pytest.raises(ModelError, match=r"d\.pt2 cannot be read .*: it has sizes that depend on its input's numbers"):
        open_pt2(tmp_path / "d.pt2")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_cut_file(archive: Path, tmp_path: Path, share: float, capfd: pytest.CaptureFixture[str]):
    data = archive.read_bytes()
    cut = tmp_path / "cut.pt2"
    cut.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match=r"cut\.pt2 (is not a torch\.export archive, or was cut short|cannot be read)"):
        open_pt2(cut)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("member", "damage"),
    [
        ("models/model.json", lambda _: b"{"),
        ("models/model.json", lambda _: b"{}"),
        ("models/model.json", lambda text: text.replace(b"aten.conv3d.default", b"aten.conv9d.default")),
        ("model_weights_config.json", lambda _: b"[]"),
        ("weights/weight_0", lambda data: data[:7]),
        ("archive_version", lambda _: b"99"),
        ("sample_inputs/model.pt", lambda _: b""),
    ],
)
def test_a_damaged_member(
    rewrite: Callable[..., Path], member: str, damage: Callable[[bytes], bytes], capfd: pytest.CaptureFixture[str]
):
    with pytest.raises(ModelError, match=r"net\.pt2 "):
        open_pt2(rewrite({member: damage}))
    assert capfd.readouterr() == ("", "")


def test_a_zip_of_something_else(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.pt2", "w") as file:
        file.writestr("hello.txt", "hello")
    with pytest.raises(ModelError, match=r"x\.pt2 cannot be read as a torch\.export archive: "):
        open_pt2(tmp_path / "x.pt2")


def test_no_file(tmp_path: Path):
    with pytest.raises(ModelError, match="no such file: "):
        open_pt2(tmp_path / "none.pt2")


def test_inputs_of_a_type_that_no_module_takes(tmp_path: Path):
    program = torch.export.export(torch.nn.Identity(), (torch.zeros(2, dtype=torch.complex64),), strict=False)
    torch.export.save(program, tmp_path / "complex.pt2")
    with pytest.raises(
        InputError, match=r"complex\.pt2: example input 0 is complex64; expected one of float32, .*bool"
    ):
        open_pt2(tmp_path / "complex.pt2")


def test_keyword_inputs(tmp_path: Path):
    """The module takes them in the order of the call that was exported."""

    class Two(torch.nn.Module):
        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return first - 2 * second

    given = {"second": torch.zeros(2), "first": torch.zeros(2)}
    torch.export.save(torch.export.export(Two(), (), given, strict=False), tmp_path / "kw.pt2")
    source = open_pt2(tmp_path / "kw.pt2")
    assert source.lower(source.parameters).input_names == ["second", "first"]
    (y,) = source.reference({}, [np.ones(2, np.float32), np.zeros(2, np.float32)])
    np.testing.assert_array_equal(y, [-2, -2])
