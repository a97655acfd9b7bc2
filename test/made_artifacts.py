"""Artifact folders that are made, not compiled: manifests say what a test needs, and modules are no programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rt3d_mlir.runtime.artifact import KEPT, MODULE, Layer, Manifest, TensorSpec, sha256_file
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.sparsity.kept_file import Kept, save_kept

SHAPES = {"conv1": (16, 4, 3, 3, 3), "conv2": (32, 16, 3, 3, 3), "fc": (5, 32)}
POSITIONS = {"conv1": 100, "conv2": 50, "fc": 1}


def layer(name: str, kept: float = 1.0, reason: str = "", packed: bool = True) -> Layer:
    macs = int(np.prod(SHAPES[name])) * POSITIONS[name]
    return Layer(name, SHAPES[name], macs, round(kept * macs), kept, packed, reason)


def mask(name: str = "conv2", kept: float = 0.25, group: str = "8x4") -> Kept:
    """Random blocks, as many as `kept` says."""
    size = GroupSize.parse(group)
    shape = size.mask_shape(SHAPES[name])
    order = np.random.default_rng(0).permutation(int(np.prod(shape)))
    return Kept(size, (order < kept * order.size).reshape(shape))


def make(
    folder: Path,
    layers: list[Layer] | None = None,
    kept: Mapping[str, Kept] | None = None,
    module: bytes = b"no program",
    **changes: Any,
) -> Path:
    """An artifact for cortex-a76 unless `changes` of the manifest say otherwise; dense unless `layers` do."""
    folder.mkdir(parents=True)
    (folder / MODULE).write_bytes(module + folder.name.encode())
    files = [MODULE]
    if kept:
        save_kept(folder / KEPT, kept)
        files.append(KEPT)
    facts = {
        "tools": {"rt3d_mlir": "0.1.0", "iree_compiler": "3.13.0"},
        "model": "net",
        "target": "cortex-a76",
        "triple": "aarch64-none-linux-android29",
        "cpu": "cortex-a76",
        "inputs": [TensorSpec("x", (1, 4, 4, 5, 5), "float32")],
        "outputs": [TensorSpec("output_0", (1, 5), "float32")],
        "files": {name: sha256_file(folder / name) for name in files},
        "layers": layers or [layer(name) for name in SHAPES],
        "sparsity": {"group": "8x4", "dense": not kept, "notes": []},
    }
    Manifest(**(facts | changes)).write(folder)
    return folder


def make_pruned(folder: Path, **changes: Any) -> Path:
    """conv2 keeps a quarter."""
    return make(folder, [layer("conv1"), layer("conv2", 0.25), layer("fc")], {"conv2": mask()}, **changes)


def record(folder: Path, median: float = 20.0, **changes: Any) -> dict[str, Any]:
    """What rt3d-mlir-run --adb --json writes of a run of this artifact."""
    manifest = Manifest.read(folder)
    cores = [
        {"number": number, "max_khz": 2400000, "limit_khz": 2400000, "governor": "schedutil"} for number in range(8)
    ]
    state = {"celsius": 38.5, "sensor": "cpu-1-0-usr", "cores": cores}
    return {
        "format": "rt3d-phone",
        "version": 1,
        "date": "2026-11-26T10:00:00+00:00",
        "model": manifest.model,
        "target": manifest.target,
        "dtype": manifest.dtype,
        "device": manifest.device,
        "module_sha256": manifest.files[MODULE],
        "phone": {"model": "Acme One", "soc": "QTI SM8250", "android": "13"},
        "runtime": "glibc",
        "cores": "big",
        "cpus": [4, 5, 6, 7],
        "threads": 4,
        "repeat": 3,
        "latency_ms": {"min": median - 1, "median": median, "p90": median + 1},
        "times_ms": [median - 1, median, median + 1],
        "tolerance": 0.001,
        "before": state,
        "after": state,
    } | changes


def projection(config: str = "dense", ms: float = 30.0, **changes: Any) -> dict[str, Any]:
    """An entry of what rt3d-mlir-bench --static --json prints."""
    row = {"layer": "conv2", "share": {"neoverse-n1": 0.9, "cortex-x1": 0.8}}
    times = {"phone": "Snapdragon 865", "one_core_ms": 3 * ms, "all_cores_ms": ms, "memory_ms": 1.0}
    return {
        "config": config,
        "model": "net",
        "target": "cortex-a76",
        "dtype": "f32",
        "rows": [row],
        "projections": [times],
    } | changes
