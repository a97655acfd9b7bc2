"""A compiled module's memory for activations: as large as IREE says, kept between calls, right whatever is in it."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import iree.compiler.ir as ir
import iree.runtime as iree
import nets
import numpy as np
import pytest
import torch
import vulkan
from torch import nn

import rt3d_mlir
from rt3d_mlir.compile import arena
from rt3d_mlir.compile.arena import compile_with_arena
from rt3d_mlir.compile.artifact_writer import write_artifact
from rt3d_mlir.errors import CompileError
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.targets import find_target

#: Two activations of 34 MB: more than IREE's pool for local-task takes.
LARGE = (1, 4, 8, 128, 128)

CALLS = """
import resource, sys
import numpy as np
import rt3d_mlir.runtime
run = rt3d_mlir.runtime.load(sys.argv[1], device=sys.argv[2])
clip = np.ones(run.inputs[0].shape, np.float32)
run(clip), run(clip)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    run(clip)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


class Two(nn.Module):
    """Two outputs, one of them on the way to the other."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv3d(3, 16, 3, padding=1), nn.Conv3d(16, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.first(x).relu()
        return self.second(y).mean((2, 3, 4)), y


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = nn.Sequential(nn.Conv3d(4, 64, 1), nn.ReLU(), nn.Conv3d(64, 64, (1, 3, 3), padding=(0, 1, 1)), nn.Flatten(2))
    folder = tmp_path_factory.mktemp("large") / "artifact"
    model = nn.Sequential(net, nn.AvgPool1d(1024))
    rt3d_mlir.export(model.eval(), (torch.zeros(LARGE),)).compile(folder)
    return folder


def reflection(folder: Path) -> dict[str, str]:
    config = iree.Config("local-sync")
    module = iree.VmModule.mmap(config.vm_instance, str(folder / "module.vmfb"))
    return module.lookup_function("main").reflection


def test_it_is_as_large_as_iree_says(large: Path):
    arena = json.loads((large / "manifest.json").read_text())["arena"]
    assert arena == int(reflection(large)["iree.abi.transients.size.constant"])
    assert arena > 64 * 2**20


@pytest.mark.parametrize("device", ["local-task", "local-sync"])
def test_calls_fault_in_no_pages_again(large: Path, device: str):
    done = subprocess.run([sys.executable, "-c", CALLS, str(large), device], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = json.loads((large / "manifest.json").read_text())["arena"] // 4096
    assert int(done.stdout) < pages // 4  # of four calls, which would fault in four times as many without the arena


def test_two_outputs_and_what_calls_leave_behind(tmp_path: Path):
    model = nets.seeded(Two)
    manifest = rt3d_mlir.export(model, (torch.zeros(nets.CLIP),)).compile(tmp_path / "artifact")
    assert manifest.arena > 0
    run = rt3d_mlir.load(tmp_path / "artifact")
    for seed, scale in enumerate((1, 1e6, 0, float("nan"), 1)):
        clip = scale * torch.randn(nets.CLIP, generator=torch.Generator().manual_seed(seed))
        for ours, expected in zip(run(clip.numpy()), model(clip), strict=True):
            np.testing.assert_allclose(ours, expected.detach(), rtol=1e-4, atol=1e-5 * (scale or 1))


def test_threads_take_turns(large: Path, monkeypatch: pytest.MonkeyPatch):
    """IREE lets go of Python's lock while it runs."""
    run = rt3d_mlir.load(large)
    inside, together, entry = [0], [0], run._entry

    def watched(clip: np.ndarray) -> object:
        inside[0] += 1
        together[0] = max(together[0], inside[0])
        result = entry(clip)
        inside[0] -= 1
        return result

    monkeypatch.setattr(run, "_entry", watched)
    clips = [torch.randn(LARGE, generator=torch.Generator().manual_seed(seed)).numpy() for seed in range(2)]
    expected, wrong = [run(clip) for clip in clips], []

    def call(i: int) -> None:
        wrong.extend(i for _ in range(10) if not np.array_equal(run(clips[i]), expected[i]))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(clips))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (together, wrong) == ([1], [])


def test_none_where_calls_may_overlap(tmp_path: Path):
    exported = rt3d_mlir.export(nets.seeded(nets.Net), (torch.zeros(nets.CLIP),))
    flags, target = ["--iree-execution-model=async-external"], find_target("cortex-a76")
    assert write_artifact(exported.job(target, flags), tmp_path / "artifact").arena == 0


@pytest.mark.parametrize(
    ("out", "body"),
    [
        ("2x3", "return %x : tensor<2x3xf32>"),
        ("6", "%y = tensor.collapse_shape %x [[0, 1]] : tensor<2x3xf32> into tensor<6xf32> return %y : tensor<6xf32>"),
        ("2x3", "%y = math.absf %x : tensor<2x3xf32> return %y : tensor<2x3xf32>"),
    ],
    ids=["the-input", "a-view-of-it", "one-dispatch"],
)
def test_none_where_nothing_is_needed(out: str, body: str, tmp_path: Path):
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(f"func.func @main(%x: tensor<2x3xf32>) -> tensor<{out}xf32> {{ {body} }}")
        before = mlir_io.without_numbers(module)
        paths, flags = (tmp_path / "module.mlirbc", tmp_path / "module.vmfb"), find_target("host").iree_flags
        assert compile_with_arena(module, WeightTable(), flags, *paths, lambda _what: None) == 0
        assert mlir_io.without_numbers(module) == before


class Twins(nn.Module):
    """Two kernels that differ in their code alone, and constants that a kernel works on."""

    def __init__(self):
        super().__init__()
        self.conv, self.state = nn.Conv3d(3, 16, 3, padding=1), nn.Conv3d(16, 16, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return self.state(torch.ones_like(y)) + torch.sigmoid(y).flip(2) * torch.tanh(y).flip(3)


def test_kernels_that_differ_in_code_alone_are_two(tmp_path: Path):
    """A copy without code, from which the size is asked, would have one for both, and an arena for one result."""
    manifest = rt3d_mlir.export(nets.seeded(Twins), (torch.zeros(1, 3, 4, 12, 12),)).compile(tmp_path / "artifact")
    assert manifest.arena == int(reflection(tmp_path / "artifact")["iree.abi.transients.size.constant"])


def test_a_module_that_outgrows_its_arena_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(arena, "_measure", lambda *_: 64)
    exported = rt3d_mlir.export(nets.seeded(nets.Net), (torch.zeros(nets.CLIP),))
    with pytest.raises(CompileError, match=r"needs \d+ bytes for its activations, and .* was measured to need 64"):
        exported.compile(tmp_path / "artifact", "cortex-a76")
    assert not (tmp_path / "artifact").exists()


def test_a_gpu_has_one_too(tmp_path: Path):
    """Calls that share it answer alike."""
    driver = Path(vulkan.driver())
    exported = rt3d_mlir.export(nets.seeded(nets.Net), (torch.zeros(nets.CLIP),))
    folder = tmp_path / "artifact"
    assert exported.compile(folder, "vulkan-lavapipe").arena > 0
    done = vulkan.run_tool(["rt3d-mlir-run", str(folder), "--check", "--repeat", "3"], driver)
    assert done.returncode == 0, done.stderr
