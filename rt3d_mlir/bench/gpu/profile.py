"""The times of an artifact by IREE's own tools, which the runtime's wheel brings.

A call's kernels have the device's timestamps, and so has its submission: from the first kernel's begin to the last
one's end, with the gaps between. (IREE's own timestamps of a submission may begin before the host has recorded it.) A
call as the host sees it adds allocation, submission and waiting; it is measured alone, for timestamps cost it time.
Input lies on the device before a call, and output stays there.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

from rt3d_mlir.errors import DeviceError
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.programs import runtime_program
from rt3d_mlir.runtime.artifact import MODULE, Manifest

_UNITS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Kernel:
    """One dispatch of a call: the median of its times. Of kernels with the same code one name stands for all."""

    name: str
    ms: float
    workgroups: int
    threads: int
    """Of a workgroup."""


def wall_times(folder: Path, calls: int, warmup: int) -> list[float]:
    """Milliseconds of each call as the host sees it, nothing profiled. Raises DeviceError where a tool fails."""
    repeat = ["--benchmark_min_time=1x", f"--benchmark_repetitions={warmup + calls}"]
    runs = json.loads(_benchmark(folder, repeat))["benchmarks"]
    times = [run["real_time"] * _UNITS[run["time_unit"]] for run in runs if run["run_type"] == "iteration"]
    return times[warmup:]


def device_times(folder: Path, calls: int, warmup: int) -> tuple[list[float], list[Kernel]]:
    """Milliseconds of each call's submission, and the kernels of a call in the order they run.

    Raises DeviceError where the device has no timestamps.
    """
    rows = _profile(folder, calls + warmup, "dispatch-events", internals.DISPATCH_EVENTS)
    timed = split_calls(rows, calls + warmup)[warmup:]
    return [span(call) for call in timed], median_kernels(timed)


def split_calls(rows: Sequence[dict[str, Any]], calls: int) -> list[list[dict[str, Any]]]:
    """Each call's kernels, from `iree-profile dispatch --dispatch_events`; every call runs the same sequence."""
    events = [row for row in rows if row["type"] == "dispatch_event"]
    length, rest = divmod(len(events), calls)
    if rest or not length:
        raise DeviceError(f"the profile has {len(events)} events for {calls} calls: the device does not time its work")
    return [events[i * length : (i + 1) * length] for i in range(calls)]


def span(call: Sequence[dict[str, Any]]) -> float:
    """Milliseconds from the begin of a call's first kernel to the end of its last."""
    ticks = max(event["end_tick"] for event in call) - min(event["start_tick"] for event in call)
    longest = max(call, key=lambda event: event["duration_ticks"])
    return ticks * _milliseconds(longest) / max(longest["duration_ticks"], 1)


def median_kernels(timed: Sequence[Sequence[dict[str, Any]]]) -> list[Kernel]:
    """The kernels of a call, their times the medians over these calls."""
    return [
        Kernel(
            name=same[0]["key"],
            ms=median(map(_milliseconds, same)),
            workgroups=prod(same[0]["workgroup_count"]),
            threads=prod(same[0]["workgroup_size"]),
        )
        for same in zip(*timed, strict=True)
    ]


def _milliseconds(event: dict[str, Any]) -> float:
    if not event["valid"]:
        raise DeviceError("the device gives no timestamps: nothing but whole calls can be timed here")
    return event["duration_ns"] / 1e6


def _profile(folder: Path, calls: int, mode: str, shown: Sequence[str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as work:
        trace = Path(work, "trace.ireeprof")
        profiling = [f"{internals.PROFILING_MODE}{mode}", f"{internals.PROFILING_OUTPUT}{trace}"]
        _benchmark(folder, [f"--benchmark_min_time={calls}x", *profiling])
        lines = _output(["iree-profile", *shown, str(trace)]).splitlines()
    return [json.loads(line) for line in lines]


def _benchmark(folder: Path, flags: Sequence[str]) -> str:
    manifest = Manifest.read(folder)
    inputs = [f"--input=@{folder}/golden/input_{i}.npy" for i in range(len(manifest.inputs))]
    module = [f"--device={manifest.device}", f"--module={folder / MODULE}", f"--function={manifest.entry}"]
    return _output(["iree-benchmark-module", *module, *inputs, "--benchmark_format=json", *flags])


def _output(command: list[str]) -> str:
    done = subprocess.run([runtime_program(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeviceError(f"{command[0]} ended with code {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout
