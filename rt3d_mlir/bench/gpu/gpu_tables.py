"""The measurements of a GPU as JSON and as a Markdown page."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rt3d_mlir import files
from rt3d_mlir.bench.gpu.results import OURS, GpuResults, GpuRow, LayerTime
from rt3d_mlir.bench.page import header, milliseconds, table
from rt3d_mlir.runtime.timing import Latency

_COLUMNS = (
    "case",
    "engine",
    "dtype",
    "kernels ms",
    "submission ms",
    "min ms",
    "p90 ms",
    "call ms",
    "error",
    "GFLOP/s",
    "of f32 peak",
    "upload kB",
    "ms",
    "download kB",
    "ms",
    "calls",
)


def write(results: GpuResults, folder: Path) -> None:
    """Writes gpu.json and gpu.md in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / "gpu.json", to_json(results))
    files.write(folder / "gpu.md", to_markdown(results))


def to_json(results: GpuResults) -> str:
    """All that is known."""
    return json.dumps({"format": "rt3d-bench-gpu", "version": 1, **asdict(results)}, indent=2) + "\n"


def to_markdown(results: GpuResults) -> str:
    """The device, all engines a model, what sets them side by side, our kernels, skips."""
    parts = ["# Benchmark on a GPU", *header(results.machine)]
    if device := results.device:
        driver = f"{device['driver']} {device['driver_info']}"
        parts.append(f"- {device['name']}, Vulkan {device['api']}, driver {driver}")
    if results.peak_tflops:
        parts.append(f"- f32 peak taken as {results.peak_tflops:g} TFLOP/s")
    if results.interrupted:
        parts.append("- **interrupted: what follows is what was measured until then**")
    for model in dict.fromkeys(row.model for row in results.rows):
        rows = [row for row in results.rows if row.model == model]
        parts += ["", f"## {model}", "", *table(_COLUMNS, [_cells(row, results.peak_tflops) for row in rows], words=3)]
        parts += _pruned(rows, results) + _halves(rows) + _rivals(rows)
    for row in results.rows:
        if row.engine == OURS:
            parts += ["", f"## Kernels of {row.case}", "", *_kernels(row, results.peak_tflops)]
    if results.skips:
        parts += ["", "## Skipped", "", *(f"- {skip.case}, {skip.title}: {skip.reason}" for skip in results.skips)]
    return "\n".join([*parts, "", *_LEGEND]) + "\n"


_LEGEND = (
    "Medians. Kernels: the sum of all kernels by the device's timestamps. Submission: the whole model on the device,",
    "with what lies between kernels; min and p90 are its. Call: as the host sees it, with allocation, submission and",
    "waiting; data lie on the device before and after. GFLOP/s: 2 x kept MACs over the time of the layers' kernels.",
    "Error: the largest difference from the golden output, in shares of its range. Transfers are from and to numpy.",
)


def _cells(row: GpuRow, peak: float | None) -> list[str]:
    return [
        row.case,
        row.title,
        row.dtype,
        _ms(row.kernels_ms),
        *(milliseconds(ms) for ms in (row.submission.median, row.submission.min, row.submission.p90, row.call.median)),
        f"{row.error:.1e}",
        _number(row.layers_gflops, ".0f"),
        _share(row.layers_gflops, peak),
        *_transfer(row.input_bytes, row.upload),
        *_transfer(row.output_bytes, row.download),
        str(row.calls),
    ]


def _pruned(rows: Iterable[GpuRow], results: GpuResults) -> list[str]:
    """Our pruned rows over our dense ones, beside the rate by MACs."""
    lines = []
    for row in rows:
        dense = results.dense_of(row) if row.rate > 1 else None
        if dense is None:
            continue
        faster = [dense.submission.median / row.submission.median]
        if row.kernels_ms and dense.kernels_ms:
            faster.append(dense.kernels_ms / row.kernels_ms)
        shares = [text for times in faster for text in (f"{times:.2f}", f"{times / row.rate:.2f}")]
        lines.append([row.case, f"{row.rate:.2f}", *shares])
    columns = ("pruned over dense", "times fewer MACs", "submission", "share of that", "kernels", "share of that")
    return ["", *table(columns, lines)] if lines else []


def _halves(rows: Iterable[GpuRow]) -> list[str]:
    """Our f16 rows over our f32 rows of as many MACs."""
    ours = [row for row in rows if row.engine == OURS]
    lines = [
        [half.case, full.case, f"{full.submission.median / half.submission.median:.2f}"]
        for half in ours
        for full in ours
        if (half.dtype, full.dtype, half.macs) == ("f16", "f32", full.macs)
    ]
    return ["", *table(("f16", "over f32", "times faster"), lines, words=2)] if lines else []


def _rivals(rows: Iterable[GpuRow]) -> list[str]:
    """Ours beside each other engine, which runs the dense net: how many times faster, by submissions."""
    rows = list(rows)
    ours, others = ([row for row in rows if (row.engine == OURS) is mine] for mine in (True, False))
    if not ours or not others:
        return []
    lines = [
        [row.case, *(f"{other.submission.median / row.submission.median:.2f}" for other in others)] for row in ours
    ]
    columns = [f"{other.title}, {other.dtype}" for other in others]
    return ["", *table(("times faster than, dense", *columns), lines)]


def _kernels(row: GpuRow, peak: float | None) -> list[str]:
    columns = ("kernel", "layer", "ms", "of all", "workgroups", "threads", "GFLOP/s", "of f32 peak")
    whole = row.kernels_ms or 1
    return table(columns, [_kernel(time, whole, peak) for time in row.kernels], words=2)


def _kernel(time: LayerTime, whole: float, peak: float | None) -> list[str]:
    kernel = time.kernel
    counts = [str(kernel.workgroups), str(kernel.threads)]
    rates = [_number(time.gflops, ".0f"), _share(time.gflops, peak)]
    return [kernel.name, time.layer or "-", f"{kernel.ms:.4f}", f"{kernel.ms / whole:.1%}", *counts, *rates]


def _transfer(size: int, time: Latency | None) -> list[str]:
    return ["-", "-"] if time is None else [f"{size / 1e3:.1f}", milliseconds(time.median)]


def _ms(number: float | None) -> str:
    return "-" if number is None else milliseconds(number)


def _number(number: float | None, form: str) -> str:
    return "-" if number is None else format(number, form)


def _share(gflops: float | None, peak: float | None) -> str:
    return f"{gflops / 1e3 / peak:.0%}" if gflops and peak else "-"
