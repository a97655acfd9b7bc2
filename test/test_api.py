import subprocess
import sys
from pathlib import Path

import nets
import numpy as np
import pytest
import torch
from torch.nn.utils import prune

import rt3d_mlir
from rt3d_mlir.errors import ArtifactError, InputError, MaskError, ModelError, TargetError, WeightError
from rt3d_mlir.sparsity import GroupSize, MaskSet, Sparsity, magnitude_mask

CLIP = torch.randn(nets.CLIP, generator=torch.Generator().manual_seed(1))


def masks(model: torch.nn.Module, group: str = "8x4", ratio: float = 0.75) -> MaskSet:
    weight = model.state_dict()["conv2.weight"].numpy()
    size = GroupSize.parse(group)
    mask = magnitude_mask(weight, size, ratio, Sparsity.KGS)
    return MaskSet(size, Sparsity.KGS, {"conv2.weight": mask}, {"conv2.weight": weight.shape})


def test_from_module_to_answer(tmp_path: Path):
    model = nets.seeded(nets.Net, batch_norm=True)
    manifest = rt3d_mlir.export(model, (CLIP,)).compile(tmp_path / "artifact", target="host")
    assert (manifest.model, manifest.target) == ("Net", "host")
    run = rt3d_mlir.load(tmp_path / "artifact")
    np.testing.assert_allclose(run(CLIP.numpy()), model(CLIP).detach(), rtol=1e-4, atol=1e-5)


def test_masks_remove_what_they_say(tmp_path: Path):
    model = nets.seeded(nets.Net)
    exported = rt3d_mlir.export(model, (CLIP,), masks=masks(model))
    exported.compile(tmp_path / "artifact")
    report = exported.report()
    conv1, conv2, fc = report.layers
    assert (conv1.kept_share, fc.kept_share) == (1.0, 1.0)
    assert conv2.kept_share == pytest.approx(0.25, abs=0.01)
    after = conv1.macs_before + conv2.kept_share * conv2.macs_before + fc.macs_before
    assert report.rate == pytest.approx(report.macs_before / after)
    keep = masks(model).masks["conv2.weight"].repeat(8, 0).repeat(4, 1)
    with torch.no_grad():
        model.conv2.weight.mul_(torch.from_numpy(keep))
    run = rt3d_mlir.load(tmp_path / "artifact")
    np.testing.assert_allclose(run(CLIP.numpy()), model(CLIP).detach(), rtol=1e-4, atol=1e-5)


def test_the_module_is_not_changed():
    model = nets.seeded(nets.Net, batch_norm=True)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    exported = rt3d_mlir.export(model, (CLIP,), masks=masks(model))
    exported.report()
    exported.golden  # noqa: B018
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_masks_of_torch_prune_are_folded():
    model = nets.seeded(nets.Net)
    with torch.no_grad():
        keep = torch.ones_like(model.conv2.weight)
        keep[:8] = 0
    prune.custom_from_mask(model.conv2, "weight", keep)
    layers = rt3d_mlir.export(model, (CLIP,), group=GroupSize(8, 4)).report().layers
    assert [layer.kept_share for layer in layers if layer.name.startswith("conv2")] == [0.5]
    assert len(layers) == 3


def test_an_exported_program():
    program = torch.export.export(nets.seeded(nets.Net), (CLIP,), strict=False)
    assert [layer.name for layer in rt3d_mlir.export(program, (CLIP,)).report().layers] == ["conv1", "conv2", "fc"]


def test_group_and_dense():
    model = nets.seeded(nets.Net)
    with torch.no_grad():
        model.conv2.weight[:4] = 0
    kept = {
        (group, dense): rt3d_mlir.export(model, (CLIP,), group=GroupSize.parse(group), dense=dense).report().rate
        for group in ("4x4", "8x4")
        for dense in (False, True)
    }
    assert kept["4x4", False] > kept["8x4", False] == kept["4x4", True] == kept["8x4", True] == 1.0


def test_a_layer_that_runs_twice():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv3d(3, 3, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(self.conv(x).relu())

    report = rt3d_mlir.export(nets.seeded(Twice), (CLIP,)).report()
    assert report.macs_before == 2 * 3 * 3 * 27 * 4 * 8 * 8
    assert len(report.layers) == 2


class Small(torch.nn.Module):
    """Two inputs, layers of 64 weights and less, and a forward that makes a tensor."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv3d(8, 8, 1)
        self.fc = torch.nn.Linear(8, 4)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.fc((self.conv(x) + y).relu().mean((2, 3, 4)) * torch.linspace(0, 1, 8))


def test_small_layers_have_their_rows_and_masks():
    size = GroupSize(4, 4)
    conv, fc = np.eye(2, dtype=bool), np.array([[True, False]])
    keep = {"conv.weight": conv.reshape(2, 2, 1, 1, 1), "fc.weight": fc.reshape(1, 2, 1, 1, 1)}
    shapes = {"conv.weight": (8, 8, 1, 1, 1), "fc.weight": (4, 8)}
    clips = torch.zeros(2, 8, 2, 4, 4), torch.zeros(2, 8, 2, 4, 4)
    exported = rt3d_mlir.export(Small(), clips, MaskSet(size, Sparsity.KGS, keep, shapes), group=size)
    rows = [(layer.name, layer.macs_before, layer.kept_share, layer.packed) for layer in exported.report().layers]
    assert rows == [("conv", 2 * 32 * 64, 0.5, True), ("fc", 2 * 32, 0.5, True)]
    assert [fate.name for fate in exported.explain().fates if fate.reason == "50.0% kept"] == ["conv", "fc"]


def test_outputs_in_a_dict():
    class Named(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fork = nets.Fork()

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            y, mean = self.fork(x)
            return {"y": y, "mean": mean}

    _, outputs = rt3d_mlir.export(nets.seeded(Named), (CLIP,)).golden
    assert [output.shape for output in outputs] == [(1, 4, 4, 8, 8), (1, 4)]


def test_report_of_a_target():
    exported = rt3d_mlir.export(nets.seeded(nets.Net), (CLIP,))
    assert exported.report(target="cortex-a76").rate == 1.0
    with pytest.raises(TargetError, match="no target is called 'cortex'"):
        exported.report(target="cortex")


def test_mistakes(tmp_path: Path):
    model = nets.seeded(nets.Net)
    exported = rt3d_mlir.export(model, (CLIP,))
    with pytest.raises(TargetError, match="no target is called 'phone'"):
        exported.compile(tmp_path / "a", target="phone")
    with pytest.raises(ArtifactError, match="exists"):
        exported.compile(tmp_path, target="host")
    with pytest.raises(ArtifactError, match="no artifact folder at "):
        rt3d_mlir.load(tmp_path / "a")
    with pytest.raises(InputError, match=r"Net: example input 0 is complex64; expected one of float32"):
        rt3d_mlir.export(model, (CLIP.to(torch.complex64),))
    with pytest.raises(MaskError, match=r"the masks name layer 'conv2\.weight'"):
        rt3d_mlir.export(nets.seeded(nets.Fork), (CLIP,), masks=masks(model))
    with torch.no_grad():
        model.fc.weight[0, 0] = float("inf")
    with pytest.raises(WeightError, match=r"fc\.weight: 1 of 2560 weights are NaN or infinite"):
        rt3d_mlir.export(model, (CLIP,))
    assert list(tmp_path.iterdir()) == []


def test_models_that_cannot_be_exported():
    class Branch(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    for model, message in (
        (Branch(), "torch.export cannot take this model: "),
        (nets.seeded(nets.Bessel), r"torch-mlir cannot lower this model: .*error: failed to legalize operation"),
    ):
        with pytest.raises(ModelError, match=message):
            rt3d_mlir.export(model, (CLIP,)).report()


def test_names():
    assert {"Exported", "export", "load"} == set(rt3d_mlir.__all__)
    for name in rt3d_mlir.__all__:
        assert callable(getattr(rt3d_mlir, name))
    with pytest.raises(AttributeError, match="module 'rt3d_mlir' has no attribute 'compiled'"):
        rt3d_mlir.compiled  # noqa: B018


@pytest.mark.parametrize("statement", ["import rt3d_mlir", "from rt3d_mlir import load", "import rt3d_mlir.runtime"])
def test_an_app_needs_no_pytorch(statement: str):
    heavy = "torch", "torch_mlir", "iree.compiler", "onnx"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print([name for name in {heavy} if name in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_importing_full_c3d_takes_less_than_3_gb():
    program = """
import resource, torch
import rt3d_mlir
from rt3d_mlir import models
exported = rt3d_mlir.export(models.build("c3d"), (torch.zeros(models.input_shape("c3d")),))
assert "dense_resource<fc6.weight>" in exported.floor1.text
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 3e9


@pytest.mark.parametrize(
    "use",
    [
        "passes.apply",
        "targets.get_target('cortex-a76').iree_flags",
        "models.build",
        "sparsity.GroupSize",
        "pruning.PruneConfig",
        "runtime.load",
        "training.Recipe",
        "errors.Rt3dError",
        "export",
        "load",
    ],
)
def test_the_package_alone_is_imported(use: str):
    code = f"import rt3d_mlir; rt3d_mlir.{use}; assert {use.split('.')[0]!r} in dir(rt3d_mlir)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_imported_before_it_is_used():
    code = "import sys, rt3d_mlir; assert not {'torch', 'iree.compiler', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
