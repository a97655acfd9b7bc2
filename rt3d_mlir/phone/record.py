"""What a run on a phone leaves: which phone, which module, under which conditions, and how long it took."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from rt3d_mlir.phone.conditions import Conditions
from rt3d_mlir.phone.cores import PhoneCore
from rt3d_mlir.runtime.timing import Latency

FORMAT, VERSION = "rt3d-phone", 1


@dataclass(frozen=True)
class Phone:
    """What it is, in Android's words; the serial number stays private."""

    model: str
    soc: str
    android: str

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> "Phone":
        """From Android's properties. ro.soc.* came with Android 12, the board's name is older."""

        def join(*names: str) -> str:
            return " ".join(value for name in names if (value := properties.get(name)))

        return cls(
            model=join("ro.product.manufacturer", "ro.product.model"),
            soc=join("ro.soc.manufacturer", "ro.soc.model") or join("ro.board.platform"),
            android=join("ro.build.version.release"),
        )


@dataclass(frozen=True, kw_only=True)
class Record:
    """`model` to `device` are the manifest's, `times_ms` the `repeat` runs in their order.

    `cores` is what was asked for, `cpus` which those are, `threads` None on a GPU; `runtime` is "glibc" or "android";
    `tolerance` the largest error that was allowed on the golden output.
    """

    date: str
    model: str
    target: str
    dtype: str
    device: str
    module_sha256: str
    phone: Phone
    runtime: str
    cores: str
    cpus: list[int]
    threads: int | None
    repeat: int
    latency_ms: Latency
    times_ms: list[float]
    tolerance: float
    before: Conditions
    after: Conditions

    def json(self) -> str:
        """The record as text."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=2)

    def lines(self) -> list[str]:
        """The record to read; clocks and governors are those of the cores that ran."""
        threads = "" if self.threads is None else f", threads: {self.threads}"
        governors = ", ".join(sorted({core.governor or "unknown" for core in self._pinned(self.after)}))
        return [
            f"model    {self.model}, compiled for {self.target}, {self.dtype}",
            f"phone    {self.phone.model}, {self.phone.soc}, Android {self.phone.android}",
            f"device   {self.device}, {self.cores} cores: {', '.join(map(str, self.cpus))}{threads}",
            f"before   {self._state(self.before)}",
            f"after    {self._state(self.after)}, governor {governors}",
            f"latency  {self.latency_ms} ({self.repeat} runs)",
            f"check    ok: every error below {self.tolerance:.2g}",
        ]

    def _pinned(self, conditions: Conditions) -> list[PhoneCore]:
        return [core for core in conditions.cores if core.number in self.cpus]

    def _state(self, conditions: Conditions) -> str:
        """`31.0 C (cpu-0), up to 2.42, 2.84 GHz`; the cores' own top in brackets where that is lowered."""
        heat = f"{conditions.celsius:.1f} C ({conditions.sensor})" if conditions.celsius else "temperature unknown"
        cores = self._pinned(conditions)
        if not all(core.limit_khz and core.max_khz for core in cores):
            return f"{heat}, clock unknown"
        limits, tops = _gigahertz(core.limit_khz for core in cores), _gigahertz(core.max_khz for core in cores)
        return f"{heat}, up to {limits} GHz" + (f" (of {tops})" if limits != tops else "")


def _gigahertz(khz: Iterable[int]) -> str:
    return ", ".join(f"{each / 1e6:.2f}" for each in sorted(set(khz)))
