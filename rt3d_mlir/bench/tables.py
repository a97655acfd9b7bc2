"""The results as JSON and as a Markdown page, ratios first."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rt3d_mlir import files
from rt3d_mlir.bench.chart import draw
from rt3d_mlir.bench.comparison import compare
from rt3d_mlir.bench.page import header, milliseconds, table
from rt3d_mlir.bench.results import EngineRun, Results

_ENGINE_COLUMNS = (
    "engine",
    "precision",
    "/ PyTorch eager",
    "/ rt3d_mlir",
    "median ms",
    "min ms",
    "p90 ms",
    "cores busy",
    "error",
    "peak MB",
    "load MB",
    "load ms",
    "file MB",
    "prepare s",
    "runs",
)


def write(results: Results, folder: Path) -> list[str]:
    """Writes bench.json, bench.md and bench.png in `folder`; returns what could not be written, with the reason."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / "bench.json", to_json(results))
    files.write(folder / "bench.md", to_markdown(results))
    if not results.rows:
        return ["bench.png: nothing was measured"]
    with files.replacing(folder / "bench.png") as new:
        draw(results, new)
    return []


def to_json(results: Results) -> str:
    """All that is known, with min, median and p90 of each row."""
    data: dict[str, Any] = {"format": "rt3d-bench", "version": 1, **asdict(results)}
    for row, shown in zip(results.rows, data["rows"], strict=True):
        shown["latency_ms"] = asdict(row.latency)
    return json.dumps(data, indent=2) + "\n"


def to_markdown(results: Results) -> str:
    """The page: who measured what, ratios of all engines a case, what `compare` sets side by side, skips."""
    parts = ["# Benchmark", *header(results.machine)]
    parts.append(f"- {results.rounds} rounds; all engines take turns, one run each a round; groups of {results.group}")
    if results.interrupted:
        parts.append("- **interrupted: what follows is what was measured until then**")
    if results.disturbed:
        ones = sum(row.threads == 1 for row in results.rows)
        parts.append(
            f"- **the machine was not quiet**: in {len(results.disturbed)} of {ones} rows on one thread the median run "
            "had less than 95 % of a core; measure again"
        )
    keys = list(dict.fromkeys((row.label, row.threads) for row in results.rows))
    for label, threads in keys:
        rows = [row for row in results.rows if (row.label, row.threads) == (label, threads)]
        parts += ["", f"## {label}, {threads} thread{'s' * (threads > 1)}", "", *_engines(rows)]
    parts += compare(results) + _skips(results)
    parts += ["", *_LEGEND]
    return "\n".join(parts) + "\n"


_LEGEND = (
    "Ratios are of medians, below 1 is faster. Error: the largest of any run against PyTorch float64, in shares of the",
    "answer's range. Cores busy: processor time over wall clock. Peak MB: resident memory of the engine's process, at",
    "most during the runs; load MB: at most while loading. Prepare: export, conversion, compilation, once.",
)


def _engines(rows: Iterable[EngineRun]) -> list[str]:
    return table(_ENGINE_COLUMNS, [_engine(row) for row in rows], words=2)


def _engine(row: EngineRun) -> list[str]:
    latency = row.latency
    return [
        f"{row.title} ({row.note})" if row.note else row.title,
        row.precision if row.precision == "f32" else f"**{row.precision}**",
        _ratio(row.to_torch),
        _ratio(row.to_rt3d),
        *(milliseconds(ms) for ms in (latency.median, latency.min, latency.p90)),
        f"{sorted(row.cores)[len(row.cores) // 2]:.2f}",
        f"{row.error:.1e}",
        *(f"{size / 1e6:.0f}" for size in (row.peak_bytes, row.load_peak_bytes)),
        f"{row.load_ms:.0f}",
        f"{row.file_bytes / 1e6:.1f}",
        f"{row.prepare_ms / 1e3:.0f}",
        str(len(row.times)),
    ]


def _ratio(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"


def _skips(results: Results) -> list[str]:
    if not results.skips:
        return []
    reasons: dict[tuple[str, str], list[str]] = {}
    for skip in results.skips:
        where = f"{skip.label} on {skip.threads}"
        reasons.setdefault((skip.title, skip.reason), []).append(where)
    return [
        "",
        "## Skipped",
        "",
        *(f"- {title} ({', '.join(where)}): {why}" for (title, why), where in reasons.items()),
    ]
