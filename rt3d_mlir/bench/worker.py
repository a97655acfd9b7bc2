"""The process that one engine lives in: `python -m rt3d_mlir.bench.worker ENGINE CASE FOLDER THREADS`.

A line of JSON on stdin is a request, a line on stdout its answer: {"do": "prepare" | "load" | "run"}. What an engine
prints goes to stderr. A failure answers {"error": ..., "unavailable": bool} and the process goes on.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from rt3d_mlir.bench.available import UnavailableError
from rt3d_mlir.bench.case import Case
from rt3d_mlir.bench.engine import Run
from rt3d_mlir.bench.engines import get_engine


class Worker:
    """One engine with one case."""

    def __init__(self, engine: str, case: str, folder: str, threads: str) -> None:
        self.engine = get_engine(engine)
        self.case = Case(Path(case))
        self.folder = Path(folder)
        self.threads = int(threads)
        self.call: Run | None = None

    def prepare(self) -> dict[str, Any]:
        """Makes the engine's files: bytes, a note, milliseconds."""
        started = time.perf_counter()
        prepared = self.engine.prepare(self.case, self.folder)
        return {"file_bytes": prepared.bytes, "note": prepared.note, "prepare_ms": _since(started)}

    def load(self) -> dict[str, Any]:
        """Loads the network: milliseconds, and the most memory that took."""
        clip = self.case.input
        assert clip.flags.c_contiguous
        started = time.perf_counter()
        self.call = self.engine.load(self.case, self.folder, self.threads)
        load_ms = _since(started)
        peak = peak_bytes()
        _forget_peak()
        return {"load_ms": load_ms, "load_peak_bytes": peak}

    def run(self) -> dict[str, Any]:
        """One run, clip to answer: milliseconds, cores that were busy, the error, the most memory of any run so far."""
        assert self.call is not None, "load comes first"
        clip = self.case.input
        started, used = time.perf_counter(), time.process_time()
        answer = self.call(clip)
        ms, cpu_ms = _since(started), 1e3 * (time.process_time() - used)
        return {"ms": ms, "cores": cpu_ms / ms, "error": self.case.error(answer), "peak_bytes": peak_bytes()}


def peak_bytes() -> int:
    """The most resident memory this process had (VmHWM), in bytes; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def _forget_peak() -> None:
    """Starts VmHWM anew at what is resident now. Where the kernel refuses, the peak of the load stays in it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _since(started: float) -> float:
    return 1e3 * (time.perf_counter() - started)


def _answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return getattr(worker, request["do"])()
    except Exception as error:  # an engine raises anything; the parent decides what it means
        return {"error": f"{type(error).__name__}: {error}", "unavailable": isinstance(error, UnavailableError)}


def main() -> None:
    """Answers requests until stdin closes."""
    answers: TextIO = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(*sys.argv[1:])
    for line in sys.stdin:
        answers.write(json.dumps(_answer(worker, json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
