"""The table of layers, the artifacts of a group side by side."""

from typing import Any

from rt3d_mlir.bench.page import milliseconds
from rt3d_mlir.html_report.artifacts import Artifact, Group
from rt3d_mlir.html_report.cells import UNKNOWN, share_cell
from rt3d_mlir.html_report.speed import Speed, faster
from rt3d_mlir.passes.packing_report import macs_text
from rt3d_mlir.runtime.artifact import Layer


def layer_table(group: Group, speed: Speed) -> dict[str, Any]:
    """Layers as rows, the artifacts side by side; the sums below."""
    heads = [
        {"name": artifact.name, "dense": artifact.dense, "share": _share_title(artifact, speed)}
        for artifact in group.artifacts
    ]
    rows = []
    for layer in group.first.manifest.layers:
        cells = [_layer_cells(group, artifact, layer.name, speed) for artifact in group.artifacts]
        rows.append({"name": layer.name, "weights": "x".join(map(str, layer.weight_shape)), "cells": cells})
    return {"heads": heads, "rows": rows, "others": _others(group, speed), "sums": _sums(group, speed)}


def _share_title(artifact: Artifact, speed: Speed) -> str:
    if speed.timing(artifact) is None and any(speed.share(artifact, each) for each in artifact.manifest.layers):
        return "of peak, projected"
    return "of f32 peak" if artifact.manifest.dtype != "f32" else "of peak"


def _layer_cells(group: Group, artifact: Artifact, name: str, speed: Speed) -> dict[str, Any]:
    layer = next(each for each in artifact.manifest.layers if each.name == name)
    timing, share = speed.timing(artifact), speed.share(artifact, layer)
    ms = timing.layers.get(name) if timing else None
    return {
        "kept": share_cell(layer.kept_share),
        "macs": macs_text(layer.macs_after),
        "ms": milliseconds(ms) if ms is not None else UNKNOWN,
        "share": share_cell(share, digits=0, projected=timing is None),
        "faster": _layer_faster(group, artifact, name, speed),
        "how": _how(layer),
        "slow": not layer.packed,
    }


def _layer_faster(group: Group, artifact: Artifact, name: str, speed: Speed) -> str:
    """Within the same source only; the layers that were not pruned too, for their kernels may differ."""
    own, dense = speed.timing(artifact), speed.timing(group.dense) if group.dense else None
    if own is None or dense is None or own.source != dense.source:
        return UNKNOWN
    ms, before = own.layers.get(name), dense.layers.get(name)
    return f"{before / ms:.2f}x" if ms and before else UNKNOWN


def _how(layer: Layer) -> str:
    return (layer.reason or "packed") if layer.packed else f"not packed: {layer.reason}"


def _others(group: Group, speed: Speed) -> list[str] | None:
    timings = [speed.timing(artifact) for artifact in group.artifacts]
    if not any(timings):
        return None
    return [milliseconds(timing.others_ms) if timing else UNKNOWN for timing in timings]


def _sums(group: Group, speed: Speed) -> list[dict[str, Any]]:
    sums = []
    for artifact in group.artifacts:
        timing = speed.timing(artifact)
        own = [time for time in speed.times(artifact) if timing and time.source == timing.source]
        ratio = faster(group, artifact, own[0], speed) if own else None
        sums.append(
            {
                "kept": share_cell(artifact.macs_after / max(1, artifact.macs_before)),
                "macs": macs_text(artifact.macs_after),
                "ms": milliseconds(timing.ms) if timing else UNKNOWN,
                "faster": f"{ratio:.2f}x" if ratio else UNKNOWN,
                "how": f"{artifact.rate:.2f}x fewer MACs" if not artifact.dense else "all MACs",
            }
        )
    return sums
