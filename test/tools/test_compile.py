import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nets
import numpy as np
import pytest
import torch
from torch_mlir import fx

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.runtime.artifact import Manifest, sha256_file
from rt3d_mlir.sparsity import GroupSize, MaskSet, Sparsity, magnitude_mask, save_masks, save_weights
from rt3d_mlir.targets import gpu_target_names, target_names
from rt3d_mlir.tools.compile import main

C3D_CLIP = (1, 3, 16, 16, 16)
PASSES = [
    "channels-first",
    "lift-to-3d",
    "fold-mask",
    "trim-taps",
    "linear-to-conv",
    "interleave-last",
    "fold-batch-norm",
    "fuse-epilogue",
    "pack-depthwise",
    "pack-kgs",
    "block-layout",
    "trim-windows",
    "clone-slices",
    "fuse-elementwise",
    "place-activations",
    "winograd",
    "schedule-cpu",
    "unfuse-norms",
]


@pytest.fixture(scope="module")
def c3d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """C3D, narrow enough to compile in a few seconds."""
    model = models.build("c3d", num_classes=5, width=4, clip=C3D_CLIP[2:])
    return nets.save_pt2(tmp_path_factory.mktemp("c3d") / "c3d.pt2", model, C3D_CLIP)


@pytest.fixture(scope="module")
def pruned(c3d: Path) -> Path:
    """It, pruned and compiled, with the IR of each pass beside it."""
    folder = c3d.parent / "pruned"
    assert main([str(c3d), "-o", str(folder), "--target=host", "--prune=c3d-3.57x", f"--dump-ir={c3d.parent}/ir"]) == 0
    return folder


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.save_pt2(tmp_path_factory.mktemp("net") / "net.pt2", nets.seeded(nets.Net, batch_norm=True))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For tests that any network will do for."""
    return nets.save_pt2(tmp_path_factory.mktemp("tiny") / "tiny.pt2", nets.seeded(nets.Tiny))


@pytest.fixture(scope="module")
def compiled(tiny: Path) -> Path:
    """An artifact of it, to copy."""
    folder = tiny.parent / "compiled"
    assert main([str(tiny), "-o", str(folder), "--target=host"]) == 0
    return folder


@pytest.fixture
def tool(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., tuple[Path, str, str]]:
    """Compiles for the host and returns the artifact's folder, what stdout showed and what stderr did."""

    def run(model: object, *argv: object) -> tuple[Path, str, str]:
        folder = tmp_path / "artifact"
        code = main([str(word) for word in (model, "-o", folder, "--target", "host", *argv)])
        out, err = capsys.readouterr()
        assert code == 0, err
        return folder, out, err

    return run


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def layers(folder: Path) -> dict[str, dict]:
    return {layer["name"]: layer for layer in manifest(folder)["layers"]}


def golden(folder: Path, kind: str, i: int = 0) -> np.ndarray:
    return np.load(folder / "golden" / f"{kind}_{i}.npy")


def iree_run_module(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("iree-run-module"), f"--module={folder}/module.vmfb", "--function=main"]
    return subprocess.run([*command, *flags], capture_output=True, text=True, check=False)


def test_the_files(pruned: Path):
    files = sorted(path.relative_to(pruned).as_posix() for path in pruned.rglob("*") if path.is_file())
    assert files == [*("golden/input_0.npy", "golden/output_0.npy", "kept.safetensors", "manifest.json", "module.vmfb")]


def test_nothing_else_is_left(pruned: Path):
    assert sorted(path.name for path in pruned.parent.iterdir()) == ["c3d.pt2", "ir", "pruned"]


def test_the_manifest(pruned: Path):
    data = manifest(pruned)
    assert data["tools"].keys() == {"rt3d_mlir", "iree_compiler", "torch_mlir", "torch"}
    assert torch.__version__.startswith(data["tools"]["torch"])  # PyPI's own build has +cu130 in the first alone
    assert (data["model"], data["target"], data["entry"]) == ("c3d.pt2", "host", "main")
    assert data["triple"].count("-") >= 2
    assert data["cpu"] not in ("", "generic", "host")
    assert data["inputs"] == [{"name": "x", "shape": [1, 3, 16, 16, 16], "dtype": "float32"}]
    assert data["outputs"] == [{"name": "output_0", "shape": [1, 5], "dtype": "float32"}]
    names = ("golden/input_0.npy", "golden/output_0.npy", "kept.safetensors", "module.vmfb")
    assert data["files"] == {name: sha256_file(pruned / name) for name in names}
    assert data["sparsity"]["dense"] is False
    assert GroupSize.parse(data["sparsity"]["group"])


def test_the_layers_of_the_manifest(pruned: Path):
    rows = layers(pruned)
    assert " ".join(rows) == "conv1 conv2 conv3a conv3b conv4a conv4b conv5a conv5b fc6 fc7 fc8"
    assert all(row["packed"] and not row["reason"] for row in rows.values())
    assert rows["conv1"]["macs_before"] == rows["conv1"]["macs_after"] == 4 * 3 * 27 * 16**3
    conv2 = rows["conv2"]
    assert conv2["weight_shape"] == [8, 4, 3, 3, 3]
    assert conv2["macs_before"] == 8 * 4 * 27 * 16 * 8 * 8
    assert conv2["macs_after"] == round(conv2["kept_share"] * conv2["macs_before"])
    assert 0.1 < conv2["kept_share"] < 0.2


def test_the_golden_output_is_pytorchs(pruned: Path):
    exported = rt3d_mlir.load(pruned)
    np.testing.assert_allclose(exported(golden(pruned, "input")), golden(pruned, "output"), rtol=1e-4, atol=1e-5)


def test_iree_run_module_takes_it_as_it_is(pruned: Path):
    flags = [
        f"--{side}=@{pruned}/golden/{name}_0.npy" for side, name in (("input", "input"), ("expected_output", "output"))
    ]
    done = iree_run_module(pruned, *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[SUCCESS]" in done.stdout
    wrong = iree_run_module(pruned, flags[0], f"--expected_output=@{pruned}/golden/input_0.npy")
    assert wrong.returncode != 0


def test_the_same_input_gives_the_same_bytes(pruned: Path, c3d: Path, tool: Callable[..., tuple[Path, str, str]]):
    again, *_ = tool(c3d, "--prune=c3d-3.57x")
    for name in ("module.vmfb", "manifest.json"):
        assert sha256_file(again / name) == sha256_file(pruned / name), name


def test_the_module_names_no_path_of_this_machine(pruned: Path):
    binary = (pruned / "module.vmfb").read_bytes()
    for place in (pruned.parent, Path(__file__).parents[2], Path(sys.prefix)):
        assert str(place).encode() not in binary
        assert str(place) not in (pruned / "manifest.json").read_text()


def test_dump_ir(pruned: Path):
    ir = pruned.parent / "ir"
    names = ["00-imported.mlir", *(f"{i:02d}-{name}.mlir" for i, name in enumerate(PASSES, 1)), "module.mlirbc"]
    assert sorted(path.name for path in ir.iterdir()) == names
    assert "linalg.conv_3d_ncdhw_fcdhw" in (ir / "00-imported.mlir").read_text()
    assert "linalg.conv_3d_ncdhw_fcdhw" not in (ir / f"{len(PASSES):02d}-{PASSES[-1]}.mlir").read_text()


def test_the_printed_command_gives_the_same_bytes(
    tiny: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]
):
    folder, out, _ = tool(tiny, f"--dump-ir={tmp_path}/ir", "--print-command")
    command = shlex.split(out.splitlines()[-1])
    assert Path(command[0]).name == "iree-compile"
    expected = sha256_file(folder / "module.vmfb")
    (folder / "module.vmfb").unlink()
    subprocess.run(command, check=True)
    assert sha256_file(folder / "module.vmfb") == expected


def test_the_table(net: Path, tool: Callable[..., tuple[Path, str, str]]):
    folder, out, err = tool(net)
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["layer", "weights", "kept", "MACs", "before", "MACs", "after"]
    assert [line[:3] for line in lines[1:5]] == [
        ["conv1", "8x3x3x3x3", "100.0%"],
        ["conv2", "16x8x3x3x3", "100.0%"],
        ["fc", "5x512", "100.0%"],
        ["all", "100.0%", "0.279"],
    ]
    assert lines[1][3:] == ["0.166", "M", "0.166", "M", "packed"]
    assert out.splitlines()[4].endswith("1.00x fewer")
    assert out.splitlines()[-1].startswith(f"{folder}: net.pt2 for host (")
    assert out.splitlines()[-1].endswith("its golden output is right")
    assert err == ""


def test_explain(net: Path, tool: Callable[..., tuple[Path, str, str]]):
    folder, out, _ = tool(net, "--explain")
    lines = [line.split() for line in out.splitlines()]
    assert ["bn1", "batch_norm", "fused", "into", "conv1", "in", "its", "weights", "and", "epilogue"] in lines
    assert ["pool", "max_pool3d", "fused", "into", "conv1"] in [line[:5] for line in lines]
    assert out.splitlines()[-1].startswith("8 ops: 3 packed, 4 fused, 1 folded, 0 left to IREE (0.0% of the MACs)")
    ops = manifest(folder)["ops"]
    assert ops[2] == {
        "name": "bn1",
        "kind": "batch_norm",
        "macs": 0,
        "where": "fused",
        "into": ["conv1"],
        "reason": "in its weights and epilogue",
        "macs_off": 0,
        "bytes": 0,
        "bytes_off": 0,
        "seconds": 0.0,
        "seconds_off": 0.0,
        "in_part": False,
    }
    assert Manifest.read(folder).ops[2].into == ["conv1"]


def test_what_is_off_the_fast_path_is_named(tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    class Gram(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.bmm(x, x.transpose(1, 2))

    folder, out, err = tool(nets.save_pt2(tmp_path / "gram.pt2", Gram(), (1, 4, 8)), "--explain")
    shares = "100.0% of the MACs, 100.0% of the memory traffic"
    slow = "is off the packed path and will be slow; --explain lists the ops"
    assert f"warning: 100% of the estimated time ({shares}) {slow}" in err
    assert re.search(r"^bmm .* left to IREE ", out, re.MULTILINE)
    assert layers(folder) == {}


def test_json_and_verbose(tiny: Path, tool: Callable[..., tuple[Path, str, str]]):
    folder, out, err = tool(tiny, "--json", "--print-command", "-v")
    shown = json.loads(out)
    assert shown.pop("seconds") > 0
    assert str(folder / "module.vmfb") in shlex.split(shown.pop("command"))
    off_path = shown.pop("off_path")
    assert (off_path["left"], off_path["macs"], off_path["memory_traffic"], off_path["estimated_time"]) == (0, 0, 0, 0)
    assert off_path["conversion_bytes"] > 0
    assert {"format": "rt3d-artifact", "version": 1, **shown} == manifest(folder)
    steps = ["importing", "rewriting", "measuring the arena", "running iree-compile", "running the reference"]
    assert err.splitlines() == [*steps, "checking against the golden output"]


def test_flags_for_iree(tiny: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    _, out, _ = tool(tiny, "--print-command", "--", f"--iree-hal-dump-executable-sources-to={tmp_path}/sources")
    assert any((tmp_path / "sources").iterdir())
    assert out.rstrip().endswith(f"--iree-hal-dump-executable-sources-to={tmp_path}/sources")


def test_dense_keeps_all_taps(pruned: Path, c3d: Path, tool: Callable[..., tuple[Path, str, str]]):
    folder, out, _ = tool(c3d, "--prune=c3d-3.57x", "--dense")
    assert all(row["kept_share"] == 1.0 for row in layers(folder).values())
    assert "1.00x fewer" in out
    assert manifest(folder)["sparsity"]["dense"] is True
    x = golden(pruned, "input")
    np.testing.assert_allclose(rt3d_mlir.load(folder)(x), golden(pruned, "output"), rtol=1e-4, atol=1e-5)


def test_ratios_from_a_file(net: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    (tmp_path / "ratios.yaml").write_text("conv2.weight: 0.75\n")
    folder, *_ = tool(net, "--prune", tmp_path / "ratios.yaml", "--group=8x4")
    assert layers(folder)["conv2"]["kept_share"] == pytest.approx(0.25, abs=0.01)
    assert layers(folder)["conv1"]["kept_share"] == 1.0


def write_masks(path: Path, model: torch.nn.Module, group: str, ratio: float = 0.75) -> Path:
    weight = model.state_dict()["conv2.weight"].numpy()
    size = GroupSize.parse(group)
    masks = {"conv2.weight": magnitude_mask(weight, size, ratio, Sparsity.KGS)}
    save_masks(path, MaskSet(size, Sparsity.KGS, masks, {"conv2.weight": weight.shape}))
    return path


def test_masks_bring_their_group(net: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    masks = write_masks(tmp_path / "masks.safetensors", nets.seeded(nets.Net), "4x2")
    folder, *_ = tool(net, "--masks", masks)
    assert manifest(folder)["sparsity"]["group"] == "4x2"
    assert layers(folder)["conv2"]["kept_share"] == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("group", ["3x5", "1x1"])
def test_groups(net: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]], group: str):
    (tmp_path / "r.yaml").write_text("conv2.weight: 0.75\n")
    folder, *_ = tool(net, "--prune", tmp_path / "r.yaml", "--group", group)
    assert manifest(folder)["sparsity"]["group"] == group
    assert layers(folder)["conv2"]["kept_share"] == pytest.approx(0.25, abs=0.03)


def test_zero_blocks_are_the_mask(tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    model = nets.seeded(nets.Net)
    with torch.no_grad():
        model.conv2.weight[:8] = 0
    folder, *_ = tool(nets.save_pt2(tmp_path / "zeros.pt2", model), "--group=8x4")
    assert layers(folder)["conv2"]["kept_share"] == 0.5


def test_weights_of_a_file(net: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    model = nets.seeded(nets.Net, batch_norm=True)
    weights = {name: 2 * tensor.numpy() for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    save_weights(tmp_path / "w.safetensors", weights)
    folder, *_ = tool(net, "--weights", tmp_path / "w.safetensors")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    expected = model(torch.from_numpy(golden(folder, "input"))).detach().numpy()
    np.testing.assert_allclose(golden(folder, "output"), expected, rtol=1e-4, atol=1e-5)


def test_force_replaces_an_artifact(
    tiny: Path, compiled: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]
):
    folder = shutil.copytree(compiled, tmp_path / "artifact")
    (folder / "module.vmfb").write_bytes(b"old")
    assert tool(tiny, "--force")[0] == folder
    assert manifest(folder)["files"]["module.vmfb"] == sha256_file(folder / "module.vmfb")
    assert list(tmp_path.iterdir()) == [folder]


def test_force_fills_an_empty_folder(tiny: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    (tmp_path / "artifact").mkdir()
    assert (tool(tiny, "--force")[0] / "module.vmfb").is_file()


def test_force_through_a_link_leaves_its_target(
    tiny: Path, compiled: Path, tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]
):
    elsewhere = shutil.copytree(compiled, tmp_path / "elsewhere")
    (tmp_path / "artifact").symlink_to(elsewhere)
    tool(tiny, "--force")
    assert (elsewhere / "module.vmfb").is_file()


def test_parents_are_made(tiny: Path, tmp_path: Path):
    folder = tmp_path / "a" / "b" / "c"
    assert main([str(tiny), "-o", str(folder), "--target", "host"]) == 0
    assert (folder / "module.vmfb").is_file()


def test_batch_of_two(tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    folder, *_ = tool(nets.save_pt2(tmp_path / "n.pt2", nets.seeded(nets.Net), (2, *nets.CLIP[1:])))
    assert golden(folder, "output").shape == (2, 5)
    assert layers(folder)["conv1"]["macs_before"] == 2 * 8 * 3 * 27 * 4 * 8 * 8


def test_two_inputs(tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    folder, *_ = tool(nets.save_pt2(tmp_path / "s.pt2", nets.seeded(nets.Sum), (1, 3, 4, 6, 6), (1, 2, 4, 6, 6)))
    assert [(spec["name"], spec["shape"][1]) for spec in manifest(folder)["inputs"]] == [("x", 3), ("y", 2)]
    assert (golden(folder, "input", 0).shape[1], golden(folder, "input", 1).shape[1]) == (3, 2)
    ins = [f"--input=@{folder}/golden/input_{i}.npy" for i in range(2)]
    assert iree_run_module(folder, *ins, f"--expected_output=@{folder}/golden/output_0.npy").returncode == 0


def test_two_outputs(tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    folder, *_ = tool(nets.save_pt2(tmp_path / "f.pt2", nets.seeded(nets.Fork), (1, 3, 4, 6, 6)))
    assert [spec["shape"] for spec in manifest(folder)["outputs"]] == [[1, 4, 4, 6, 6], [1, 4]]
    outs = [f"--expected_output=@{folder}/golden/output_{i}.npy" for i in range(2)]
    assert iree_run_module(folder, f"--input=@{folder}/golden/input_0.npy", *outs).returncode == 0


def test_mlir_that_was_saved(tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    model = nets.seeded(nets.Net)
    rt3d_mlir.export(model, (torch.zeros(nets.CLIP),)).save_mlir(tmp_path / "saved.mlir")
    folder, out, _ = tool(tmp_path / "saved.mlir", "--group=8x4", "--masks", write_masks(tmp_path / "m", model, "8x4"))
    assert list(layers(folder)) == ["conv1", "conv2", "fc"]
    assert layers(folder)["conv2"]["kept_share"] == pytest.approx(0.25, abs=0.01)
    assert "saved.mlir for host" in out


def test_mlir_of_torch_mlir(tmp_path: Path, tool: Callable[..., tuple[Path, str, str]]):
    model = nets.seeded(nets.Net)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_args, **_options: None)
        module = fx.export_and_import(model, torch.zeros(nets.CLIP), output_type="linalg-on-tensors", func_name="main")
    (tmp_path / "plain.mlir").write_text(str(module))
    assert "dense_resource<" in str(module)
    folder, *_ = tool(tmp_path / "plain.mlir")
    assert all(row["packed"] for row in layers(folder).values())
    assert len(layers(folder)) == 3
    expected = model(torch.from_numpy(golden(folder, "input"))).detach().numpy()
    np.testing.assert_allclose(golden(folder, "output"), expected, rtol=1e-4, atol=1e-5)


def test_a_model_of_the_zoo(monkeypatch: pytest.MonkeyPatch, tool: Callable[..., tuple[Path, str, str]]):
    build = models.build
    monkeypatch.setattr(models, "build", lambda name, **options: build(name, width=4, **options))
    folder, _, err = tool("c3d", "--input-shape=1x3x16x16x16", "--prune=c3d-2.53x", "--classes=5")
    assert "no --weights: c3d gets random weights (seed 0); its answers mean nothing" in err
    assert manifest(folder)["model"] == "c3d"
    assert manifest(folder)["inputs"][0]["shape"] == [1, 3, 16, 16, 16]
    assert manifest(folder)["outputs"][0]["shape"] == [1, 5]
    assert len(layers(folder)) == 11


def test_list_targets(capsys: pytest.CaptureFixture[str]):
    assert main(["--list-targets"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["target", *target_names(), *gpu_target_names()]
    assert err == ""
    for name in ("cortex-a55", "cortex-a76", "cortex-a77", "cortex-a78", "cortex-x1", "cortex-x2", "snapdragon-865"):
        assert name in target_names()


@pytest.mark.parametrize("target", [*target_names()[1:], *gpu_target_names()])
def test_every_preset(tmp_path: Path, tiny: Path, target: str, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "artifact"
    assert main([str(tiny), "-o", str(folder), "--target", target]) == 0
    data = manifest(folder)
    assert (data["target"], data["triple"].split("-")[0]) == (
        target,
        "spirv" if target in gpu_target_names() else "aarch64",
    )
    there = f"not run here; check it on the target with --expected_f32_threshold={data['tolerance']:.2g}"
    assert capsys.readouterr().out.rstrip().endswith(there)


def test_the_console_script():
    script = Path(sys.executable).with_name("rt3d-mlir-compile")
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: rt3d-mlir-compile MODEL -o DIR --target TARGET [options] [-- IREE FLAGS]")
