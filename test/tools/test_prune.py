import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small
import torch

import rt3d_mlir
from rt3d_mlir.errors import ModelError
from rt3d_mlir.sparsity import apply_masks, load_masks, load_weights, save_weights
from rt3d_mlir.tools import compile as compile_tool
from rt3d_mlir.tools import prune
from rt3d_mlir.training import open_model
from rt3d_mlir.training.model import load_checkpoint, numpy_weights
from rt3d_mlir.training.progress import Progress

QUICK = ("--rate=2", "--epochs=2", "--dense-epochs=1", "--batch=8", "--dense-lr=0.02", "--lr=0.01", "--device=cpu")
FILES = [
    *("checkpoint.pt", "curves.png", "dense.safetensors", "masks.safetensors", "model.pt2"),
    *("report.json", "weights.safetensors"),
]


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.save_npz(tmp_path_factory.mktemp("data") / "clips.npz")


def run(npz: Path, folder: Path, *argv: str, model: str = "small:Small") -> int:
    return prune.main([model, f"--data={npz}", "-o", str(folder), *QUICK, *argv])


@pytest.fixture(scope="module")
def pruned(npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "pruned"
    assert run(npz, folder) == 0
    return folder


def test_the_files(pruned: Path):
    assert sorted(path.name for path in pruned.iterdir()) == FILES
    assert (pruned / "curves.png").read_bytes().startswith(b"\x89PNG")
    weights, masks = load_weights(pruned / "weights.safetensors"), load_masks(pruned / "masks.safetensors")
    assert sorted(masks.masks) == ["conv2.weight", "conv3.weight"]
    for name, array in apply_masks(weights, masks).items():
        np.testing.assert_array_equal(array, weights[name])
    assert np.count_nonzero(load_weights(pruned / "dense.safetensors")["conv2.weight"] == 0) == 0


def test_the_report(pruned: Path):
    report = json.loads((pruned / "report.json").read_text())
    assert report["command"].startswith("rt3d-mlir-prune small:Small --data=")
    assert report["recipe"] == {
        "epochs": 2,
        "dense_epochs": 1,
        "batch": 8,
        "lr": 0.01,
        "dense_lr": 0.02,
        "seed": 0,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "distill": False,
    }
    assert (report["prune"]["algorithm"], report["prune"]["group"], report["prune"]["rate"]) == ("reweighted", "8x4", 2)
    assert report["data"]["clip"] == [3, 4, 8, 8]
    assert [epoch["stage"] for epoch in report["epochs"]] == ["dense", "prune", "retrain"]
    assert report["accuracy"]["final"] == report["epochs"][-1]["accuracy"]
    assert report["pruned"]["rate_reached"] == pytest.approx(2, rel=0.1)
    assert report["machine"]["torch"] == torch.__version__


def test_the_accuracy_is_that_of_the_files(pruned: Path):
    report = json.loads((pruned / "report.json").read_text())
    model = small.Small()
    load_checkpoint(model, str(pruned / "weights.safetensors"))
    made = small.arrays()
    with torch.no_grad():
        answers = model.eval()(torch.from_numpy(made["x_test"]).float() / 255).argmax(1).numpy()
    assert (answers == made["y_test"]).mean() == report["accuracy"]["final"]


def test_it_goes_on_through_the_compiler(pruned: Path, tmp_path: Path):
    """model.pt2 and the masks as they are; the dense weights in the same model are the other one to compile."""
    model = small.Small().eval()
    clip = np.random.default_rng(0).random((1, *small.CLIP), np.float32)
    cases = {
        "pruned": (["--masks", str(pruned / "masks.safetensors")], "weights"),
        "dense": (["--dense", "--weights", str(pruned / "dense.safetensors")], "dense"),
    }
    macs = {}
    for name, (flags, weights) in cases.items():
        folder = tmp_path / name
        assert compile_tool.main([str(pruned / "model.pt2"), "-o", str(folder), "--target=host", *flags]) == 0
        load_checkpoint(model, str(pruned / f"{weights}.safetensors"))
        with torch.no_grad():
            wanted = model(torch.from_numpy(clip)).numpy()
        np.testing.assert_allclose(rt3d_mlir.load(folder)(clip), wanted, rtol=1e-4, atol=1e-5)
        layers = json.loads((folder / "manifest.json").read_text())["layers"]
        macs[name] = sum(layer["macs_after"] for layer in layers)
    rate = json.loads((pruned / "report.json").read_text())["pruned"]["rate_reached"]
    assert macs["dense"] / macs["pruned"] == pytest.approx(rate, rel=1e-3)


def test_a_zoo_model_goes_on_too(tmp_path: Path):
    """C3D on the synthetic set's kind of clips, as narrow as can be."""
    made = {
        f"{kind}_{part}": np.zeros((4, 3, 16, 32, 32), np.uint8) if kind == "x" else np.arange(4) % 2
        for kind in "xy"
        for part in ("train", "test")
    }
    npz = small.save_npz(tmp_path / "clips.npz", **made)
    assert run(npz, tmp_path / "run", "--width=4", "--classes=3", "--group=4x4", model="c3d") == 0
    model = open_model("c3d", 3, (3, 16, 32, 32), width=4)
    load_checkpoint(model, str(tmp_path / "run/weights.safetensors"))
    flags = ["--masks", str(tmp_path / "run/masks.safetensors")]
    pt2 = str(tmp_path / "run/model.pt2")
    assert compile_tool.main([pt2, "-o", str(tmp_path / "compiled"), "--target=host", *flags]) == 0
    clip = np.random.default_rng(0).random((1, 3, 16, 32, 32), np.float32)
    with torch.no_grad():
        wanted = model(torch.from_numpy(clip)).numpy()
    np.testing.assert_allclose(rt3d_mlir.load(tmp_path / "compiled")(clip), wanted, rtol=1e-4, atol=1e-5)


def test_a_net_that_segments_goes_on_too(tmp_path: Path):
    """Labels by position; the masks of its transposed conv are packed."""
    npz = small.save_npz(tmp_path / "volumes.npz", **small.volumes())
    folder = tmp_path / "run"
    assert run(npz, folder, "--group=4x4", model="small:Segmenting") == 0
    masks = load_masks(folder / "masks.safetensors")
    assert masks.transposed == {"up.weight"}
    flags = ["--target=host", "--masks", str(folder / "masks.safetensors"), "--group=4x4", "--no-winograd"]
    assert compile_tool.main([str(folder / "model.pt2"), "-o", str(tmp_path / "compiled"), *flags]) == 0
    layers = json.loads((tmp_path / "compiled/manifest.json").read_text())["layers"]
    kept = {f"{layer['name']}.weight": layer["kept_share"] for layer in layers if layer["kept_share"] < 1}
    assert kept == {name: pytest.approx(masks.kept_share(name)) for name in masks.masks}


def test_interrupted_and_resumed(
    npz: Path, pruned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupt(self: Progress, stage: str, epoch: int, *_rest: object) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "step", interrupt)
        assert run(npz, tmp_path / "run") == 130
    assert capsys.readouterr().err.endswith("rt3d-mlir-prune: interrupted\n")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["checkpoint.pt", "dense.safetensors"]
    assert run(npz, tmp_path / "run", "--resume") == 0
    assert "resuming after epoch 2" in capsys.readouterr().err
    for name in ("weights.safetensors", "masks.safetensors", "dense.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (pruned / name).read_bytes()


def test_weights_are_trained_already(npz: Path, pruned: Path, tmp_path: Path):
    argv = ["small:Small", f"--data={npz}", "-o", str(tmp_path / "run"), "--rate=2", "--epochs=2", "--batch=8"]
    assert prune.main([*argv, "--device=cpu", "--weights", str(pruned / "dense.safetensors")]) == 0
    dense = json.loads((pruned / "report.json").read_text())["accuracy"]["dense"]
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert report["accuracy"]["dense"] == dense
    assert [epoch["stage"] for epoch in report["epochs"]] == ["prune", "retrain"]


def test_ratios(npz: Path, tmp_path: Path):
    (tmp_path / "ratios.yaml").write_text("conv3.weight: 0.5\n")
    argv = ["small:Small", f"--data={npz}", "-o", str(tmp_path / "run"), *QUICK[1:]]
    assert prune.main([*argv, f"--ratios={tmp_path / 'ratios.yaml'}", "--sparsity=vanilla"]) == 0
    assert list(load_masks(tmp_path / "run/masks.safetensors").masks) == ["conv3.weight"]


def test_the_last_line_says_what_came_out(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(npz, tmp_path / "run", "--algorithm=heuristic") == 0
    out, err = capsys.readouterr()
    assert "x fewer MACs (2x asked); test accuracy " in out
    assert "model.pt2 --masks" in out
    assert [line.split(":")[0] for line in err.splitlines()] == [
        "epoch 1/3 dense",
        "epoch 2/3 prune",
        "epoch 3/3 retrain",
    ]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--rate=100"], "rate 100 cannot be reached"),
        (["--rate=0.5"], "rate 0.5: expected above 1"),
        (["--group=64x64"], "no layer can be pruned in groups of 64x64"),
        (["--group=8"], "group size '8': expected"),
        (["--epochs=1"], "1 epoch cannot be divided"),
        (["--weights=none.safetensors"], "none.safetensors: no such file"),
        (["--resume"], "there is nothing to resume"),
        (["--device=tpu"], "device 'tpu': expected cpu, cuda"),
        (["--data=none.npz"], "none.npz: no such file"),
        (["--width=3"], "takes no width"),
        (["--max-damaged=2"], "expected a share"),
        (["--classes=1"], "clips.npz has 2 classes, the model 1; expected at least as many"),
    ],
)
def test_mistakes(npz: Path, tmp_path: Path, argv: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert run(npz, tmp_path / "run", *argv) == 1
    err = capsys.readouterr().err
    assert err.startswith("rt3d-mlir-prune: error: ")
    assert message in err
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_run(npz: Path, pruned: Path, capsys: pytest.CaptureFixture[str]):
    before = (pruned / "checkpoint.pt").read_bytes()
    for argv, model, message in (
        (["--resume"], "small:Plain", "MODEL is small:Small there and small:Plain here"),
        (["--resume", "--lr=0.5"], "small:Small", "recipe lr is 0.01 there and 0.5 here"),
        (["--resume", "--norm=l1"], "small:Small", "pruning norm is l2 there and l1 here"),
        ([], "small:Small", "holds a run already; --resume continues it, --force starts it anew"),
    ):
        assert run(npz, pruned, *argv, model=model) == 1
        assert message in capsys.readouterr().err
    assert (pruned / "checkpoint.pt").read_bytes() == before


def test_nan_keeps_the_last_good_checkpoint(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(npz, tmp_path / "run", "--lr=1e12") == 1
    assert "is NaN or infinite in epoch 2 (prune, " in capsys.readouterr().err
    state = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["state"]
    assert len(state["epochs"]) == 1
    assert all(bool(tensor.isfinite().all()) for tensor in state["model"].values())
    assert load_weights(tmp_path / "run/dense.safetensors").keys() == numpy_weights(small.Small()).keys()


def test_a_checkpoint_decides_the_classes_of_a_zoo_model(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def stop(_name: str, num_classes: int, *_rest: object) -> None:
        raise ModelError(f"asked for {num_classes}")

    monkeypatch.setattr(prune, "open_model", stop)
    save_weights(tmp_path / "w.safetensors", {"fc.bias": np.zeros(7, np.float32)})
    for flags, said in (
        ([], "asked for 2"),
        (["--classes=5"], "r3d_18 has 5 classes, of which"),
        ([f"--weights={tmp_path}/w.safetensors"], "asked for 7"),
        (
            [f"--weights={tmp_path}/w.safetensors", "--classes=5"],
            "w.safetensors tells 7 classes apart, --classes says 5",
        ),
    ):
        assert run(npz, tmp_path / "run", *flags, model="r3d_18") == 1
        assert said in capsys.readouterr().err


def test_usage(capsys: pytest.CaptureFixture[str]):
    assert prune.main(["c3d", "--data=synthetic", "-o", "x"]) == 2
    assert "one of the arguments --rate --ratios is required" in capsys.readouterr().err


def test_as_a_program():
    done = subprocess.run([sys.executable, "-m", "rt3d_mlir.tools.prune", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: rt3d-mlir-prune MODEL --data DATA --rate 2.6 -o DIR [options]")


def test_training_needs_neither_compiler_nor_decoder():
    code = (
        "import sys, rt3d_mlir.training, rt3d_mlir.pruning, rt3d_mlir.models, rt3d_mlir.training.progress\n"
        "bad = {name.split('.')[0] for name in sys.modules} & {'iree', 'torch_mlir', 'av'}\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
