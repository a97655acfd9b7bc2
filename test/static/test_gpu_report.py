"""The SPIR-V of small nets for phones: valid, within the target's limits, and projected by the stated formula."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

import rt3d_mlir
from rt3d_mlir.errors import ConfigError
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.static.gpu_report import GpuLayer, GpuReport, analyse_gpu, project_gpu
from rt3d_mlir.static.phones import GPUS
from rt3d_mlir.static.shader import Shader, ShaderLoop, fault, read_shader
from rt3d_mlir.targets import get_gpu_target
from rt3d_mlir.tools import bench

TARGETS = {"vulkan-adreno": "f16", "vulkan-mali": "f32"}


@pytest.fixture(scope="module")
def spirv_tools() -> None:
    """Skips, and fails under CI, where spirv-tools are not installed."""
    if shutil.which("spirv-val") is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("spirv-val is not installed (Debian: spirv-tools)")


@pytest.fixture(scope="module")
def reports(spirv_tools: None) -> dict[str, GpuReport]:
    del spirv_tools
    net = nn.Sequential(
        nn.Conv3d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv3d(16, 16, 3, padding=1),
        nn.MaxPool3d(2),
        nn.Flatten(),
        nn.Linear(16 * 2 * 3 * 3, 5),
    )
    args = (torch.zeros(1, 3, 4, 6, 6),)
    return {
        name: analyse_gpu(rt3d_mlir.export(net, args, dtype=dtype), get_gpu_target(name))
        for name, dtype in TARGETS.items()
    }


@pytest.mark.parametrize("name", TARGETS)
def test_shaders_are_valid_and_fit_the_device(reports: dict[str, GpuReport], name: str):
    report, target = reports[name], get_gpu_target(name)
    assert report.faults == []
    layers = {layer.name: layer for layer in report.layers}
    assert list(layers)[:5] == ["block_layout", "layer_0", "layer_2", "max_pool", "layer_5"]
    assert {layer.fault for layer in report.layers} == {""}
    for layer in (layer for layer in report.layers if layer.macs):
        loop = layer.shader.loop
        assert 0 < layer.shader.shared_bytes <= target.shared_memory
        assert layer.shader.threads <= 256
        assert loop is not None
        assert loop.fmas % loop.taps == 0
        assert 0.1 < loop.share < 1


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_kernel_multiplies_is_what_its_threads_do(reports: dict[str, GpuReport], name: str):
    """Whole turns of the loop of whole workgroups, and at least what the layer asks for, padding left out."""
    layers = {layer.name: layer for layer in reports[name].layers}
    for layer, needed in (("layer_0", 16 * 81 * 144), ("layer_2", 16 * 16 * 27 * 144)):
        shader = layers[layer].shader
        assert shader.loop is not None
        assert layers[layer].macs % (4 * shader.loop.fmas * shader.threads) == 0
        assert layers[layer].macs > 0.8 * needed  # a sixth of the planes' taps fall on padding
    assert layers["layer_5"].macs == 16 * 2 * 3 * 3 * 8  # 5 outputs are a group of 8


def test_bytes_are_those_of_operands_and_results(reports: dict[str, GpuReport]):
    layers = {layer.name: layer for layer in reports["vulkan-adreno"].layers}
    assert layers["block_layout"].bytes == 4 * 3 * 144 + 2 * 4 * 6 * 8 * 8


def loop(share: float) -> Shader:
    return Shader("conv1", 64, 0, 100, ShaderLoop(50, 10, 10, 5, 160, 80, 100, 100 * share))


def test_the_projection():
    """A GPU of 2 TFLOP/s, of which a share is left; 10 TB/s from a cache, 40 GB/s from memory; 20 us a kernel."""
    gpu = replace(GPUS[0], tflops={"f16": 2, "f32": 1}, gbs=40, cache_gbs=1e4, shared_gbs=1e4, dispatch_us=20)
    layers = [
        GpuLayer("conv1", 5 * 10**9, 40 * 10**6, loop(0.5), ""),
        GpuLayer("fc", 10**6, 40 * 10**6, loop(0.1), ""),
        GpuLayer("pool", 0, 80 * 10**6, replace(loop(0.5), loop=None), ""),
    ]
    found = project_gpu(gpu, layers, "f16")
    assert (found.multiply_ms, found.load_ms, found.memory_ms) == pytest.approx((10, 0, 1 + 2))
    assert (found.dispatch_ms, found.ms) == pytest.approx((0.06, 13.06))
    assert project_gpu(gpu, layers, "f32").multiply_ms == pytest.approx(20)


@pytest.mark.parametrize(
    ("cache", "shared", "ms"),
    [
        (1000, 10, 5e9 / 40 * 160 / 10 / 1e6),  # 40 products a turn; 160 bytes from shared memory, 80 from buffers
        (4, 1000, 5e9 / 40 * 80 / 4 / 1e6),
        (10, None, 5e9 / 40 * 240 / 10 / 1e6),
    ],
)
def test_loads_that_take_longer_than_products(cache: float, shared: float | None, ms: float):
    gpu = replace(GPUS[0], cache_gbs=cache, shared_gbs=shared)
    found = project_gpu(gpu, [GpuLayer("conv1", 5 * 10**9, 40 * 10**6, loop(0.5), "")], "f16")
    assert (found.multiply_ms, found.load_ms, found.memory_ms) == pytest.approx((0, ms, 0))


def text_of(table: object) -> str:
    console = Console(width=400)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_tables_say_projected_and_show_the_paper(reports: dict[str, GpuReport]):
    report = reports["vulkan-adreno"]
    assert "layer_2" in text_of(report.table())
    assert "0 faults " in text_of(report.table())
    full = text_of(replace(report, model="c3d").projection_table())
    assert "projected, not measured" in full
    assert "142 at 3.6x" in full
    assert "142" not in text_of(report.projection_table())
    assert "Mali-G78" in text_of(reports["vulkan-mali"].projection_table())


def test_what_is_no_spirv(spirv_tools: None, tmp_path: Path):
    del spirv_tools
    path = tmp_path / "x.spv"
    path.write_bytes(b"\x03\x02\x23\x07" + bytes(16))
    assert "error" in fault(path)
    with pytest.raises(ConfigError, match=r"spirv-dis cannot read x \(.*\): install newer spirv-tools"):
        read_shader(path)


def test_the_command(
    reports: dict[str, GpuReport], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    groups = []
    monkeypatch.setattr(bench, "export_config", lambda *_, group, **__: groups.append(group))
    monkeypatch.setattr(bench, "analyse_gpu", lambda *_: reports["vulkan-adreno"])
    argv = ["--static", "--target", "vulkan-adreno", "--configs", "dense", "--dtype", "f16,f32", "--group", "4x4"]
    assert bench.main(argv) == 0
    assert groups == [GroupSize(4, 4)] * 2
    out = capsys.readouterr().out
    assert "c3d dense, compiled for vulkan-adreno, f16, by its SPIR-V" in out
    assert out.count("projected, not measured") == 2
