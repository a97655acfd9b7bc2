"""Bars by layer: what is multiplied and, where it was measured, how long that takes, dense and pruned side by side."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rt3d_mlir.html_report.artifacts import Artifact
from rt3d_mlir.html_report.timing import Timing

#: Dense in grey, pruned in colours; they and the text read on white and on black.
COLOURS = ("#8d99a8", "#2a78c8", "#d9822b", "#3a9a5b", "#a45cc4")
_TEXT = "#7d8794"
#: Layers of at least this share of the MACs, before pruning, have bars.
_SMALLEST = 0.001
#: Letters of a name that fit beside the bars, and the end of Latin, Greek and Cyrillic.
_LONGEST, _LETTERS = 36, 0x530


def draw_chart(artifacts: Sequence[Artifact], timings: Mapping[str, Timing]) -> bytes:
    """A panel of GMACs, and one of milliseconds where a layer was timed; the same data give the same bytes."""
    layers = [
        layer for layer in artifacts[0].manifest.layers if layer.macs_before > _SMALLEST * artifacts[0].macs_before
    ]
    names = [layer.name for layer in layers]
    macs = [{layer.name: layer.macs_after / 1e9 for layer in each.manifest.layers} for each in artifacts]
    times = [timings[each.name].layers if each.name in timings else {} for each in artifacts]
    panels = [("GMACs", macs)] + ([("milliseconds", times)] if any(times) else [])
    figure = Figure(figsize=(4.6 * len(panels) + 0.6, 0.9 + len(names) * (0.16 + 0.13 * len(artifacts))), dpi=110)
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, values) in zip(all_axes, panels, strict=True):
        _panel(axes, title, names, values, [each.name for each in artifacts])
    figure.legend(
        *all_axes[0].get_legend_handles_labels(),
        loc="lower center",
        ncols=min(4, len(artifacts)),
        frameon=False,
        fontsize=8,
        labelcolor=_TEXT,
    )
    figure.tight_layout(rect=(0, 0.32 / figure.get_figheight(), 1, 1))
    buffer = BytesIO()
    figure.savefig(buffer, format="png", transparent=True, metadata={"Software": None})
    return buffer.getvalue()


def _panel(
    axes: Any, title: str, names: Sequence[str], values: Sequence[Mapping[str, float]], labels: Sequence[str]
) -> None:
    thick = 0.8 / len(values)
    for i, by_layer in enumerate(values):
        at = [y - 0.4 + thick * (i + 0.5) for y in range(len(names))]
        widths = [by_layer.get(name, 0.0) for name in names]
        axes.barh(at, widths, height=thick * 0.92, color=COLOURS[i % len(COLOURS)], label=_plain(labels[i]))
    axes.set_yticks(range(len(names)), [_plain(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_title(title, fontsize=9, color=_TEXT, loc="left")
    axes.tick_params(length=0, labelsize=8, colors=_TEXT)
    axes.grid(axis="x", color=_TEXT, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _plain(text: str) -> str:
    """A name as matplotlib draws it: short, in letters that its font has; no formulas, no labels that hide."""
    known = "".join(letter if letter.isprintable() and ord(letter) < _LETTERS else "?" for letter in text)
    short = known if len(known) <= _LONGEST else f"{known[: _LONGEST // 2]}…{known[-_LONGEST // 2 :]}"
    return (" " if short.startswith("_") else "") + short.replace("$", r"\$")
