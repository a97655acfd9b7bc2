"""Times of single dispatches, by IREE's own profiler (`--device_profiling_mode=host-execution`), on one thread."""

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path

from rt3d_mlir.errors import CompileError
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.programs import runtime_program

#: Seconds of calls that are not counted.
WARM_UP = 0.5
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Call:
    """Seconds of one profiled call: wall clock, and those of each dispatch by its kernel, in the order they ran.

    Of kernels with the same code IREE keeps one, whose name all their dispatches have.
    """

    wall: float
    dispatches: list[tuple[str, float]]

    @property
    def outside(self) -> float:
        """What no dispatch accounts for: allocation, submission, waiting."""
        return self.wall - sum(seconds for _, seconds in self.dispatches)


def profile_calls(vmfb: Path, clip: Path, count: int) -> list[Call]:
    """`count` calls of a module's `main`, after WARM_UP seconds of others.

    Raises CompileError if a tool fails, DeviceError where there is none.
    """
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.ireeprof")
        benchmark = [
            runtime_program("iree-benchmark-module"),
            f"--module={vmfb}",
            "--function=main",
            f"--input=@{clip}",
            "--device=local-sync",
            internals.PROFILING_MODE + "host-execution",
            f"{internals.PROFILING_OUTPUT}{trace}",
            "--benchmark_min_time=1x",
            f"--benchmark_min_warmup_time={WARM_UP}",
            f"--benchmark_repetitions={count}",
            "--benchmark_format=json",
        ]
        runs = [entry for entry in json.loads(_output(benchmark))["benchmarks"] if entry["run_type"] == "iteration"]
        shown = [runtime_program("iree-profile"), *internals.DISPATCH_EVENTS, str(trace)]
        events = [json.loads(line) for line in _output(shown).splitlines()]
    seconds = [entry["real_time"] * _UNITS[entry["time_unit"]] for entry in runs]
    calls = split_calls([(e["key"], 1e-9 * e["duration_ns"]) for e in events if e["type"] == "host_dispatch_event"])
    # The warm-up is in the profile too: the last calls are those that were timed.
    return [Call(wall, parts) for wall, parts in zip(seconds, calls[-len(seconds) :], strict=True)]


def split_calls(events: Sequence[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    """The events of each call; every call runs the same sequence, some kernels more than once."""
    count = gcd(*Counter(name for name, _ in events).values())
    length = len(events) // max(1, count)
    return [list(events[i * length : (i + 1) * length]) for i in range(count if events else 0)]


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
