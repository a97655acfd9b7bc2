"""The summary, the remarks and the captions of the page, as words and numbers that the template lays out."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rt3d_mlir.html_report.artifacts import Artifact, Group
from rt3d_mlir.html_report.cells import UNKNOWN, share_cell, time_cells
from rt3d_mlir.html_report.masks import MaskPicture
from rt3d_mlir.html_report.speed import CORE_MODELS, Speed, Time
from rt3d_mlir.passes.packing_report import macs_text
from rt3d_mlir.runtime.artifact import KEPT, Layer
from rt3d_mlir.runtime.vulkan import VULKAN
from rt3d_mlir.sparsity.kept_file import Kept

_LIKE_WITH_LIKE = (
    "layers go by Winograd, which pruned ones do only where they keep most; a dense artifact compiled with "
    "--no-winograd, named first, compares like with like"
)


def summary(groups: Sequence[Group], speed: Speed) -> list[dict[str, Any]]:
    """A row an artifact; its times are what was measured, or one projection where nothing was."""
    rows = []
    for group in groups:
        for artifact in group.artifacts:
            times = speed.times(artifact)
            shown = [time for time in times if not time.projected] or _headline(times)
            rows.append(
                {
                    "name": artifact.name,
                    "target": artifact.manifest.target,
                    "dtype": artifact.manifest.dtype,
                    "kept": share_cell(artifact.macs_after / max(1, artifact.macs_before)),
                    "macs": macs_text(artifact.macs_after),
                    "rate": f"{artifact.rate:.2f}x" if not artifact.dense else UNKNOWN,
                    "size": f"{artifact.module_bytes / 2**20:.1f}",
                    "times": [time_cells(group, artifact, time, speed) for time in shown],
                    "reason": speed.reason(artifact),
                }
            )
    return rows


def _headline(times: Sequence[Time]) -> list[Time]:
    """Of projections the first phone's for all of its cores, or its GPU."""
    return [time for time in times if not time.source.endswith("one big core")][:1]


def remarks(group: Group, speed: Speed) -> list[str]:
    """Why cells have dashes, and what the compiler had to say; what is true of several artifacts is said once."""
    names: dict[str, list[str]] = {}
    for artifact in group.artifacts:
        for remark in _remarks(artifact, speed):
            names.setdefault(remark, []).append(artifact.name)
    if group.dense and len(group.artifacts) > 1 and any(_by_winograd(layer) for layer in group.dense.manifest.layers):
        names[_LIKE_WITH_LIKE] = [group.dense.name]
    return [f"{', '.join(of)}: {remark}" for remark, of in names.items()]


def _remarks(artifact: Artifact, speed: Speed) -> Iterator[str]:
    timing, layers = speed.timing(artifact), artifact.manifest.layers
    if timing is None:
        yield f"no ms by layer: {speed.reason(artifact)}"
        yield f"share of peak: {_share_remark(artifact, speed)}"
    else:
        missing = ", ".join(layer.name for layer in layers if layer.name not in timing.layers)
        if missing:
            yield (
                f"no ms for {missing}: not packed, or IREE keeps one kernel for several with the same code, and which "
                "of them ran cannot be told; in other ops"
            )
        if timing.peak is None:
            yield "no share of peak: gpu.json names no peak; rt3d-mlir-bench --peak TFLOPS states it"
    for note in artifact.manifest.sparsity.get("notes", []):
        yield f"{note['pass_name']}: {note['layer']}: {note['reason']}"
    if artifact.pruned and KEPT not in artifact.manifest.files:
        yield f"no masks: it is from before artifacts had {KEPT}; compile again to see them"


def _share_remark(artifact: Artifact, speed: Speed) -> str:
    target = artifact.manifest.target
    if any(speed.share(artifact, layer) for layer in artifact.manifest.layers):
        return f"projected, of {CORE_MODELS[target]}'s; where each weight is used once, memory sets the time"
    return _no_share(artifact)


def _no_share(artifact: Artifact) -> str:
    target = artifact.manifest.target
    if artifact.manifest.device == VULKAN or target == "host":
        return "unknown without the time"
    if target not in CORE_MODELS:
        return f"unknown, llvm-mca has no model of {target}"
    return f"rt3d-mlir-bench --static --json --target {target} projects it, and --phone shows that here"


def mask_caption(artifact: Artifact, layer: Layer, kept: Kept, picture: MaskPicture) -> str:
    """What a picture of a mask shows."""
    rows, channels, *kernel = kept.mask.shape
    counts = kept.mask.sum(axis=(1, 2, 3, 4))
    blocks = channels * int(np.prod(kernel))
    text = (
        f"{'x'.join(map(str, layer.weight_shape))} in groups of {kept.group}: {rows} rows of filter groups, {channels} "
        f"channel groups, {'x'.join(map(str, kernel))} locations. Rows keep {counts.min()} to {counts.max()} of "
        f"{blocks} blocks."
    )
    if picture.fold != (1, 1):
        down, across = picture.fold
        text += f" A dot stands for {down} x {across} groups: the darker, the more of them are kept."
    if _by_winograd(layer):
        text += " Winograd multiplies all blocks again, and is faster all the same."
    return text


def _by_winograd(layer: Layer) -> bool:
    return layer.reason.startswith("Winograd")


def compiled(artifact: Artifact) -> list[tuple[str, str]]:
    """What the manifest says of how an artifact was made."""
    manifest = artifact.manifest
    return [
        ("model", manifest.model),
        ("target", f"{manifest.target}: {manifest.cpu}, {manifest.triple}, runs on {manifest.device}"),
        ("stored as", f"{manifest.dtype}, groups of {manifest.sparsity.get('group', 'unknown size')}"),
        ("inputs", ", ".join(f"{each.name} {each}" for each in manifest.inputs)),
        ("outputs", ", ".join(f"{each.name} {each}" for each in manifest.outputs)),
        ("tolerance", f"{manifest.tolerance:.2g}, the largest error on the golden output"),
        ("made with", ", ".join(f"{tool} {version}" for tool, version in manifest.tools.items())),
        ("module", f"{artifact.module_bytes:,} bytes, sha256 {artifact.module_sha256}"),
    ]
