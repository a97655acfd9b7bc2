"""Times by layer that rt3d-mlir-bench measured: layers.json of `--per-layer`, gpu.json of a GPU.

They name no sha256: the bench compiles modules of its own. A profile is of an artifact where both have the same layers,
the same MACs left, and the same layers by Winograd. A row of gpu.json names the artifact's folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Any

from rt3d_mlir.bench.gpu.profile import Kernel
from rt3d_mlir.bench.gpu.results import OURS, LayerTime
from rt3d_mlir.html_report.artifacts import GPU_FILE, LAYERS_FILE, Artifact
from rt3d_mlir.html_report.json_file import check_format, known_fields, number, read_json, text
from rt3d_mlir.html_report.timing import Timing, by_layer
from rt3d_mlir.runtime.artifact import Layer
from rt3d_mlir.runtime.vulkan import VULKAN

_CPU, _GPU = "rt3d-mlir-bench --per-layer", "rt3d-mlir-bench --target GPU"
_LAYER_KINDS = ("conv", "fully connected")
_TRANSFORM = "Winograd transform"


@dataclass
class Benched:
    """Timings by artifact, where they were measured, and the cases that are of none of the artifacts."""

    timings: dict[str, Timing] = field(default_factory=dict)
    where: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def read_bench(folders: Sequence[Path], artifacts: Sequence[Artifact]) -> Benched:
    """What lies in the folders. Raises InputError for a file that is damaged or of another format."""
    found = Benched()
    for folder in folders:
        if (path := folder / LAYERS_FILE).is_file():
            _read_layers(path, artifacts, found)
        if (path := folder / GPU_FILE).is_file():
            _read_gpu(path, artifacts, found)
    return found


def _read_layers(path: Path, artifacts: Sequence[Artifact], found: Benched) -> None:
    data = read_json(path)
    check_format(path, data, "rt3d-bench-layers", _CPU)
    with known_fields(path, _CPU):
        machine, roof = data["machine"], number(data["roofs"]["fma"])
        found.where.append(f"{path.name}: {_machine(machine)}; FMA peak of one core {roof / 1e9:.1f} GFLOP/s")
        for profile in data["profiles"]:
            fitting = [artifact for artifact in artifacts if _is_of(profile, artifact)]
            if not fitting:
                found.strangers.append(f"{path.name}: {text(profile['label'])} is of none of these artifacts")
            for artifact in fitting:
                layers = _layer_times(profile["rows"], artifact.manifest.layers)
                source = f"{_CPU}, 1 thread, {text(machine['date'])}"
                found.timings[artifact.name] = Timing(source, number(profile["whole_ms"]), layers, roof)


def _is_of(profile: dict[str, Any], artifact: Artifact) -> bool:
    manifest, rows = artifact.manifest, profile["rows"]
    if (manifest.target, manifest.dtype) != ("host", "f32") or not isclose(
        profile["rate"], artifact.rate, rel_tol=1e-3
    ):
        return False
    packed = {layer.name for layer in manifest.layers if layer.packed}
    winograd = {layer.name for layer in manifest.layers if layer.reason.startswith("Winograd")}
    timed = {row["source"] for row in rows if row["kind"] in _LAYER_KINDS}
    return (timed, {row["source"] for row in rows if row["kind"] == _TRANSFORM}) == (packed, winograd)


def _layer_times(rows: Sequence[dict[str, Any]], layers: Sequence[Layer]) -> dict[str, float]:
    known = {layer.name for layer in layers}
    times: dict[str, float] = {}
    for row in rows:
        if row["source"] in known and row["kind"] in (*_LAYER_KINDS, _TRANSFORM):
            times[row["source"]] = times.get(row["source"], 0.0) + number(row["ms"])
    return times


def _read_gpu(path: Path, artifacts: Sequence[Artifact], found: Benched) -> None:
    data = read_json(path)
    check_format(path, data, "rt3d-bench-gpu", _GPU)
    with known_fields(path, _GPU):
        peak, name = data["peak_tflops"], text(data["device"].get("name", "a GPU"))
        found.where.append(f"{path.name}: {name}; {_machine(data['machine'])}")
        for row in data["rows"]:
            if row["engine"] != OURS:
                continue
            fitting = [artifact for artifact in artifacts if _is_row_of(row, artifact)]
            if not fitting:
                found.strangers.append(f"{path.name}: {text(row['case'])} is of none of these artifacts")
            for artifact in fitting:
                kernels = [
                    LayerTime(Kernel(text(each["kernel"]["name"]), number(each["kernel"]["ms"]), 0, 0), each["layer"])
                    for each in row["kernels"]
                ]
                found.timings[artifact.name] = Timing(
                    f"rt3d-mlir-bench on {name}, {text(data['machine']['date'])}",
                    number(row["submission"]["median"]),
                    by_layer(kernels, artifact.manifest.layers),
                    None if peak is None else 1e12 * number(peak),
                )


def _is_row_of(row: dict[str, Any], artifact: Artifact) -> bool:
    manifest = artifact.manifest
    seen = (artifact.folder.resolve().name, manifest.model, manifest.dtype, artifact.macs_after, artifact.macs_before)
    wanted = (row["case"], row["model"], row["dtype"], row["macs"], row["dense_macs"])
    return manifest.device == VULKAN and seen == wanted


def _machine(machine: dict[str, Any]) -> str:
    return ", ".join(text(machine[key]) for key in ("cpu", "date", "command"))
