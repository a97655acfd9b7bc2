"""What else decides how fast a phone runs: its temperature and what its governor allows. Also waits for it to cool."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep

from rt3d_mlir.errors import DeviceError
from rt3d_mlir.phone.adb import Adb
from rt3d_mlir.phone.cores import PhoneCore, read_cores
from rt3d_mlir.phone.sysfs import read_table

#: Seconds between two looks at the temperature, and until patience ends.
INTERVAL, PATIENCE = 5.0, 900.0
#: How vendors name the sensors of CPU cores: cpu-1-2-usr, mtktscpu, CPU0; BIG, MID and LITTLE are Google's.
_OF_A_CPU = re.compile(r"cpu|^(big|mid|little)$", re.IGNORECASE)
#: Sensors that are switched off say 0, -40 or worse.
_CREDIBLE = (1.0, 150.0)


@dataclass(frozen=True)
class Conditions:
    """`celsius` is that of the hottest CPU sensor, `sensor` its name; None and "" where the phone shows none."""

    celsius: float | None
    sensor: str
    cores: list[PhoneCore]


def read_conditions(adb: Adb) -> Conditions:
    """The conditions now."""
    celsius, sensor = temperature(adb)
    return Conditions(celsius, sensor, read_cores(adb))


def temperature(adb: Adb) -> tuple[float | None, str]:
    """The hottest CPU sensor's, or, where none is named so, the hottest sensor's; (None, "") without any."""
    zones = read_table(adb, "/sys/class/thermal/thermal_zone*", ("type", "temp")).values()
    sensors = [(_celsius(value), name) for name, value in zones if re.fullmatch(r"-?\d+", value)]
    sensors = sensors or _thermal_service(adb)
    sensors = [each for each in sensors if _CREDIBLE[0] <= each[0] <= _CREDIBLE[1]]
    of_cpus = [each for each in sensors if _OF_A_CPU.search(each[1])]
    return max(of_cpus or sensors, default=(None, ""))


def cool_down(adb: Adb, limit: float, progress: Callable[[str], None]) -> None:
    """Waits until the phone is at most `limit` degrees Celsius. Raises DeviceError where it stays hotter."""
    end = monotonic() + PATIENCE
    while True:
        celsius, sensor = temperature(adb)
        if celsius is None:
            raise DeviceError("the phone shows no temperature, so there is no waiting for it to cool: leave --cool out")
        if celsius <= limit:
            return
        if monotonic() > end:
            raise DeviceError(
                f"after {PATIENCE / 60:g} minutes {sensor} is still at {celsius:.1f} C, the limit is {limit:g}: allow "
                "more, or cool the phone"
            )
        progress(f"cooling: {sensor} is at {celsius:.1f} C, waiting for {limit:g}")
        sleep(INTERVAL)


def _celsius(value: str) -> float:
    """Most kernels say thousandths of a degree, a few degrees."""
    return int(value) / 1000 if abs(int(value)) >= 1000 else float(value)


def _thermal_service(adb: Adb) -> list[tuple[float, str]]:
    """What Android's own service says, where the shell may not read the kernel's files."""
    said = adb.shell("dumpsys thermalservice").out
    now = said.partition("Current temperatures from HAL")[2] or said
    found = re.findall(r"\bTemperature\{mValue=([-\d.]+), mType=\d+, mName=([^,]+),", now)
    return [(float(value), name) for value, name in found]
