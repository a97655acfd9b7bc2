"""All that is known of how long artifacts take, measured or projected, and how many times faster than dense."""

from collections.abc import Sequence
from dataclasses import dataclass

from rt3d_mlir.html_report.artifacts import Artifact, Group
from rt3d_mlir.html_report.bench_files import Benched
from rt3d_mlir.html_report.phone_files import PhoneRun, Phones
from rt3d_mlir.html_report.timing import Measured, Timing
from rt3d_mlir.phone.record import Record
from rt3d_mlir.runtime.artifact import Layer

#: The model of llvm-mca that stands for a target's core (docs/projection.md); it has none for other cores.
CORE_MODELS = {
    "cortex-a76": "neoverse-n1",
    "cortex-a77": "neoverse-n1",
    "cortex-a78": "neoverse-n1",
    "snapdragon-865": "neoverse-n1",
    "cortex-x1": "cortex-x1",
}


@dataclass(frozen=True)
class Time:
    """Milliseconds of a call. Only times of the same `source` are compared with each other."""

    source: str
    ms: float
    projected: bool


@dataclass(frozen=True, eq=False)
class Speed:
    """What was measured here, by rt3d-mlir-bench and on phones, and what was projected."""

    here: Measured
    benched: Benched
    phones: Phones

    def timing(self, artifact: Artifact) -> Timing | None:
        """By layer: of this very module where it was timed here, else of the bench's own build of the network."""
        here = self.here.timings.get(artifact.name)
        return here if isinstance(here, Timing) else self.benched.timings.get(artifact.name)

    def reason(self, artifact: Artifact) -> str:
        """Why there is no `timing`."""
        here = self.here.timings.get(artifact.name, "")
        return here if isinstance(here, str) else ""

    def times(self, artifact: Artifact) -> list[Time]:
        """Whole calls, measured ones first."""
        timing = self.timing(artifact)
        found = [Time(timing.source, timing.ms, False)] if timing else []
        runs = [run.record for run in self.phones.runs if run.artifact is artifact]
        found += [Time(run_title(record), record.latency_ms.median, False) for record in runs]
        for projection in self.phones.projections:
            if projection.artifact is artifact:
                found += [
                    Time(f"projected: {phone}, {what}", ms, True) for (phone, what), ms in projection.times.items()
                ]
        return found

    def share(self, artifact: Artifact, layer: Layer) -> float | None:
        """Of the peak: measured where the layer was timed, else projected from its inner loop's code."""
        timing = self.timing(artifact)
        if timing:
            return timing.share(layer)
        shares = [each.shares for each in self.phones.projections if each.artifact is artifact and each.shares]
        return shares[0].get(layer.name, {}).get(CORE_MODELS.get(artifact.manifest.target, "")) if shares else None


def faster(group: Group, artifact: Artifact, time: Time, speed: Speed) -> float | None:
    """The dense artifact's time over this one, both by the same source; None where there is no such pair."""
    if group.dense is None or artifact is group.dense:
        return None
    return next(
        (dense.ms / time.ms for dense in speed.times(group.dense) if dense.source == time.source and time.ms), None
    )


def run_title(record: Record) -> str:
    """What two runs must have in common to be compared."""
    if record.threads is None:
        return f"measured on {record.phone.model}, GPU, {record.runtime} runtime"
    threads = f"{record.threads} thread{'s' * (record.threads > 1)}"
    return f"measured on {record.phone.model}, {record.cores} cores, {threads}, {record.runtime} runtime"


def slowed(runs: Sequence[PhoneRun]) -> list[str]:
    """Runs whose cores were held below their top frequency, before or after: such a phone slows itself down."""
    found = []
    for run in runs:
        record = run.record
        pinned = [core for state in (record.before, record.after) for core in state.cores if core.number in record.cpus]
        held = sorted({core.number for core in pinned if 0 < core.limit_khz < core.max_khz})
        if held:
            cores = ", ".join(map(str, held))
            found.append(f"{run.file}, {run_title(record)}: held below their top frequency: cores {cores}")
    return found
