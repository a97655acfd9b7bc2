"""The phone's cores, and which of them a run is pinned to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rt3d_mlir.errors import DeviceError
from rt3d_mlir.phone.adb import Adb
from rt3d_mlir.phone.sysfs import read_table

CHOICES = ("big", "little", "all")
_FILES = ("online", "cpufreq/cpuinfo_max_freq", "cpufreq/scaling_max_freq", "cpufreq/scaling_governor")


@dataclass(frozen=True)
class PhoneCore:
    """A core as Linux numbers it. `max_khz` is what it can run at, `limit_khz` what it may now: less when hot.

    0 and "" are what the phone does not tell.
    """

    number: int
    max_khz: int
    limit_khz: int
    governor: str


def read_cores(adb: Adb) -> list[PhoneCore]:
    """The cores that are switched on, in Linux's order."""
    cores: list[PhoneCore] = []
    for name, (online, highest, limit, governor) in read_table(
        adb, "/sys/devices/system/cpu/cpu[0-9]*", _FILES
    ).items():
        if (match := re.fullmatch(r"cpu(\d+)", name)) and online != "0":
            cores.append(PhoneCore(int(match[1]), int(highest or 0), int(limit or 0), governor))
    if not cores:
        raise DeviceError(f"{adb.serial} lists no core in /sys/devices/system/cpu")
    return sorted(cores, key=lambda core: core.number)


def choose(cores: list[PhoneCore], which: str) -> list[PhoneCore]:
    """`little`: the cores of the lowest top frequency; `big`: the others, so that a prime core is among them.

    A phone of equal cores has no difference between the two. Raises DeviceError where frequencies are not told.
    """
    if which == "all":
        return cores
    if not all(core.max_khz for core in cores):
        raise DeviceError("the phone does not tell its cores' frequencies (cpufreq/cpuinfo_max_freq): use --cores all")
    lowest = min(core.max_khz for core in cores)
    chosen = [core for core in cores if (core.max_khz == lowest) == (which == "little")]
    return chosen or cores


def taskset_mask(cores: Iterable[PhoneCore]) -> str:
    """The cores as Android's taskset takes them: cores 4 to 7 are "f0"."""
    return f"{sum(1 << core.number for core in cores):x}"
