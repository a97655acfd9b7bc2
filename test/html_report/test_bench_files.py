import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import made_artifacts as made
import pytest

from rt3d_mlir.bench.gpu import gpu_tables
from rt3d_mlir.bench.gpu.profile import Kernel
from rt3d_mlir.bench.gpu.results import GpuResults, GpuRow, LayerTime
from rt3d_mlir.bench.layer_report import layers_json
from rt3d_mlir.bench.layers import LayerProfile, LayerResults, LayerRow
from rt3d_mlir.bench.machine import describe
from rt3d_mlir.bench.roofs import Roofs
from rt3d_mlir.errors import InputError
from rt3d_mlir.html_report.artifacts import Artifact, read_artifacts
from rt3d_mlir.html_report.bench_files import read_bench
from rt3d_mlir.html_report.timing import Timing
from rt3d_mlir.runtime.timing import Latency

HOST = {"target": "host", "cpu": "znver5"}
MACHINE = describe([], ["rt3d-mlir-bench", "--per-layer"])
WINOGRAD = [made.layer("conv1"), made.layer("conv2", reason="Winograd, tiles of 2x2"), made.layer("fc")]


def rows(*times: tuple[str, str, float]) -> list[LayerRow]:
    return [LayerRow(source, source, kind, ms, ms, 0.1) for source, kind, ms in times]


DIRECT = rows(
    ("the input", "layout entry", 1.0),
    ("conv1", "conv", 2.0),
    ("after conv1", "pool", 0.5),
    ("conv2", "conv", 4.0),
    ("fc", "fully connected", 0.25),
)
TRANSFORMED = [*DIRECT, *rows(("conv2", "Winograd transform", 0.125), ("conv2", "Winograd transform", 0.125))]


def write_layers(folder: Path, *profiles: tuple[str, float, list[LayerRow]]) -> Path:
    found = [LayerProfile(label, rate, 9.0, 0.1, 9.1, of, 0, 0) for label, rate, of in profiles]
    folder.mkdir(exist_ok=True)
    (folder / "layers.json").write_text(layers_json(LayerResults(MACHINE, 10, "8x4", Roofs(2e9, 1e9), found)))
    return folder


def test_a_profile_of_the_same_layers_and_rate(tmp_path: Path):
    artifacts = read_artifacts([made.make(tmp_path / "dense", **HOST), made.make_pruned(tmp_path / "pruned", **HOST)])
    bench = write_layers(
        tmp_path / "bench", ("net dense", 1.0, DIRECT), ("net-x", artifacts[1].rate, DIRECT), ("other", 9.0, DIRECT)
    )
    found = read_bench([bench], artifacts)
    expected = Timing(
        f"rt3d-mlir-bench --per-layer, 1 thread, {MACHINE.date}",
        9.0,
        {"conv1": 2.0, "conv2": 4.0, "fc": 0.25},
        2e9,
    )
    assert found.timings == {"dense": expected, "pruned": expected}
    assert found.strangers == ["layers.json: other is of none of these artifacts"]
    (where,) = found.where
    assert "rt3d-mlir-bench --per-layer; FMA peak of one core 2.0 GFLOP/s" in where


def test_a_profile_of_another_algorithm_is_no_ones(tmp_path: Path):
    artifacts = read_artifacts([made.make(tmp_path / "direct", **HOST), made.make(tmp_path / "fast", WINOGRAD, **HOST)])
    found = read_bench([write_layers(tmp_path, ("net dense", 1.0, TRANSFORMED))], artifacts)
    assert {name: timing.layers["conv2"] for name, timing in found.timings.items()} == {"fast": 4.25}


@pytest.mark.parametrize("changes", [{"target": "cortex-a76"}, {"dtype": "f16"}])
def test_a_profile_is_of_this_machines_f32(tmp_path: Path, changes: dict[str, str]):
    artifacts = read_artifacts([made.make(tmp_path / "dense", **(HOST | changes))])
    assert read_bench([write_layers(tmp_path, ("net dense", 1.0, DIRECT))], artifacts).timings == {}


def gpu_row(artifact: Artifact, **changes: Any) -> GpuRow:
    latency = Latency(1.0, 2.0, 3.0)
    kernels = [
        LayerTime(Kernel(name, ms, 1, 64), layer, 1) for name, ms, layer in (("conv1", 0.5, "conv1"), ("p", 1, ""))
    ]
    facts = {
        "case": artifact.name,
        "model": "net",
        "engine": "rt3d",
        "title": "rt3d_mlir",
        "dtype": "f32",
        "macs": artifact.macs_after,
        "dense_macs": artifact.macs_before,
        "error": 0.0,
        "calls": 5,
        "submission": latency,
        "call": latency,
        "kernels": kernels,
    }
    return GpuRow(**(facts | changes))


def test_rows_of_a_gpu(tmp_path: Path):
    gpu = {"target": "vulkan-nvidia", "device": "vulkan"}
    folders = [made.make(tmp_path / "bench" / "dense", **gpu), made.make_pruned(tmp_path / "bench" / "pruned", **gpu)]
    artifacts = read_artifacts(folders)
    dense, pruned = artifacts
    results = GpuResults(MACHINE, 5, 2.0, {"name": "A GPU"})
    results.rows = [
        gpu_row(dense),
        gpu_row(dense, engine="iree-stock"),
        gpu_row(pruned, macs=3),
        gpu_row(pruned, model="other"),
    ]
    (tmp_path / "bench" / "gpu.json").write_text(gpu_tables.to_json(results))
    assert {each.name for each in read_artifacts([tmp_path / "bench"])} == {"dense", "pruned"}
    found = read_bench([tmp_path / "bench"], artifacts)
    assert found.timings == {"dense": Timing(f"rt3d-mlir-bench on A GPU, {MACHINE.date}", 2.0, {"conv1": 0.5}, 2e12)}
    assert found.strangers == ["gpu.json: pruned is of none of these artifacts"] * 2
    assert found.where[0].startswith("gpu.json: A GPU; ")
    results.peak_tflops = None
    (tmp_path / "bench" / "gpu.json").write_text(gpu_tables.to_json(results))
    assert read_bench([tmp_path / "bench"], artifacts).timings["dense"].peak is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("layers.json", "{", "layers.json is not JSON"),
        (
            "layers.json",
            '{"format": "rt3d-bench"}',
            "format is 'rt3d-bench', version None; expected 'rt3d-bench-layers'",
        ),
        ("layers.json", '{"format": "rt3d-bench-layers", "version": 1}', "layers.json lacks 'machine'; write it again"),
        ("gpu.json", "[]", "it names no format; expected 'rt3d-bench-gpu', version 1, as rt3d-mlir-bench --target GPU"),
        (
            "gpu.json",
            '{"format": "rt3d-bench-gpu", "version": 1, "peak_tflops": 1, "device": 3}',
            "gpu.json has values",
        ),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, text: str, message: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_bench([tmp_path], [])


def test_a_time_that_is_none(tmp_path: Path):
    artifacts = read_artifacts([made.make(tmp_path / "dense", **HOST)])
    path = write_layers(tmp_path, ("net dense", 1.0, DIRECT)) / "layers.json"
    data = json.loads(path.read_text())
    data["profiles"][0]["rows"][1] = asdict(DIRECT[1]) | {"ms": "fast"}
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"layers\.json has values of another kind \('fast' is no number\)"):
        read_bench([tmp_path], artifacts)
