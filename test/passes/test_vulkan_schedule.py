"""schedule-vulkan on Mesa's software device, compared with PyTorch in float64."""

import copy
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import compiler
import iree.compiler.ir as ir
import matrices
import numerics
import numpy as np
import pytest
import torch
import vulkan
from cases import Case, channel_moves, channel_norms, foreign, over_channels, resampled, upsampled
from numerics import Several
from torch import nn
from torch.nn import functional as F

import rt3d_mlir
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.iree.command import compile_command
from rt3d_mlir.passes.cost.gpu_matrix_tile import MatrixTile
from rt3d_mlir.passes.cost.gpu_tile import GpuTile
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.gpu import conv as gpu_conv
from rt3d_mlir.passes.gpu import matrix_conv as gpu_matrix_conv
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.pipeline import default_pipeline, run_pipeline
from rt3d_mlir.passes.schedule.vulkan import ScheduleVulkan
from rt3d_mlir.sparsity import GroupSize, expand
from rt3d_mlir.targets import GpuTarget, get_gpu_target, get_target

TARGET = get_gpu_target("vulkan-lavapipe")


class Residual(nn.Module):
    """The activation goes to a padded conv and to the sum behind it; then two channel parts side by side."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv3d(8, 12, 3, padding=1), nn.Conv3d(12, 12, (1, 3, 3), padding=(0, 1, 1))
        self.c, self.d = nn.Conv3d(12, 8, 1), nn.Conv3d(20, 4, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.a(x))
        y = torch.relu(self.b(y) + y)
        return self.d(torch.cat([y, torch.relu(self.c(y))], 1))


class Inception(nn.Module):
    """Branches side by side, whose results lie one behind the other."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv3d(8, 16, 1), nn.Conv3d(8, 4, 1)
        self.c, self.d = nn.Conv3d(4, 8, 3, padding=1), nn.Conv3d(8, 4, 1)
        self.first, self.last = nn.Conv3d(8, 8, 1), nn.Conv3d(28, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu()
        pooled = nn.functional.max_pool3d(x, 3, 1, 1)
        return self.last(torch.cat([self.a(x).relu(), self.c(self.b(x).relu()), self.d(pooled)], 1))


class SqueezeExcite(nn.Module):
    """Depthwise conv, hard-swish, a gate from the mean of all positions."""

    def __init__(self):
        super().__init__()
        self.deep, self.wide = nn.Conv3d(16, 16, 3, padding=1, groups=16), nn.Conv3d(16, 6, 1)
        self.down, self.up = nn.Conv3d(16, 5, 1), nn.Conv3d(5, 16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.hardswish(self.deep(x))
        gate = self.up(torch.relu(self.down(y.mean((2, 3, 4), keepdim=True))))
        return self.wide(y * torch.sigmoid(gate))


NETS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "sheets": (
        nn.Sequential(nn.Conv3d(20, 24, 3, padding=1), nn.ReLU(), nn.Conv3d(24, 9, 3, padding=1)),
        (2, 20, 2, 7, 7),
    ),
    "splits": (nn.Conv3d(64, 16, 3), (1, 64, 3, 4, 5)),
    "strides": (
        nn.Sequential(nn.Conv3d(3, 8, (3, 7, 7), (1, 2, 2), (1, 3, 3)), nn.MaxPool3d(3, 2, 1)),
        (1, 3, 4, 15, 16),
    ),
    "dilation": (nn.Sequential(nn.Conv3d(8, 8, 3, padding=2, dilation=(2, 1, 2)), nn.AvgPool3d(2)), (1, 8, 6, 7, 8)),
    "linear": (
        nn.Sequential(nn.Conv3d(4, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(96, 37), nn.Linear(37, 5)),
        (2, 4, 2, 2, 3),
    ),
    "residual": (Residual(), (1, 8, 3, 6, 7)),
    "gate": (SqueezeExcite(), (1, 16, 3, 6, 7)),
    "branches": (Inception(), (1, 8, 4, 4, 4)),
}


def build(model: nn.Module, inputs: list[torch.Tensor], folder: Path, dtype: str, target: GpuTarget = TARGET) -> str:
    """Compiles a model into `folder`; returns its IR."""
    *passes, _, unfuse = default_pipeline(target.group, get_target("cortex-a76"), dtype=dtype, winograd=False)
    with ir.Context(), ir.Location.unknown():
        module, weights = import_torch(model, tuple(inputs))
        run_pipeline(module, [*passes, ScheduleVulkan(target=target), unfuse], State(weights))
        mlir_io.write_text(module, weights, folder / "module.mlir")
        text = str(module)
    command = compiler.quick(compile_command(folder / "module.mlir", folder / "module.vmfb", target.iree_flags))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return text


def run_cases(cases: dict[str, Case], folder: Path, dtype: str, bound: float) -> str:
    """Compares each case of one module with PyTorch in float64; returns the IR."""
    model = numerics.draw(Several({name: case.model for name, case in cases.items()}), "8x4", "random")
    inputs = [numerics.draw_input(case.shape, "random", seed) for seed, case in enumerate(cases.values())]
    text = build(model, inputs, folder, dtype)
    answers = vulkan.load(folder / "module.vmfb", len(cases))([x.numpy() for x in inputs])
    for name, answer, want in zip(cases, answers, numerics.reference(model, inputs), strict=True):
        assert numerics.relative_error(answer, want) < bound, name
    return text


def prune(model: nn.Module, keep: float, group: GroupSize = TARGET.group) -> None:
    """Zeroes blocks of the large convs."""
    rng = np.random.default_rng(0)
    for layer in model.modules():
        if isinstance(layer, nn.Conv3d) and layer.groups == 1 and layer.weight.shape[1] >= 8:
            m, n, *kernel = layer.weight.shape
            mask = rng.random((group.rows(m), group.cols(n), *kernel)) < keep
            layer.weight.data *= torch.from_numpy(expand(mask, (m, n, *kernel), group))


@pytest.mark.parametrize(("dtype", "keep", "bound"), [("f32", 0.3, 2e-6), ("f16", 0.3, 5e-3)])
def test_numbers(tmp_path: Path, dtype: str, keep: float, bound: float):
    torch.manual_seed(0)
    model = Several({name: copy.deepcopy(net) for name, (net, _) in NETS.items()}).eval()
    prune(model, keep)
    inputs = [torch.randn(shape) for _, shape in NETS.values()]
    text = build(model, inputs, tmp_path, dtype)
    assert "linalg." not in text.replace("linalg.fill", "").replace("#linalg", ""), "an op is left to IREE"
    answers = vulkan.load(tmp_path / "module.vmfb", len(NETS))([x.numpy() for x in inputs])
    expected = model.double()(*(x.double() for x in inputs))
    for name, answer, want in zip(NETS, answers, expected, strict=True):
        error = np.abs(answer - want.detach().numpy()).max() / np.abs(want.detach().numpy()).max()
        assert error < bound, f"{name}: {error:.1e}"


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_what_is_left_to_iree(step: int, tmp_path: Path):
    """Between layers that are kernels of ours, in one module; each fourth case, and all."""
    families = (foreign.moved(), foreign.foreign())
    found = [case for family in families for case in family.items()]
    cases = dict(found[::step])
    model = numerics.draw(Several({name: case.model for name, case in cases.items()}), "8x4", "random")
    inputs = [numerics.draw_input(case.shape, "random", seed) for seed, case in enumerate(cases.values())]
    build(model, inputs, tmp_path, "f32")
    answers = vulkan.load(tmp_path / "module.vmfb", len(cases))([x.numpy() for x in inputs])
    for name, answer, want in zip(cases, answers, numerics.reference(model, inputs), strict=True):
        assert numerics.relative_error(answer, want) < 1e-5, name


@pytest.mark.parametrize(
    ("dtype", "first", "step", "bound"),
    [
        ("f32", 0, 4, 1e-5),
        pytest.param("f16", 2, 4, 5e-3, marks=pytest.mark.slow),
        pytest.param("f32", 0, 1, 1e-5, marks=pytest.mark.slow),
        pytest.param("f16", 0, 1, 5e-3, marks=pytest.mark.slow),
    ],
)
def test_transposed_convs(dtype: str, first: int, step: int, bound: float, tmp_path: Path):
    """With what stands behind them, in one module; each fourth case, and all."""
    families = (upsampled.transposed(), upsampled.upsampled(), upsampled.upsampled_rounded())
    found = [case for family in families for case in family.items()]
    cases = dict(found[first::step])
    model = numerics.draw(Several({name: case.model for name, case in cases.items()}), "8x4", "random")
    inputs = [numerics.draw_input(case.shape, "random", seed) for seed, case in enumerate(cases.values())]
    build(model, inputs, tmp_path, dtype)

    answers = vulkan.load(tmp_path / "module.vmfb", len(cases))([x.numpy() for x in inputs])
    for name, answer, want in zip(cases, answers, numerics.reference(model, inputs), strict=True):
        assert numerics.relative_error(answer, want) < bound, name


@pytest.mark.parametrize(("dtype", "step", "bound"), [("f32", 2, 1e-5), ("f16", 5, 5e-3)])
def test_channel_norms(dtype: str, step: int, bound: float, tmp_path: Path):
    """Each second, or fifth, of them is kernels of ours."""
    cases = dict([*channel_norms.channel_norms().items()][::step])
    text = run_cases(cases, tmp_path, dtype, bound)
    assert "linalg.generic" not in text, "an op is left to IREE"


@pytest.mark.parametrize(("dtype", "step", "bound"), [("f32", 3, 1e-5), ("f16", 5, 5e-3)])
def test_over_channels(dtype: str, step: int, bound: float, tmp_path: Path):
    """Each third, or fifth, of them, and some written channels last, is kernels of ours."""
    found = over_channels.over_channels() | dict([*over_channels.channels_last().items()][:8])
    text = run_cases(dict([*found.items()][::step]), tmp_path, dtype, bound)
    assert "linalg.generic" not in text, "an op is left to IREE"


@pytest.mark.parametrize(("dtype", "bound"), [("f32", 1e-5), pytest.param("f16", 5e-3, marks=pytest.mark.slow)])
def test_channel_moves(dtype: str, bound: float, tmp_path: Path):
    """Each second case."""
    cases = dict([*channel_moves.channel_moves().items()][::2])
    text = run_cases(cases, tmp_path, dtype, bound)
    assert "linalg.generic" not in text
    assert text.count("flow.dispatch @channel_layout") == len(cases)


@pytest.mark.parametrize(("dtype", "bound"), [("f32", 1e-5), pytest.param("f16", 5e-3, marks=pytest.mark.slow)])
def test_resampling(dtype: str, bound: float, tmp_path: Path):
    """Each second case."""
    cases = dict([*(resampled.resampled() | resampled.interpolated()).items()][::2])
    text = run_cases(cases, tmp_path, dtype, bound)
    assert "linalg.generic" not in text
    assert text.count("flow.dispatch @channel_layout") == len(cases)


def answer_in_dirty_memory(model: nn.Module, x: torch.Tensor, folder: Path) -> np.ndarray:
    """What a whole compile answers where fresh memory is not zero, so that what nobody wrote shows."""
    rt3d_mlir.export(model.eval(), (x,)).compile(folder / "artifact", "vulkan-lavapipe")
    dirty = {**os.environ, "MALLOC_PERTURB_": "128"}
    return vulkan.load(folder / "artifact" / "module.vmfb", 1, dirty)([x.numpy()])[0]


@pytest.mark.parametrize("kind", [torch.float16, torch.int8])
def test_attention_over_inputs_that_are_cast(kind: torch.dtype, tmp_path: Path):
    """What IREE fused into the products read what nobody had written."""

    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = x.float().transpose(1, 2)
            return F.scaled_dot_product_attention(tokens, tokens, tokens)

    x = torch.randint(-3, 4, (1, 7, 2)).to(kind)
    assert numerics.relative_error(answer_in_dirty_memory(Net(), x, tmp_path), Net()(x).numpy()) < 1e-5


def test_attention_with_heads_of_one_channel(tmp_path: Path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(7, 7, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.attention(x, x, x, need_weights=False)[0]

    torch.manual_seed(0)
    net, x = Net().eval(), torch.randn(1, 2, 7)
    answer = answer_in_dirty_memory(net, x, tmp_path)
    assert numerics.relative_error(answer, numerics.reference(net, [x])[0]) < 1e-5


def test_norm_over_channels_at_positions_that_fill_no_tile(tmp_path: Path):
    """IREE fused each sum with its readers, which read the last one before it was there."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.elu(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))

    torch.manual_seed(0)
    net, x = Net().eval(), torch.randn(2, 2, 3, 3)
    answer = answer_in_dirty_memory(net, x, tmp_path)
    assert numerics.relative_error(answer, numerics.reference(net, [x])[0]) < 1e-5


def test_a_roll_by_nothing(tmp_path: Path):
    """A concatenation with an empty part, in one shader with a sum: IREE's wrote the later clips to wrong places."""

    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            y = torch.roll(x, 0, 1) + x.sin()
            return y, y.abs().sum()

    torch.manual_seed(0)
    net, x = Net().eval(), torch.randn(3, 4, 4)
    rt3d_mlir.export(net, (x,)).compile(tmp_path / "artifact", "vulkan-lavapipe")
    answer, _ = vulkan.load(tmp_path / "artifact" / "module.vmfb", 2)([x.numpy()])
    assert numerics.relative_error(answer, net(x)[0].numpy()) < 1e-5


def test_integers_are_exact(tmp_path: Path):
    torch.manual_seed(0)
    exact = {name: NETS[name] for name in ("sheets", "splits", "strides", "linear", "residual")}
    model = Several({name: copy.deepcopy(net) for name, (net, _) in exact.items()}).eval()
    prune(model, 0.5)
    for parameter in model.parameters():
        parameter.data = torch.sign(parameter.data)
    inputs = [torch.randint(-2, 3, shape).float() for _, shape in exact.values()]
    build(model, inputs, tmp_path, "f32")
    answers = vulkan.load(tmp_path / "module.vmfb", len(exact))([x.numpy() for x in inputs])
    for name, answer, want in zip(exact, answers, model.double()(*(x.double() for x in inputs)), strict=True):
        assert np.array_equal(answer, want.detach().numpy()), name


def test_branches_write_their_parts_of_a_concatenation_at_once(tmp_path: Path):
    """Each into its own range: IREE has them wait for each other where they update the same tensor."""
    net, shape = NETS["branches"]
    text = build(copy.deepcopy(net).eval(), [torch.zeros(shape)], tmp_path, "f32")
    assert text.count("flow.tensor.update") == 3
    assert "tied_operands" not in text
    command = compile_command(
        tmp_path / "module.mlir", tmp_path / "stream.mlir", [*TARGET.iree_flags, "--compile-to=stream"]
    )
    subprocess.run(compiler.quick(command), check=True)
    steps = re.findall(r"stream\.cmd\.concurrent \{(.*?)\n      \}", (tmp_path / "stream.mlir").read_text(), re.DOTALL)
    assert any(all(f"@{conv}::" in step for conv in "acd") for step in steps)


@pytest.mark.parametrize(
    "tile",
    [
        GpuTile(lanes=8, columns=2, splits=4, depth=2, halves=2),
        GpuTile(lanes=16, columns=4, splits=1, depth=4, halves=2),
        GpuTile(lanes=32, columns=1, splits=2, depth=4, halves=1),
        GpuTile(lanes=8, columns=8, splits=1, depth=2, halves=1),
        GpuTile(lanes=8, columns=2, splits=4, depth=2, halves=1),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("dtype", "in_step"),
    [
        ("f32", True),
        ("f16", False),
        pytest.param("f32", False, marks=pytest.mark.slow),
        pytest.param("f16", True, marks=pytest.mark.slow),
    ],
)
def test_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tile: GpuTile, dtype: str, in_step: bool):
    """Threads that run in step and have all of a part wait for no others; here a subgroup waits for the workgroup."""
    alone = count_subgroup_barriers(monkeypatch)
    monkeypatch.setattr(gpu_conv, "choose_tile", lambda _shape, _target: tile)
    threads = tile.lanes * tile.splits * tile.halves
    subgroup = min(16, threads)
    target = replace(TARGET, widest=16, group=GroupSize(16, 4), in_step=in_step, subgroup=subgroup)
    check_one(tmp_path, target, dtype)
    assert bool(alone) == (in_step and tile.lanes * tile.halves <= subgroup < threads)


@pytest.mark.parametrize(
    ("width", "tile"),
    [
        (16, MatrixTile(splits=1, matrices=2)),
        (16, MatrixTile(splits=2, matrices=4)),
        (32, MatrixTile(splits=2, matrices=2)),
        (64, MatrixTile(splits=1, matrices=4)),
        (16, MatrixTile(splits=8, matrices=2)),
    ],
    ids=str,
)
def test_matrix_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, tile: MatrixTile):
    """With products of matrices by threads, for Mesa's device multiplies none; all else is the kernel's own."""
    matrices.emulate(monkeypatch.setattr)
    alone = count_subgroup_barriers(monkeypatch)
    monkeypatch.setattr(gpu_matrix_conv, "choose_matrix_tile", lambda _shape, _target: tile)
    group = GroupSize(max(width, 32), 4)  # rows of 16 are cut from wider ones, of which the last is half empty
    target = replace(TARGET, matrices=(width,), subgroup=matrices.THREADS, widest=16, group=group)
    check_one(tmp_path, target, "f16")
    at_the_end = 2 * width // 16 if tile.splits == 1 else 0  # else the parts meet there
    assert len(alone) == 2 * (2 + at_the_end)


def test_matrix_kernels_write_phases_to_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A transposed conv, its last row and column cut off, and the border of the conv behind it."""
    matrices.emulate(monkeypatch.setattr)
    count_subgroup_barriers(monkeypatch)
    monkeypatch.setattr(gpu_matrix_conv, "choose_matrix_tile", lambda _shape, _target: MatrixTile(2, 2))
    target = replace(TARGET, matrices=(16,), subgroup=matrices.THREADS, widest=16, group=GroupSize(32, 4))
    torch.manual_seed(0)
    wide = nn.ConvTranspose3d(16, 8, 3, 2, 1)
    net = nn.Sequential(nn.Conv3d(12, 16, 1), wide, nn.ReLU(), nn.Conv3d(8, 16, 3, padding=1)).eval()
    clips = torch.randn(2, 12, 2, 4, 5)
    text = build(net, [clips], tmp_path, "f16", target)
    assert "@interleave" not in text
    (answer,) = vulkan.load(tmp_path / "module.vmfb", 1)([clips.numpy()])
    want = net.double()(clips.double()).detach().numpy()
    assert np.abs(answer - want).max() / np.ptp(want) < 2e-3


def count_subgroup_barriers(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each that a kernel has; Mesa's subgroups are narrower, so that the whole workgroup waits there."""
    found: list[None] = []

    def barrier() -> None:
        found.append(None)
        gpu.barrier()

    monkeypatch.setattr(gpu, "subgroup_barrier", barrier)
    return found


def check_one(folder: Path, target: GpuTarget, dtype: str) -> None:
    """Two clips: a pruned conv with depth padding and a last row of few filters, then a dense one, against PyTorch."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv3d(12, 72, 3, padding=1), nn.ReLU(), nn.Conv3d(72, 64, (1, 3, 3), (1, 2, 1))).eval()
    prune(net[:1], 0.4, target.group)
    clips = torch.randn(2, 12, 3, 9, 7)
    build(net, [clips], folder, dtype, target)
    (answer,) = vulkan.load(folder / "module.vmfb", 1)([clips.numpy()])
    want = net.double()(clips.double()).detach().numpy()
    assert np.abs(answer - want).max() / np.ptp(want) < (2e-6 if dtype == "f32" else 2e-3)
