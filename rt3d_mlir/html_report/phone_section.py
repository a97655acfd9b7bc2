"""Runs on phones beside the projections, and what is of none of the artifacts."""

from collections.abc import Sequence
from typing import Any

from rt3d_mlir.html_report.artifacts import Group
from rt3d_mlir.html_report.cells import time_cells
from rt3d_mlir.html_report.speed import Speed, Time, run_title, slowed


def phone_tables(groups: Sequence[Group], speed: Speed) -> list[dict[str, Any]]:
    """For each group with a run or a projection: a row a source, a column an artifact; measured ones first."""
    tables = []
    for group in groups:
        by_artifact = [_phone_times(speed.times(artifact)) for artifact in group.artifacts]
        sources = list(dict.fromkeys(source for times in by_artifact for source in times))
        sources.sort(key=lambda source: source.startswith("projected"))
        if not sources:
            continue
        rows = []
        for source in sources:
            cells = [
                time_cells(group, artifact, times[source], speed) if source in times else None
                for artifact, times in zip(group.artifacts, by_artifact, strict=True)
            ]
            rows.append({"source": source, "cells": cells, "projected": source.startswith("projected")})
        heads = [{"name": each.name, "dense": each.dense, "rate": f"{each.rate:.2f}x"} for each in group.artifacts]
        tables.append({"title": group.title, "heads": heads, "rows": rows})
    return tables


def _phone_times(times: Sequence[Time]) -> dict[str, Time]:
    """By source; of several runs under the same conditions the first."""
    found: dict[str, Time] = {}
    for time in times:
        if time.projected or time.source.startswith("measured on"):
            found.setdefault(time.source, time)
    return found


def phone_runs(speed: Speed) -> list[dict[str, Any]]:
    """The records in the words of rt3d-mlir-run."""
    rows = []
    for run in speed.phones.runs:
        facts = [line.split(maxsplit=1) for line in run.record.lines()]
        name = run.artifact.name if run.artifact else "apart"
        rows.append({"file": run.file, "name": name, "date": run.record.date, "why": run.why, "facts": facts})
    return rows


def apart(speed: Speed) -> list[str]:
    """What was given and is of none of the artifacts."""
    lines = [f"{run.file}: {run_title(run.record)}: {run.why}" for run in speed.phones.runs if run.why]
    lines += [f"{each.file}: {each.title}, projected: {each.why}" for each in speed.phones.projections if each.why]
    return lines + speed.benched.strangers


def warnings(speed: Speed) -> list[str]:
    """What makes measured times doubtful."""
    return [*([speed.here.doubt] if speed.here.doubt else []), *slowed(speed.phones.runs)]
