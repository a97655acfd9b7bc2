"""The benchmark of GPUs: what IREE's profiler wrote, read; a net of one layer on the software device; made-up times."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import vulkan
from torch import nn

import rt3d_mlir
from rt3d_mlir.bench.case import CaseSpec
from rt3d_mlir.bench.gpu import measure as measuring
from rt3d_mlir.bench.gpu import prepare as preparing
from rt3d_mlir.bench.gpu.answer import describe
from rt3d_mlir.bench.gpu.gpu_tables import to_markdown, write
from rt3d_mlir.bench.gpu.measure import at_full_clock, find_artifacts, measure
from rt3d_mlir.bench.gpu.prepare import prepare
from rt3d_mlir.bench.gpu.profile import Kernel, median_kernels, span, split_calls
from rt3d_mlir.bench.gpu.results import ENGINES, GpuResults, GpuRow, LayerTime, name_layers
from rt3d_mlir.bench.gpu.torch_cuda import measure_torch
from rt3d_mlir.bench.machine import describe as describe_machine
from rt3d_mlir.errors import ArtifactError, DeviceError
from rt3d_mlir.runtime.artifact import Layer
from rt3d_mlir.runtime.timing import Latency
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import get_gpu_target
from rt3d_mlir.tools import bench


def event(key: str, ns: int, valid: bool = True, start: int = 0) -> dict[str, Any]:
    """As `iree-profile dispatch --dispatch_events --format=jsonl` writes it, less what is not read; 2 ns a tick."""
    line = (
        '{"type":"dispatch_event","event_id":1,"key":"%s","workgroup_count":[42,2,1],"workgroup_size":[16,1,1],'
        '"start_tick":%d,"end_tick":%d,"duration_ticks":%d,"valid":%s,"clock_fit_available":true,"duration_ns":%d}'
    )
    return json.loads(line % (key, start, start + ns // 2, ns // 2, str(valid).lower(), ns))


def test_the_kernels_of_a_call_are_medians_over_the_calls_after_the_warm_up():
    summary = {"type": "dispatch_summary", "mode": "events"}
    times = [(9000, 9000), (100, 40), (120, 50), (110, 60)]
    rows = [event(key, ns) for call in times for key, ns in zip(("conv1", "max_pool"), call, strict=True)]
    assert median_kernels(split_calls([*rows, summary], 4)[1:]) == [
        Kernel("conv1", 110e-6, 84, 16),
        Kernel("max_pool", 50e-6, 84, 16),
    ]


def test_a_submission_is_from_the_first_kernel_to_the_last_with_what_lies_between():
    assert span([event("a", 100, start=1000), event("b", 40, start=1080)]) == pytest.approx(200e-6)


@pytest.mark.parametrize(
    ("medians", "found"),
    [((5, 4.9), 4.9), ((5, 6), 5), ((9, 3, 3.1), 3), ((9, 7, 5, 3), 3)],
    ids=["at-once", "noise", "shaders-first", "shaders-each-time"],
)
def test_another_process_measures_until_none_is_faster(medians: tuple[float, ...], found: float):
    taken = iter(medians)
    assert at_full_clock(lambda: [next(taken)], lambda times: times) == [found]
    assert next(taken, None) is None


def test_a_device_without_timestamps():
    for read in (span, lambda call: median_kernels([call])):
        with pytest.raises(DeviceError, match="no timestamps"):
            read([event("a", 0, valid=False)])
    with pytest.raises(DeviceError, match="3 events for 2 calls"):
        split_calls([event("a", 2)] * 3, 2)
    with pytest.raises(DeviceError, match="0 events for 2 calls"):
        split_calls([], 2)


def kernels(*names: str) -> list[Kernel]:
    return [Kernel(name, 1.0, 1, 64) for name in names]


def layer(name: str, macs: int, packed: bool = True) -> Layer:
    return Layer(name, (8, 8, 1, 1, 1), 2 * macs, macs, 0.5, packed, "" if packed else "why")


LAYERS = [layer("a.0", 10), layer("b", 20), layer("gone", 5, packed=False), layer("2", 30)]


def test_kernels_with_the_same_code_are_told_apart_by_the_order_of_the_layers():
    times = name_layers(kernels("block_layout", "a_0", "max_pool", "a_0", "layer_2"), LAYERS)
    assert [(time.layer, time.macs) for time in times] == [("", 0), ("a.0", 10), ("", 0), ("b", 20), ("2", 30)]


def test_where_the_order_is_another_only_names_that_come_once_are_known():
    times = name_layers(kernels("layer_2", "a_0", "a_0"), LAYERS)
    assert [(time.layer, time.macs) for time in times] == [("2", 30), *[("a.0 or one with its code", 0)] * 2]
    times = name_layers(kernels("layer_2", "b", "a_0"), LAYERS)
    assert [time.layer for time in times] == ["2", "b", "a.0"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ours and stock IREE's, of one layer: each process that runs a module compiles its kernels anew."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("gpu")
    exported = rt3d_mlir.export(nn.Conv3d(8, 8, 1), (torch.zeros(1, 8, 1, 4, 4),), dense=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "export_config", lambda *_, **__: exported)
        specs = [CaseSpec("net", "dense", "8x4")]
        assert prepare(specs, get_gpu_target("vulkan-lavapipe"), ["f32"], ENGINES, folder) == []
    assert sorted(path.name for path in folder.iterdir()) == ["net-dense-f32", "net-dense-f32-stock"]
    return folder


def test_artifacts_are_measured_by_the_runtime_alone(compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VK_DRIVER_FILES", vulkan.driver())
    folder = shutil.copytree(compiled, tmp_path / "all")
    spoiled = shutil.copytree(compiled / "net-dense-f32", folder / "spoiled") / "module.vmfb"
    spoiled.write_bytes(spoiled.read_bytes()[:-1])
    results = measure(folder, ["rt3d", "iree-stock"], calls=3)
    assert [(row.case, row.engine) for row in results.rows] == [
        ("net-dense-f32", "rt3d"),
        ("net-dense-f32-stock", "iree-stock"),
    ]
    ours = results.rows[0]
    assert [time.layer for time in ours.kernels] == ["", "weight", ""]
    assert ours.layers_gflops == pytest.approx(2e-6 * 8 * 8 * 16 / ours.kernels[1].kernel.ms)
    for row in results.rows:
        assert row.error < 1e-5
        assert (row.calls, row.input_bytes, row.output_bytes, row.rate) == (3, 512, 512, 1)
        assert row.upload is not None
        assert row.download is not None
        assert min(row.submission.min, row.call.min, row.upload.min, row.download.min) > 0
    assert "llvmpipe" in results.device["name"]
    assert [(skip.case, skip.title) for skip in results.skips] == [("spoiled", "rt3d_mlir")]
    assert "module.vmfb changed since it was compiled" in results.skips[0].reason
    write(results, tmp_path)
    assert json.loads((tmp_path / "gpu.json").read_text())["rows"][0]["kernels"][1]["macs"] == 8 * 8 * 16
    page = (tmp_path / "gpu.md").read_text()
    assert "- llvmpipe" in page
    assert "| weight | weight |" in page


def test_the_group_of_the_command_is_that_of_the_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    groups = []

    def exported(*_: object, group: GroupSize | None, **__: object) -> SimpleNamespace:
        groups.append(group)
        return SimpleNamespace(job=lambda _target: None)

    monkeypatch.setattr(preparing, "export_config", exported)
    monkeypatch.setattr(preparing, "write_artifact", lambda *_, **__: None)
    argv = ["--target", "vulkan-lavapipe", "--models", "c3d", "--configs", "c3d-3.57x", "--compile-only"]
    assert bench.main([*argv, "--group", "4x4", "-o", str(tmp_path)]) == 0
    assert bench.main([*argv, "-o", str(tmp_path)]) == 0
    assert groups == [GroupSize(4, 4), None]


def test_a_wrong_answer_has_no_time(compiled: Path, monkeypatch: pytest.MonkeyPatch):
    said = {"device": {}, "error": 0.5, "call_ms": 1.0}
    monkeypatch.setattr(measuring, "_child", lambda *_: said)
    results = measure(compiled / "net-dense-f32", ["rt3d"])
    assert results.rows == []
    assert (
        results.skips[0].reason == "its answer is wrong: off by 0.5 of the golden output's range, the limit is 0.0001"
    )


def test_pytorch_is_timed_on_a_dense_model(compiled: Path, monkeypatch: pytest.MonkeyPatch):
    time = {"min": 1.0, "median": 2.0, "p90": 3.0}
    rows = [
        {"mode": mode, "dtype": dtype, "error": error, "submission": time, "call": time}
        for mode, dtype, error in (("eager", "f32", 0.0), ("CUDA graph", "tf32", 1e-3), ("eager", "f16", 0.1))
    ]
    monkeypatch.setattr(measuring, "_child", lambda *_: {"version": "9.9", "rows": rows})
    results = measure(compiled, ["torch-cuda"])
    assert [(row.title, row.dtype) for row in results.rows] == [
        ("PyTorch, cuDNN, eager", "f32"),
        ("PyTorch, cuDNN, CUDA graph", "tf32"),
    ]
    assert results.machine.versions["torch"] == "9.9"
    assert [(skip.case, skip.title) for skip in results.skips] == [("net-dense-f32", "PyTorch, cuDNN, eager, f16")]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_pytorch_without_cuda(compiled: Path):
    with pytest.raises(DeviceError, match=r"PyTorch .* is built without CUDA|PyTorch .* finds no CUDA device"):
        list(measure_torch(compiled / "net-dense-f32", 1))


def test_ctrl_c_keeps_what_there_is(compiled: Path, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: object) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "_child", stop)
    results = measure(compiled)
    assert results.interrupted
    assert "**interrupted" in to_markdown(results)


def test_a_folder_without_artifacts(tmp_path: Path):
    with pytest.raises(ArtifactError, match="holds no artifact"):
        find_artifacts(tmp_path)


def test_the_machine_with_the_gpu_needs_no_compiler():
    absent = ("iree.compiler", "torch", "rich", "yaml", "safetensors", "av", "matplotlib")
    code = f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
    code += "import rt3d_mlir.bench.gpu.__main__, rt3d_mlir.bench.gpu.answer"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_iree_says_of_a_device():
    said = "name: Big GPU\npath: GPU-1\napi: 1.3.277\ndriver: NVIDIA\ndriver_info: 560.35.05\nmemory_heaps: 2\n"
    assert describe(said) == {"name": "Big GPU", "api": "1.3.277", "driver": "NVIDIA", "driver_info": "560.35.05"}


def made_up() -> GpuResults:
    """Dense 4 ms, pruned 4x 1.25 ms, in f16 0.5 ms; stock 400 ms; cuDNN's graph 2 ms."""
    conv = LayerTime(Kernel("conv1", 3.0, 7, 64), "conv1", 4 * 10**9)

    def row(case: str, engine: str, title: str, ms: float, macs: int = 4 * 10**9, dtype: str = "f32") -> GpuRow:
        time = replace(conv, kernel=replace(conv.kernel, ms=0.8 * ms), macs=macs)
        times = Latency.of([ms])
        return GpuRow(
            *(case, "c3d", engine, title, dtype, macs, 4 * 10**9, 1e-6, 50, times, Latency.of([3 * ms])),
            packed_macs=macs,
            kernels=[time] if engine != "torch-cuda" else [],
        )

    results = GpuResults(describe_machine([], ["bench"]), 50, peak_tflops=10)
    results.rows = [
        row("c3d-dense-f32", "rt3d", "rt3d_mlir", 4.0),
        row("c3d-4x-f32", "rt3d", "rt3d_mlir", 1.25, 10**9),
        row("c3d-4x-f16", "rt3d", "rt3d_mlir", 0.5, 10**9, "f16"),
        row("c3d-dense-f32-stock", "iree-stock", "stock IREE", 400.0),
        row("c3d-dense-f32", "torch-cuda", "PyTorch, cuDNN, CUDA graph", 2.0),
    ]
    return results


def test_the_page_sets_side_by_side():
    page = to_markdown(made_up())
    assert "| c3d-dense-f32 | rt3d_mlir | f32 | 3.200 | 4.000 | 4.000 | 4.000 | 12.0 | 1.0e-06 | 2500 | 25% |" in page
    assert "| c3d-4x-f32 | 4.00 | 3.20 | 0.80 | 3.20 | 0.80 |" in page
    assert "| c3d-4x-f16 | c3d-4x-f32 | 2.50 |" in page
    assert "| times faster than, dense | stock IREE, f32 | PyTorch, cuDNN, CUDA graph, f32 |" in page
    assert "| c3d-4x-f16 | 800.00 | 4.00 |" in page
    assert page.count("## Kernels of") == 3
    assert "| conv1 | conv1 | 1.0000 | 100.0% | 7 | 64 | 2000 | 20% |" in page


@pytest.fixture
def commanded(monkeypatch: pytest.MonkeyPatch) -> list[list[CaseSpec]]:
    """What the command lets compile; nothing is."""
    asked: list[list[CaseSpec]] = []
    monkeypatch.setattr(bench, "prepare", lambda specs, *_: asked.append(specs) or [])
    monkeypatch.setattr(bench, "measure_gpu", lambda *_: made_up())
    return asked


def test_the_command(commanded: list[list[CaseSpec]], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert bench.main(["--target", "vulkan-nvidia", "--dtype", "f32,f16", "-o", str(tmp_path / "out")]) == 0
    assert [(spec.label, spec.group) for spec in commanded[0]][:2] == [("c3d dense", "16x4"), ("c3d-2.53x", "16x4")]
    assert "## c3d" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["gpu.json", "gpu.md"]


def test_compiling_for_another_machine(
    commanded: list[list[CaseSpec]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert bench.main(["--target", "vulkan-nvidia", "--compile-only", "-o", str(tmp_path)]) == 0
    assert len(commanded) == 1
    assert f"python -m rt3d_mlir.bench.gpu {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ["--target", "vulkan-nvidia", "--engines", "iree-stok"],
            "no engine on GPUs is called 'iree-stok'; known: rt3d",
        ),
        (["--target", "vulkan-nvidi"], "did you mean 'vulkan-nvidia'"),
        (["--target", "cortex-a76"], "on a CPU this machine is measured, in f32; for cortex-a76, f32, name a GPU's"),
        (["--target", "vulkan-nvidia", "--dtype", "f8"], "no dtype is called 'f8'"),
    ],
)
def test_wrong_names_are_told(argv: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert bench.main([*argv, "-o", str(tmp_path / "out")]) == 1
    assert said in capsys.readouterr().err
