"""What one run of the benchmark found, as data; everything that the reports say is computed from it."""

from dataclasses import dataclass, field
from statistics import median

from rt3d_mlir.bench.case import DENSE
from rt3d_mlir.bench.machine import Machine
from rt3d_mlir.runtime.timing import Latency

BASE, OURS = "torch", "rt3d"
OUR_ENGINES = (OURS, "rt3d-direct")
#: Engines that run pruned weights only, and who runs the dense ones for them.
_DENSE_ENGINE = {"mnn-sparse": "mnn"}
#: A run on one thread that had less of a core than this was disturbed.
_UNDISTURBED = 0.95


@dataclass
class EngineRun:
    """One engine on one case with so many threads. Times in milliseconds, sizes in bytes."""

    model: str
    config: str
    label: str
    threads: int
    engine: str
    title: str
    precision: str
    times: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    """Processor time over wall clock of each run: more than `threads` means that the engine took more."""
    error: float = 0.0
    """The largest of any run, warm-up too."""
    load_ms: float = 0.0
    load_peak_bytes: int = 0
    peak_bytes: int = 0
    file_bytes: int = 0
    prepare_ms: float = 0.0
    note: str = ""
    to_torch: float | None = None
    """Median over the median of PyTorch eager on the same case; None where that was not measured."""
    to_rt3d: float | None = None

    @property
    def latency(self) -> Latency:
        return Latency.of(self.times)

    @property
    def key(self) -> tuple[str, str, int]:
        """What rows are compared within."""
        return self.model, self.config, self.threads


@dataclass(frozen=True)
class Skip:
    """An engine that has no row for a case, and why."""

    label: str
    threads: int
    engine: str
    title: str
    reason: str


@dataclass(frozen=True)
class CaseFacts:
    """MACs of a case, dense over kept, and the bytes that a run of ours should stay below."""

    label: str
    rate: float
    memory_bound: int


@dataclass
class Results:
    """A finished benchmark, or what there was of it when it was interrupted."""

    machine: Machine
    rounds: int
    group: str
    cases: list[CaseFacts] = field(default_factory=list)
    rows: list[EngineRun] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    interrupted: bool = False

    def finish(self) -> None:
        """Drops rows without a run, and sets the ratios of the others."""
        self.rows = [row for row in self.rows if row.times]
        medians = {(row.key, row.engine): row.latency.median for row in self.rows}
        for row in self.rows:
            own = medians[row.key, row.engine]
            base, ours = medians.get((row.key, BASE)), medians.get((row.key, OURS))
            row.to_torch = own / base if base else None
            row.to_rt3d = own / ours if ours else None

    def find(self, model: str, config: str, threads: int, engine: str) -> EngineRun | None:
        for row in self.rows:
            if (row.key, row.engine) == ((model, config, threads), engine):
                return row
        return None

    def dense_of(self, row: EngineRun) -> EngineRun | None:
        """The same engine's dense row; for MNN's sparse mode that of its dense one."""
        engine = _DENSE_ENGINE.get(row.engine, row.engine)
        return self.find(row.model, DENSE, row.threads, engine) if row.config != DENSE else None

    @property
    def disturbed(self) -> list[str]:
        """Rows on one thread whose median run did not have a core to itself: others used the machine."""
        alone = [row for row in self.rows if row.threads == 1]
        return [f"{row.label}, {row.title}" for row in alone if median(row.cores) < _UNDISTURBED]

    def facts(self, label: str) -> CaseFacts:
        return next(case for case in self.cases if case.label == label)
