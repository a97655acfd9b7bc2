"""IREE's two programs on the phone: one compares with the golden output, the other one times."""

import json
import re
import shlex
import tempfile
from pathlib import Path

from rt3d_mlir.errors import ArtifactError, DeviceError
from rt3d_mlir.iree import internals
from rt3d_mlir.phone.adb import Adb, last_line
from rt3d_mlir.runtime.artifact import MODULE, Manifest

#: Seconds that the network runs before times count: governors take a few tenths of one to raise the clock.
WARM_UP = 1.0
_TIMES = "times.json"
_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}


def flags(manifest: Manifest, folder: str, threads: int | None) -> str:
    """What both programs are told, for a shell: module and inputs in a folder of the phone.

    Threads go unpinned, which leaves them within taskset's mask; IREE's own choice would pin them, to any cores.
    """
    inputs = [f"--input=@{folder}/input_{i}.npy" for i in range(len(manifest.inputs))]
    topology = [] if threads is None else [f"{internals.TASK_THREADS}{threads}"]
    module = [f"--module={folder}/{MODULE}", f"--device={manifest.device}", f"--function={manifest.entry}"]
    return shlex.join([*module, *topology, *inputs])


def compare(adb: Adb, iree_run_module: str, manifest: Manifest, folder: str) -> None:
    """Runs the module once. Raises ArtifactError where its output is not the golden one, DeviceError where it fails."""
    outputs = [f"--expected_output=@{folder}/output_{i}.npy" for i in range(len(manifest.outputs))]
    command = f"{iree_run_module} {' '.join(outputs)} --expected_f32_threshold={manifest.tolerance}"
    answer = adb.shell(command, patience=None)
    if wrong := re.search(r"^\[FAILED\] ([^;\n]*)", answer.out, re.MULTILINE):
        raise ArtifactError(
            f"the golden input gives a wrong output on the phone: {wrong[1]}, {manifest.tolerance:.3g} is allowed; "
            "compile again, and report it if it stays"
        )
    _check(answer.code, answer.err, "iree-run-module")


def benchmark(adb: Adb, iree_benchmark_module: str, folder: str, repeat: int) -> list[float]:
    """Warms up, then runs `repeat` times; milliseconds of each run. Raises DeviceError where it fails."""
    often = f"--benchmark_min_warmup_time={WARM_UP:g} --benchmark_min_time=1x --benchmark_repetitions={repeat}"
    command = f"{iree_benchmark_module} {often} --benchmark_out={folder}/{_TIMES} --benchmark_out_format=json"
    answer = adb.shell(command, patience=None)
    _check(answer.code, answer.err, "iree-benchmark-module")
    with tempfile.TemporaryDirectory() as name:
        times = Path(name, _TIMES)
        adb.pull(f"{folder}/{_TIMES}", times)
        return _read(times.read_text(), repeat)


def _read(text: str, repeat: int) -> list[float]:
    try:
        runs = [run for run in json.loads(text)["benchmarks"] if run["run_type"] == "iteration"]
        times = [run["real_time"] * _MS[run["time_unit"]] for run in runs]
    except (ValueError, KeyError) as error:
        raise DeviceError(f"iree-benchmark-module wrote no times that can be read: {error!r}") from None
    if len(times) != repeat:
        raise DeviceError(f"iree-benchmark-module timed {len(times)} runs, expected {repeat}")
    return times


def _check(code: int, said: str, program: str) -> None:
    if code:
        how = f"was ended by signal {code - 128}" if code > 128 else f"failed (exit {code})"
        raise DeviceError(f"{program} {how} on the phone: {last_line(said) or 'it said nothing'}")
