"""The bar chart: time over PyTorch eager's, a panel a model and thread count, a group of bars a configuration."""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rt3d_mlir.bench.engines import ENGINES
from rt3d_mlir.bench.page import milliseconds
from rt3d_mlir.bench.results import OURS, EngineRun, Results

#: Bars end here; a longer one says its ratio.
_LONGEST = 1.4
#: Ours in red; an engine keeps its colour whichever others are shown.
_COLOURS = (
    "#c0392b",
    "#e6b0aa",
    "#cd6155",
    "#7f8c8d",
    "#95a5a6",
    "#2e86c1",
    "#1e8449",
    "#a9dfbf",
    "#b9770e",
    "#f5b041",
    "#d7bde2",
)


def draw(results: Results, path: Path) -> None:
    """Writes the chart as PNG."""
    panels = list(dict.fromkeys((row.model, row.threads) for row in results.rows))
    longest = max(len([row for row in results.rows if (row.model, row.threads) == panel]) for panel in panels)
    figure = Figure(figsize=(6.2 * len(panels), 1.6 + 0.3 * longest))
    FigureCanvasAgg(figure)  # no window, no global state of pyplot
    axes = figure.subplots(1, len(panels), squeeze=False, sharex=True)
    for axis, (model, threads) in zip(axes[0], panels, strict=True):
        rows = [row for row in results.rows if (row.model, row.threads) == (model, threads)]
        _panel(axis, rows)
        axis.set_title(f"{model}, {threads} thread{'s' * (threads > 1)}")
    machine = results.machine
    figure.suptitle(f"{machine.cpu}, {machine.date[:10]}, medians of {results.rounds} rounds", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def _panel(axis: Any, rows: list[EngineRun]) -> None:
    """One model and thread count: engines from top to bottom, in groups by configuration."""
    y, ticks, names = 0.0, [], []
    for label in dict.fromkeys(row.label for row in rows):
        axis.text(0, y - 0.25, label, fontsize=9, fontweight="bold", va="center")
        y += 0.55
        for row in (row for row in rows if row.label == label):
            _bar(axis, row, y)
            ticks.append(y)
            names.append(row.title if row.precision == "f32" else f"{row.title} (not f32)")
            y += 1
        y += 0.6
    axis.set_yticks(ticks, names, fontsize=8)
    axis.set_ylim(y - 0.6, -0.8)
    axis.set_xlim(0, _LONGEST * 1.4)
    axis.axvline(1, color="black", linewidth=0.6, linestyle=":", zorder=0)
    axis.set_xlabel("time / PyTorch eager (shorter is faster)", fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _bar(axis: Any, row: EngineRun, y: float) -> None:
    ratio = row.to_torch
    shown = f"{milliseconds(row.latency.median)} ms"
    if ratio is None:  # without PyTorch there is no ratio to draw
        axis.text(0.02, y, shown, va="center", fontsize=7)
        return
    colour = dict(zip(ENGINES, _COLOURS, strict=True))[row.engine]
    weight = "bold" if row.engine == OURS else "normal"
    axis.barh(y, min(ratio, _LONGEST), height=0.82, color=colour, hatch="//" if row.precision != "f32" else None)
    cut = " (cut)" if ratio > _LONGEST else ""
    axis.text(min(ratio, _LONGEST) + 0.02, y, f"{ratio:.2f}{cut}, {shown}", va="center", fontsize=7, fontweight=weight)
