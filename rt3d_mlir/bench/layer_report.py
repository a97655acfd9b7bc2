"""The per-layer profile as JSON and as a Markdown page."""

import json
from dataclasses import asdict
from pathlib import Path

from rt3d_mlir import files
from rt3d_mlir.bench.layers import LayerProfile, LayerResults, LayerRow
from rt3d_mlir.bench.page import header, table

_COLUMNS = (
    "dispatch",
    "source layer",
    "kind",
    "ms",
    "min ms",
    "of the whole",
    "GFLOP/s kept",
    "of FMA peak, kept",
    "of FMA peak, needed",
    "GB/s",
    "of copy",
)


def write_layers(results: LayerResults, folder: Path) -> None:
    """Writes layers.json and layers.md in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / "layers.json", layers_json(results))
    files.write(folder / "layers.md", layers_markdown(results))


def layers_json(results: LayerResults) -> str:
    return json.dumps({"format": "rt3d-bench-layers", "version": 1, **asdict(results)}, indent=2) + "\n"


def layers_markdown(results: LayerResults) -> str:
    """Roofs, then a table a case, with the sums that matter below it."""
    roofs = results.roofs
    parts = ["# Per-layer profile, one thread", *header(results.machine)]
    parts.append(f"- roofs of one core: FMA {roofs.fma / 1e9:.1f} GFLOP/s, copy {roofs.stream / 1e9:.1f} GB/s")
    parts.append(f"- medians of {results.rounds} calls; groups of {results.group}")
    if results.interrupted:
        parts.append("- **interrupted: what follows is what was measured until then**")
    for profile in results.profiles:
        parts += ["", f"## {profile.label}, {profile.rate:.2f}x fewer MACs", ""]
        parts += table(_COLUMNS, [_cells(row) for row in profile.rows], words=3)
        parts += ["", *_sums(profile)]
    parts += [
        "",
        "Kept: 2 x kept weights x output positions / time. Needed leaves out taps that fall on padding for a whole",
        "output row, which the kernels skip. GB/s: bytes of operands and results / time, weights and border included;",
        "above the copy where a cache holds them.",
    ]
    return "\n".join(parts) + "\n"


def _cells(row: LayerRow) -> list[str]:
    def shown(number: float | None, text: str) -> str:
        return "-" if number is None else format(number, text)

    return [
        row.dispatch,
        row.source,
        row.kind,
        f"{row.ms:.3f}",
        f"{row.min_ms:.3f}",
        f"{row.share:.1%}",
        shown(row.kept_gflops, ".1f"),
        shown(row.kept_share, ".0%"),
        shown(row.needed_share, ".0%"),
        shown(row.gbytes, ".1f"),
        shown(row.stream_share, ".0%"),
    ]


def _sums(profile: LayerProfile) -> list[str]:
    kinds = {kind: sum(row.ms for row in profile.rows if row.kind == kind) for kind in _kinds(profile)}
    kinds["outside the dispatches"] = profile.outside_ms
    parts = ", ".join(f"{kind} {ms:.2f} ms ({ms / profile.whole_ms:.1%})" for kind, ms in kinds.items())
    return [
        f"- the whole is {profile.whole_ms:.2f} ms (the median call took {profile.call_ms:.2f} ms): {parts}",
        f"- all that is not conv: {1 - kinds.get('conv', 0.0) / profile.whole_ms:.1%}",
        f"- peak memory of a run {profile.peak_bytes / 1e6:.0f} MB; 1.3 x (kept weights + two largest activations + "
        f"50 MB) is {profile.memory_bound / 1e6:.0f} MB",
    ]


def _kinds(profile: LayerProfile) -> list[str]:
    return list(dict.fromkeys(row.kind for row in profile.rows))
