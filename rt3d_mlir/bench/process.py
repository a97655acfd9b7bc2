"""The parent's side of a worker: start it, ask it, stop it between its turns."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from rt3d_mlir.bench.available import UnavailableError

#: Seconds: stock IREE takes half a minute a run, compilers some minutes.
PATIENCE = 900

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerProcess:
    """A worker, closed by `with`. Between `ask` and `ask` all its threads stand still, those that spin too."""

    def __init__(self, engine: str, case: Path, folder: Path, threads: int) -> None:
        self.engine = engine
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "rt3d_mlir.bench.worker", engine, str(case), str(folder), str(threads)]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # close() closes it
        # A process group of its own: Ctrl-C reaches the parent alone, which then decides.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads))},
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, what: str) -> dict[str, Any]:
        """Lets the worker do one thing while nothing else runs. Raises UnavailableError if it fails or dies."""
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps({"do": what}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise UnavailableError(self._died()) from None
        answer = self._read()
        self._signal(signal.SIGSTOP)
        if "error" in answer and "unavailable" in answer:
            reason = answer["error"].removeprefix("UnavailableError: ")
            raise UnavailableError(reason if answer["unavailable"] else f"{what} failed: {reason}")
        return answer

    def close(self) -> None:
        """Ends the worker, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        if not ready:
            raise UnavailableError(f"no answer in {PATIENCE} s")
        line = self._process.stdout.readline()
        if not line:
            raise UnavailableError(self._died())
        return json.loads(line)

    def _died(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f"its process ended with code {code}: {lines[-1][:300] if lines else 'nothing on stderr'}"

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
