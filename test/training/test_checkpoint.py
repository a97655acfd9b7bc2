from pathlib import Path
from unittest import mock

import pytest
import torch

from rt3d_mlir.errors import TrainingError
from rt3d_mlir.training import RunFolder

IDENTITY = {"MODEL": "c3d", "recipe": {"lr": 0.1, "seed": 0}, "classes": ["a", "b"], "--weights": None}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run", IDENTITY)
    folder.create()
    folder.save({"x": torch.arange(3), "n": 1})
    return folder


def test_it_comes_back(folder: RunFolder):
    state = folder.load()
    assert state["n"] == 1
    assert state["x"].tolist() == [0, 1, 2]
    assert [path.name for path in folder.path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"MODEL": "s3d"}, "MODEL is c3d there and s3d here"),
        ({"recipe": {"lr": 0.2, "seed": 0}}, "recipe lr is 0.1 there and 0.2 here"),
        ({"classes": ["a"]}, r"classes is \['a', 'b'\] there and \['a'\] here"),
        ({"--weights": "w"}, "--weights is missing there and w here"),
        ({"recipe": {"lr": 0.1}}, "recipe seed is 0 there and missing here"),
    ],
)
def test_of_another_run(folder: RunFolder, changed: dict, message: str):
    with pytest.raises(TrainingError, match=f"is of another run: {message}; resume with the same"):
        RunFolder(folder.path, {**IDENTITY, **changed}).load()


def test_nothing_to_resume(tmp_path: Path):
    with pytest.raises(TrainingError, match="no such file; there is nothing to resume"):
        RunFolder(tmp_path, IDENTITY).load()


@pytest.mark.parametrize("size", [0, 10, 700])
def test_cut_short(folder: RunFolder, size: int):
    path = folder.path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(TrainingError, match=r"checkpoint.pt is damaged"):
        folder.load()


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_pickles_are_refused(folder: RunFolder):
    torch.save(Bomb(), folder.path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="is damaged"):
        folder.load()


def test_another_file(folder: RunFolder):
    torch.save({"weights": torch.ones(2)}, folder.path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="is no checkpoint of rt3d-mlir-prune"):
        folder.load()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("no space"), RuntimeError("disk")])
def test_the_last_one_stays_where_writing_fails(folder: RunFolder, error: BaseException):
    def fail(_what: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    wanted = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else TrainingError
    with mock.patch("torch.save", fail), pytest.raises(wanted):
        folder.save({"n": 2})
    assert folder.load()["n"] == 1
    assert [path.name for path in folder.path.iterdir()] == ["checkpoint.pt"]


def test_a_run_is_not_overwritten_unasked(folder: RunFolder):
    with pytest.raises(TrainingError, match="holds a run already; --resume continues it, --force starts it anew"):
        folder.create()
    folder.create(replace=True)
    assert list(folder.path.iterdir()) == []


def test_a_file_in_the_way(tmp_path: Path):
    (tmp_path / "run").write_text("")
    with pytest.raises(TrainingError, match="run cannot be made"):
        RunFolder(tmp_path / "run", IDENTITY).create()
