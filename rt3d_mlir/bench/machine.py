"""What the report's header says about where and with what it was measured."""

import os
import platform
import shlex
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import ClassVar, Protocol


class Installed(Protocol):
    """What has a version: an engine. Engines themselves import PyTorch and more, which this file does without."""

    package: ClassVar[str]

    def version(self) -> str: ...


@dataclass(frozen=True)
class Machine:
    """`cores` are those this process may use; `versions` map a distribution to its version."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    load: float
    """The load average of the last minute at the start; well above 0 means that others were computing too."""
    date: str
    command: str
    versions: dict[str, str]


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(engines: Iterable[Installed], argv: Sequence[str]) -> Machine:
    """This machine, now."""
    packages = {"numpy": metadata.version("numpy")}
    packages |= {engine.package: version for engine in engines if (version := engine.version())}
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=_cpu(),
        cores=cores(),
        memory_gib=round(pages / 2**30, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
        date=time.strftime("%Y-%m-%d %H:%M:%S %z"),
        command=shlex.join(argv),
        versions=packages,
    )


def available_bytes() -> int:
    """Memory that a new process can have without swapping; very much where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 2**62
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")), 2**62)


def _cpu() -> str:
    """The processor as the operating system names it, with its vector extension where that is known."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = facts.get("model name") or platform.processor() or platform.machine()
    known = [flag for flag in ("avx512f", "avx2", "asimd") if flag in facts.get("flags", facts.get("Features", ""))]
    family = f", family {facts['cpu family']} model {facts['model']}" if "cpu family" in facts else ""
    return f"{name}{family}{f', {known[0]}' if known else ''}"
