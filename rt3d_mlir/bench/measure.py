"""The run itself: all cases and engines of a model and thread count take turns, one at a time.

In each round every engine runs once, in an order drawn anew (seeded), so that drift of the machine and what the one
before left in the caches fall on all alike. A worker whose turn it is not stands still (SIGSTOP).
"""

import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rt3d_mlir.bench import machine
from rt3d_mlir.bench.available import UnavailableError
from rt3d_mlir.bench.case import Case, CaseSpec, write_case
from rt3d_mlir.bench.engine import Engine
from rt3d_mlir.bench.engines import get_engine
from rt3d_mlir.bench.process import WorkerProcess
from rt3d_mlir.bench.results import CaseFacts, EngineRun, Results, Skip

#: A worker is not started with less memory than this left, for swapping would be measured as time.
LEAST_MEMORY = 2 * 2**30

#: (what is being done, share of all that is done)
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class BenchPlan:
    """What to measure."""

    cases: Sequence[CaseSpec]
    engines: Sequence[str]
    threads: Sequence[int]
    rounds: int


@dataclass
class Turn:
    """A worker that is ready, and the row that it fills."""

    row: EngineRun
    engine: Engine
    worker: WorkerProcess

    @property
    def finished(self) -> bool:
        most = self.engine.most_rounds
        return most is not None and len(self.row.times) >= most

    def run(self, timed: bool = True) -> None:
        """One run. Raises UnavailableError if the worker fails."""
        answer = self.worker.ask("run")
        self.row.error = max(self.row.error, answer["error"])
        self.row.peak_bytes = answer["peak_bytes"]
        if timed:
            self.row.times.append(answer["ms"])
            self.row.cores.append(answer["cores"])


def measure(
    plan: BenchPlan, folder: Path, argv: Sequence[str] = (), progress: Progress = lambda _what, _share: None
) -> Results:
    """Prepares all engines in a temporary folder under `folder`, then times them.

    What cannot run is a Skip with its reason. After Ctrl-C the results say `interrupted` and hold what was measured.
    """
    engines = [get_engine(name) for name in plan.engines]
    group = plan.cases[0].group
    results = Results(machine.describe(engines, argv), plan.rounds, group)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".work.") as work:
        try:
            cases = _prepare(plan, engines, Path(work), results, progress)
            for _, of_model in groupby(cases, key=lambda case: case.spec.model):
                together = list(of_model)
                for threads in plan.threads:
                    _time(plan, together, engines, threads, results, progress)
        except KeyboardInterrupt:
            results.interrupted = True
    results.finish()
    return results


@dataclass(frozen=True)
class _Prepared:
    """A case, its folder, and the files of the engines that can run it: (bytes, milliseconds, note)."""

    spec: CaseSpec
    folder: Path
    files: dict[str, tuple[int, float, str]]


def _prepare(
    plan: BenchPlan, engines: Sequence[Engine], work: Path, results: Results, progress: Progress
) -> list[_Prepared]:
    prepared: list[_Prepared] = []
    for i, spec in enumerate(plan.cases):
        progress(f"{spec.label}: weights and reference", i / len(plan.cases))
        case = write_case(spec, work / spec.folder_name)
        facts = case.work()
        results.cases.append(CaseFacts(spec.label, facts.rate, facts.memory_bound))
        entry = _Prepared(spec, case.folder, {})
        for n, engine in enumerate(engines):
            progress(f"{spec.label}: preparing {engine.title}", (i + n / len(engines)) / len(plan.cases))
            try:
                entry.files[engine.name] = _prepare_engine(case, engine)
            except UnavailableError as reason:
                results.skips += [
                    Skip(spec.label, threads, engine.name, engine.title, str(reason)) for threads in plan.threads
                ]
        prepared.append(entry)
    return prepared


def _prepare_engine(case: Case, engine: Engine) -> tuple[int, float, str]:
    with WorkerProcess(engine.name, case.folder, case.folder / engine.name, machine.cores()) as worker:
        answer = worker.ask("prepare")
    return answer["file_bytes"], answer["prepare_ms"], answer["note"]


def _time(
    plan: BenchPlan,
    cases: Sequence[_Prepared],
    engines: Sequence[Engine],
    threads: int,
    results: Results,
    progress: Progress,
) -> None:
    """All cases of one model with so many threads."""
    what = f"{cases[0].spec.model}, {threads} thread{'s' * (threads > 1)}"
    with ExitStack() as stack:
        turns: list[Turn] = []

        def drop(turn: Turn, reason: UnavailableError) -> None:
            row = turn.row
            results.skips.append(Skip(row.label, threads, row.engine, row.title, str(reason)))
            if row in results.rows:
                results.rows.remove(row)
            if turn in turns:
                turns.remove(turn)

        waiting = [(case, engine) for case in cases for engine in engines if engine.name in case.files]
        for i, (case, engine) in enumerate(waiting):
            progress(f"{what}: loading {engine.title}", i / len(waiting))
            turn = _turn(case, engine, threads, stack)
            try:
                _load(turn)
            except UnavailableError as reason:
                drop(turn, reason)
                continue
            results.rows.append(turn.row)
            turns.append(turn)
        order = random.Random(0)
        for done in range(plan.rounds):
            for turn in order.sample(turns, len(turns)):
                if turn.finished:
                    continue
                progress(f"{what}: round {done + 1}, {turn.row.label}, {turn.row.title}", done / plan.rounds)
                try:
                    turn.run()
                except UnavailableError as reason:
                    drop(turn, reason)


def _turn(case: _Prepared, engine: Engine, threads: int, stack: ExitStack) -> Turn:
    spec = case.spec
    row = EngineRun(spec.model, spec.config, spec.label, threads, engine.name, engine.title, engine.precision)
    row.file_bytes, row.prepare_ms, row.note = case.files[engine.name]
    worker = stack.enter_context(WorkerProcess(engine.name, case.folder, case.folder / engine.name, threads))
    return Turn(row, engine, worker)


def _load(turn: Turn) -> None:
    """Loads and warms up. Raises UnavailableError where that fails, or memory is short."""
    free = machine.available_bytes()
    if free < LEAST_MEMORY:
        raise UnavailableError(
            f"{free / 2**30:.1f} GiB of memory left, it takes {LEAST_MEMORY / 2**30:.0f}: fewer at a time"
        )
    answer = turn.worker.ask("load")
    turn.row.load_ms, turn.row.load_peak_bytes = answer["load_ms"], answer["load_peak_bytes"]
    for _ in range(turn.engine.warmup):
        turn.run(timed=False)
