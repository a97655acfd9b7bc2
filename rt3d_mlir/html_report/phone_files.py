"""What is known of phones: records of runs (rt3d-mlir-run --adb --json), projections (rt3d-mlir-bench --static --json).

A record names the sha256 of its module and belongs to the artifact with that one. A projection names the model, target,
dtype and pruning configuration that it was computed for: the artifact has to keep the share of each layer that the
configuration keeps. What belongs to none of the artifacts is shown apart, with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rt3d_mlir.bench.case import DENSE
from rt3d_mlir.errors import ConfigError
from rt3d_mlir.html_report.artifacts import Artifact
from rt3d_mlir.html_report.json_file import check_format, known_fields, number, read_json, text
from rt3d_mlir.phone.conditions import Conditions
from rt3d_mlir.phone.cores import PhoneCore
from rt3d_mlir.phone.record import FORMAT, Phone, Record
from rt3d_mlir.runtime.timing import Latency
from rt3d_mlir.sparsity import load_config

_RECORD, _STATIC = "rt3d-mlir-run --adb --json", "rt3d-mlir-bench --static --json"
#: What a whole number of blocks may differ by from the share that a configuration names.
_ROUNDING = 0.02


@dataclass(frozen=True)
class PhoneRun:
    """A measured run; `why` says why it belongs to no artifact where that is None."""

    file: str
    record: Record
    artifact: Artifact | None
    why: str


@dataclass(frozen=True)
class Projected:
    """A projection, never measured: milliseconds by (phone, what runs), and shares of the peak by layer and core."""

    file: str
    title: str
    times: dict[tuple[str, str], float]
    shares: dict[str, dict[str, float]]
    artifact: Artifact | None
    why: str


@dataclass
class Phones:
    runs: list[PhoneRun] = field(default_factory=list)
    projections: list[Projected] = field(default_factory=list)


def read_phone_files(paths: Sequence[Path], artifacts: Sequence[Artifact]) -> Phones:
    """Reads both kinds. Raises InputError for a file that is missing, damaged, or of another format."""
    phones = Phones()
    for path in paths:
        data = read_json(path)
        if isinstance(data, list):
            with known_fields(path, _STATIC):
                phones.projections += [_projected(path.name, entry, artifacts) for entry in data]
            continue
        check_format(path, data, FORMAT, f"{_RECORD} (or a list, as {_STATIC} prints it)")
        with known_fields(path, _RECORD):
            phones.runs.append(_run(path.name, read_record(data), artifacts))
    return phones


def read_record(data: dict[str, Any]) -> Record:
    """The record in a JSON object. Raises KeyError, TypeError and ValueError for one that lacks or confuses fields."""
    words = ("date", "model", "target", "dtype", "device", "module_sha256", "runtime", "cores")
    phone, threads = data["phone"], data["threads"]
    return Record(
        **{key: text(data[key]) for key in words},
        phone=Phone(**{key: text(phone[key]) for key in ("model", "soc", "android")}),
        cpus=[int(number(cpu)) for cpu in data["cpus"]],
        threads=None if threads is None else int(number(threads)),
        repeat=int(number(data["repeat"])),
        latency_ms=Latency(**{key: number(data["latency_ms"][key]) for key in ("min", "median", "p90")}),
        times_ms=[number(ms) for ms in data["times_ms"]],
        tolerance=number(data["tolerance"]),
        before=_conditions(data["before"]),
        after=_conditions(data["after"]),
    )


def _conditions(data: dict[str, Any]) -> Conditions:
    celsius = data["celsius"]
    cores = [
        PhoneCore(
            int(number(core["number"])),
            int(number(core["max_khz"])),
            int(number(core["limit_khz"])),
            text(core["governor"]),
        )
        for core in data["cores"]
    ]
    return Conditions(None if celsius is None else number(celsius), text(data["sensor"]), cores)


def _run(file: str, record: Record, artifacts: Sequence[Artifact]) -> PhoneRun:
    for artifact in artifacts:
        if artifact.module_sha256 == record.module_sha256:
            return PhoneRun(file, record, artifact, "")
    sha = record.module_sha256[:12]
    why = f"of another module, sha256 {sha}…; none of these artifacts has it"
    alike = [artifact.name for artifact in artifacts if _words(artifact) == (record.model, record.target, record.dtype)]
    if alike:
        why += f", though model, target and dtype are those of {', '.join(alike)}: compiled again since?"
    return PhoneRun(file, record, None, why)


def _words(artifact: Artifact) -> tuple[str, str, str]:
    return artifact.manifest.model, artifact.manifest.target, artifact.manifest.dtype


def _projected(file: str, entry: dict[str, Any], artifacts: Sequence[Artifact]) -> Projected:
    config, *words = (text(entry[key]) for key in ("config", "model", "target", "dtype"))
    alike = [artifact for artifact in artifacts if _words(artifact) == tuple(words)]
    title = f"{words[0]} {config} for {words[1]}, {words[2]}"
    artifact, why = None, "no artifact is of that model, target and dtype"
    if alike:
        try:
            fitting = [each for each in alike if _keeps(each, config)]
        except ConfigError:
            fitting, why = [], f"the configuration {config} is not at hand, to compare what it keeps"
        else:
            why = f"none of {', '.join(each.name for each in alike)} keeps what {config} keeps"
        if len(fitting) > 1:
            why = f"{', '.join(each.name for each in fitting)} keep the same: name one of them"
        artifact = fitting[0] if len(fitting) == 1 else None
    shares = {text(row["layer"]): {c: number(s) for c, s in row["share"].items()} for row in entry.get("rows", [])}
    return Projected(file, title, _times(entry["projections"]), shares, artifact, "" if artifact else why)


def _times(projections: Sequence[dict[str, Any]]) -> dict[tuple[str, str], float]:
    times = {}
    for each in projections:
        if "gpu" in each:
            times[text(each["gpu"]), "GPU"] = number(each["ms"])
        else:
            times[text(each["phone"]), "one big core"] = number(each["one_core_ms"])
            times[text(each["phone"]), "all cores"] = number(each["all_cores_ms"])
    return times


def _keeps(artifact: Artifact, config: str) -> bool:
    """Whether each layer keeps what a configuration leaves of it. Raises ConfigError for one that is not at hand."""
    if config == DENSE:
        return artifact.dense
    ratios = load_config(config).ratios
    wanted = {layer.name: 1 - ratios.get(f"{layer.name}.weight", 0.0) for layer in artifact.manifest.layers}
    return all(abs(layer.kept_share - wanted[layer.name]) <= _ROUNDING for layer in artifact.manifest.layers)
