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
    assert (source.name, source.input_shapes) == ("net.pt2", [nets.CLIP])
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

    with pytest.raises(ModelError, match="it has dynamic shapes; export it with fixed ones"):
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


def test_dynamic_shapes(tmp_path: Path):
    dims = {2: torch.export.Dim("frames", min=2, max=64)}
    path = nets.save_pt2(tmp_path / "d.pt2", nets.seeded(nets.Fork), dynamic_shapes=(dims,))
    with pytest.raises(ModelError, match=r"d\.pt2 cannot be read .*: it has dynamic shapes; export it with fixed ones"):
        open_pt2(path)


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


def test_inputs_other_than_float32(tmp_path: Path):
    program = torch.export.export(torch.nn.Identity(), (torch.zeros(2, dtype=torch.int64),), strict=False)
    torch.export.save(program, tmp_path / "int.pt2")
    with pytest.raises(InputError, match=r"int\.pt2: example input 0 is torch\.int64; expected float32 tensors"):
        open_pt2(tmp_path / "int.pt2")


def test_keyword_inputs(tmp_path: Path):
    program = torch.export.export(torch.nn.Identity(), (), {"input": torch.zeros(2)}, strict=False)
    torch.export.save(program, tmp_path / "kw.pt2")
    with pytest.raises(ModelError, match=r"kw\.pt2 holds no positional example inputs"):
        open_pt2(tmp_path / "kw.pt2")
