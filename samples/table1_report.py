"""The tables of samples/table1.py, as Markdown, from the lines of its results."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

Line = dict[str, Any]

COLUMNS = (
    ("filter", 2.6),
    ("vanilla", 2.6),
    ("kgs", 2.6),
    ("kgs", 3.6),
    # Beyond the paper: where little room is left.
    ("filter", 6.0),
    ("vanilla", 6.0),
    ("kgs", 6.0),
)


def report(lines: Sequence[Line]) -> str:
    """Both tables for each kind of settings that occurs; accuracies in %, mean ± sample deviation over seeds."""
    kinds = {str(line["settings"]): line["settings"] for line in lines}
    pages = []
    for kind, settings in kinds.items():
        chosen = [line for line in lines if str(line["settings"]) == kind]
        seeds = len({line["seed"] for line in chosen})
        said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items() if value)
        seconds = sum(line["seconds"] for line in chosen)
        pages.append(
            f"{said}; {len(chosen)} runs, {seeds} seed{'s' * (seeds > 1)}, {seconds / 60:.0f} minutes of processes\n\n"
            f"{_table1(chosen)}\n\n{_table3(chosen)}"
        )
    return "\n\n".join(pages)


def _table1(lines: Sequence[Line]) -> str:
    rows = ["| net | algorithm | " + " | ".join(f"{sparsity} {rate}x" for sparsity, rate in COLUMNS) + " |"]
    rows.append("|---|---|" + "---|" * len(COLUMNS))
    for net in _names(lines, "net"):
        dense = _spread(_accuracies(lines, net, "dense", "dense", 1.0))
        for algorithm in ("heuristic", "fixed", "reweighted"):
            cells = [_spread(_accuracies(lines, net, sparsity, algorithm, rate)) for sparsity, rate in COLUMNS]
            rows.append(f"| {net}, dense {dense} | {algorithm} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _table3(lines: Sequence[Line]) -> str:
    rates = sorted({line["rate"] for line in lines if line["algorithm"] == "reweighted"})
    rows = ["| net, reweighted | " + " | ".join(f"{rate}x" for rate in rates) + " |", "|---|" + "---|" * len(rates)]
    notes = []
    for net in _names(lines, "net"):
        curves = {}
        for sparsity in ("vanilla", "kgs"):
            cells = [_accuracies(lines, net, sparsity, "reweighted", rate) for rate in rates]
            rows.append(f"| {net}, {sparsity} | " + " | ".join(map(_spread, cells)) + " |")
            curves[sparsity] = [(rate, float(np.mean(c))) for rate, c in zip(rates, cells, strict=True) if c]
        for rate, accuracy in curves["vanilla"]:
            equal = _rate_at(curves["kgs"], accuracy)
            notes.append(f"- {net}: vanilla at {rate}x has {100 * accuracy:.1f} %, as KGS has at {equal}")
    return "\n".join([*rows, "", *notes])


def _rate_at(curve: Sequence[tuple[float, float]], accuracy: float) -> str:
    """The highest rate at which the curve, lines between its points, still has this accuracy."""
    for (rate, high), (next_rate, low) in reversed(list(itertools.pairwise(curve))):
        if low < accuracy <= high:
            return f"{rate + (high - accuracy) / (high - low) * (next_rate - rate):.1f}x"
        if low >= accuracy:
            return f"{next_rate}x or more" if (next_rate, low) == curve[-1] else f"{next_rate}x"
    return f"less than {curve[0][0]}x" if curve else "no rate that was run"


def _accuracies(lines: Sequence[Line], net: str, sparsity: str, algorithm: str, rate: float) -> list[float]:
    wanted = (net, sparsity, algorithm, rate)
    return [
        x["accuracy"]
        for x in lines
        if (x["net"], x["sparsity"], x["algorithm"], x["rate"]) == wanted and not x["error"]
    ]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    deviation = f" ± {100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{100 * np.mean(values):.1f}{deviation}"


def _names(lines: Sequence[Line], field: str) -> list[str]:
    return list(dict.fromkeys(line[field] for line in lines))
