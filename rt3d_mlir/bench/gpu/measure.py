"""Goes through artifact folders on the machine that has the GPU; needs the folders and IREE's runtime, no compiler.

What an engine answers is compared with the golden output first: a wrong answer has no time.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from rt3d_mlir.bench import machine
from rt3d_mlir.bench.gpu import results as r
from rt3d_mlir.bench.gpu.profile import device_times, wall_times
from rt3d_mlir.errors import ArtifactError, ConfigError, DeviceError, Rt3dError, did_you_mean
from rt3d_mlir.runtime.artifact import MANIFEST, Manifest
from rt3d_mlir.runtime.golden import GOLDEN_LIMITS
from rt3d_mlir.runtime.timing import Latency

#: Timed calls where nothing else is asked for; of long ones as many as fit the patience, but three.
CALLS = 50
_PATIENCE_MS = 10_000
#: Calls before those that are timed, and milliseconds that they take at least: a GPU that idled while its driver
#: compiled shaders takes some tenths of a second to raise its clock.
_WARMUP, _WARM_MS = 10, 500
#: Processes that measure the same, at most, and what the next one takes at most of the last one's time to go on. In one
#: that compiles shaders the clock was seen to stay down, at a third to two thirds of what it is in the next one.
_TRIES, _FASTER = 4, 0.95

Progress = Callable[[str, float], None]
T = TypeVar("T")


def measure(
    folder: Path,
    engines: Sequence[str] = r.ENGINES,
    calls: int = CALLS,
    peak_tflops: float | None = None,
    argv: Sequence[str] = (),
    progress: Progress = lambda _what, _share: None,
) -> r.GpuResults:
    """Times the artifact `folder`, or all that lie in it, and PyTorch on the models of the dense ones.

    What cannot run, or answers wrongly, is a skip with its reason. After Ctrl-C the results hold what was measured.
    Raises ArtifactError where there is no artifact.
    """
    found = find_artifacts(folder)
    results = r.GpuResults(machine.describe([], argv), calls, peak_tflops)
    results.machine.versions["iree-base-runtime"] = metadata.version("iree-base-runtime")
    try:
        for i, artifact in enumerate(found):
            progress(artifact.name, i / len(found))
            _artifact(artifact, engines, results)
        if r.TORCH in engines:
            dense = _dense(found)
            if not dense:
                results.skips.append(r.GpuSkip(folder.name, "PyTorch, cuDNN", "there is no dense artifact beside it"))
            for artifact in dense:
                progress(f"{artifact.name}: PyTorch", 1)
                _torch(artifact, results)
    except KeyboardInterrupt:
        results.interrupted = True
    return results


def find_artifacts(folder: Path) -> list[Path]:
    """The folder, or the artifacts in it. Raises ArtifactError where there are none."""
    found = [folder] if (folder / MANIFEST).is_file() else sorted(path.parent for path in folder.rglob(MANIFEST))
    if not found:
        raise ArtifactError(f"{folder} holds no artifact (a folder with a {MANIFEST}): rt3d-mlir-compile makes one")
    return found


def check_engines(engines: Iterable[str]) -> None:
    """Raises ConfigError for the name of no engine on GPUs."""
    for name in engines:
        if name not in r.ENGINES:
            known = ", ".join(r.ENGINES)
            raise ConfigError(f"no engine on GPUs is called '{name}'; known: {known}{did_you_mean(name, r.ENGINES)}")


def engine_of(manifest: Manifest) -> str:
    """Whose kernels an artifact has: stock IREE's where no layer is packed."""
    return r.OURS if any(layer.packed for layer in manifest.layers) else r.STOCK


def _artifact(folder: Path, engines: Sequence[str], results: r.GpuResults) -> None:
    title = "artifact"
    try:
        manifest = Manifest.read(folder)
        engine = engine_of(manifest)
        if engine not in engines:
            return
        title = "rt3d_mlir" if engine == r.OURS else "stock IREE"
        results.rows.append(_row(folder, manifest, engine, title, results))
    except Rt3dError as reason:
        results.skips.append(r.GpuSkip(folder.name, title, str(reason)))


def _row(folder: Path, manifest: Manifest, engine: str, title: str, results: r.GpuResults) -> r.GpuRow:
    if manifest.device != "vulkan":
        raise DeviceError(f"it was compiled for {manifest.target}, which is no GPU")
    said = _child("answer", folder, results.calls)
    results.device = said["device"]
    _check(said["error"], manifest.dtype)
    calls = max(3, min(results.calls, int(_PATIENCE_MS / said["call_ms"])))
    warmup = max(min(_WARMUP, calls // 3), int(_WARM_MS / said["call_ms"]))
    submissions, kernels = at_full_clock(lambda: device_times(folder, calls, warmup), lambda times: times[0])
    walls = at_full_clock(lambda: wall_times(folder, calls, warmup), lambda times: times)
    return r.GpuRow(
        case=folder.name,
        model=manifest.model,
        engine=engine,
        title=title,
        dtype=manifest.dtype,
        macs=sum(layer.macs_after for layer in manifest.layers),
        dense_macs=sum(layer.macs_before for layer in manifest.layers),
        packed_macs=sum(layer.macs_after for layer in manifest.layers if layer.packed),
        error=said["error"],
        calls=calls,
        submission=Latency.of(submissions),
        call=Latency.of(walls),
        kernels=r.name_layers(kernels, manifest.layers),
        input_bytes=said["input_bytes"],
        output_bytes=said["output_bytes"],
        upload=Latency(**said["upload_ms"]),
        download=Latency(**said["download_ms"]),
    )


def at_full_clock(take: Callable[[], T], times: Callable[[T], list[float]]) -> T:
    """What `take` measures in a process of its own, again until that is no faster; the fastest, by its median."""
    found = [take()]
    for _ in range(_TRIES - 1):
        found.append(take())
        last, now = (median(times(each)) for each in found[-2:])
        if now > _FASTER * last:
            break
    return min(found, key=lambda each: median(times(each)))


def _torch(folder: Path, results: r.GpuResults) -> None:
    title = "PyTorch, cuDNN"
    try:
        said = _child("torch_cuda", folder, results.calls)
    except DeviceError as reason:
        results.skips.append(r.GpuSkip(folder.name, title, str(reason)))
        return
    results.machine.versions["torch"] = said["version"]
    for found in said["rows"]:
        name = f"{title}, {found['mode']}"
        try:
            _check(found["error"], "f32" if found["dtype"] == "f32" else "f16")
        except DeviceError as reason:
            results.skips.append(r.GpuSkip(folder.name, f"{name}, {found['dtype']}", str(reason)))
        else:
            results.rows.append(_torch_row(folder, name, found, results.calls))


def _torch_row(folder: Path, title: str, found: dict[str, Any], calls: int) -> r.GpuRow:
    manifest = Manifest.read(folder)
    macs = sum(layer.macs_before for layer in manifest.layers)
    return r.GpuRow(
        case=folder.name,
        model=manifest.model,
        engine=r.TORCH,
        title=title,
        dtype=found["dtype"],
        macs=macs,
        dense_macs=macs,
        error=found["error"],
        calls=calls,
        submission=Latency(**found["submission"]),
        call=Latency(**found["call"]),
    )


def _dense(found: Iterable[Path]) -> list[Path]:
    """One artifact a model that nothing is pruned in."""
    chosen: dict[str, Path] = {}
    for folder in found:
        manifest = Manifest.read(folder)
        if all(layer.macs_after == layer.macs_before for layer in manifest.layers):
            chosen.setdefault(manifest.model, folder)
    return list(chosen.values())


def _check(error: float, dtype: str) -> None:
    limit = GOLDEN_LIMITS[dtype]
    if not error <= limit:
        raise DeviceError(
            f"its answer is wrong: off by {error:.2g} of the golden output's range, the limit is {limit:g}"
        )


def _child(module: str, folder: Path, calls: int) -> dict[str, Any]:
    command = [sys.executable, "-m", f"rt3d_mlir.bench.gpu.{module}", str(folder), str(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing on stderr"]
        raise DeviceError(lines[-1][:400] if done.returncode == 1 else f"code {done.returncode}: {lines[-1][:300]}")
    return json.loads(done.stdout.splitlines()[-1])
