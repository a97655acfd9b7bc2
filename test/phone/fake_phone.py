"""A folder that plays a phone: four little and four big cores, and an adb on PATH that knows it.

devices       what `adb devices` lists
root/         the phone's files; programs pushed to root/data/local/tmp run in qemu-user
bin/          stand-ins for Android's programs, which print the files `properties`, `df` and `thermalservice`
answers/      scripts that run in place of pushed programs whose command line holds their name
misbehave     what goes wrong; see fake_adb.py
lock/         this machine's folder for temporary files
log, masks    every command that came in, and every mask of taskset
"""

import shutil
import sys
from pathlib import Path

import pytest

SERIAL = "PHONE1"
FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
_PROPERTIES = {
    "ro.board.platform": "kona",
    "ro.build.version.release": "13",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.product.manufacturer": "Acme",
    "ro.product.model": "One [5G]",
    "ro.soc.manufacturer": "QTI",
    "ro.soc.model": "SM8250",
}
#: The wheel's programs come with their loader; others get the one that is in the phone's folder.
_TASKSET = """#!/bin/sh
echo $1 >> $FAKE_PHONE/masks
shift
[ -x $1 ] || { echo "taskset: exec $1: Permission denied" >&2; exit 126; }
for answer in $FAKE_PHONE/answers/*; do
  [ -f $answer ] || continue
  case "$*" in *${answer##*/}*) exec sh $answer "$@";; esac
done
case "$1" in
  */ld-linux-aarch64.so.1) exec qemu-aarch64-static "$@";;
  *) exec qemu-aarch64-static -L $FAKE_PHONE/root "$@";;
esac
"""


class FakePhone:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.folder = folder
        self.tmp = folder / "root" / "data" / "local" / "tmp"
        for path in (self.tmp, folder / "bin", folder / "answers", folder / "host", folder / "lock"):
            path.mkdir(parents=True)
        self.write("devices", f"{SERIAL}\tdevice\n")
        self.properties()
        self.free(1 << 20)
        self.write(
            "root/proc/cpuinfo", f"processor\t: 0\nFeatures\t: {FEATURES}\n\nprocessor\t: 1\nFeatures\t: {FEATURES}\n"
        )
        self.write("thermalservice", "")
        for core in range(8):
            khz = 1800000 if core < 4 else 2419200 if core < 7 else 2841600
            self.core(core, khz)
        self.zone(0, "battery", 45000)
        self.zone(1, "cpu-1-0-usr", 38500)
        self.zone(2, "cpu-1-1-usr", -40000)
        self.program("bin/getprop", "cat $FAKE_PHONE/properties")
        self.program("bin/df", "cat $FAKE_PHONE/df")
        self.program("bin/dumpsys", 'cat "$FAKE_PHONE/$1"')
        self.program("bin/taskset", _TASKSET)
        self.program("host/adb", f'exec {sys.executable} -IS {Path(__file__).with_name("fake_adb.py")} "$@"')
        monkeypatch.setenv("FAKE_PHONE", str(folder))
        monkeypatch.setenv("TMPDIR", str(folder / "lock"))  # else tests that run side by side share a phone
        monkeypatch.setattr("tempfile.tempdir", None)
        monkeypatch.setenv("PATH", f"{folder / 'host'}:/usr/bin:/bin")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def program(self, name: str, script: str) -> None:
        self.write(name, script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        (self.folder / name).chmod(0o755)

    def properties(self, **changes: str) -> None:
        every = _PROPERTIES | {name.replace("_", "."): value for name, value in changes.items()}
        self.write("properties", "".join(f"[{name}]: [{value}]\n" for name, value in every.items()))

    def free(self, kib: int) -> None:
        header = "Filesystem     1K-blocks     Used Available Use% Mounted on\n"
        self.write("df", f"{header}/dev/block/dm-9 112990212 99999999 {kib}  59% /data/user/0\n")

    def core(self, number: int, khz: int, online: str = "") -> None:
        folder = f"root/sys/devices/system/cpu/cpu{number}"
        self.write(f"{folder}/cpufreq/cpuinfo_max_freq", f"{khz}\n")
        self.write(f"{folder}/cpufreq/scaling_max_freq", f"{khz}\n")
        self.write(f"{folder}/cpufreq/scaling_governor", "schedutil\n")
        if online:
            self.write(f"{folder}/online", online)

    def zone(self, number: int, kind: str, value: int) -> None:
        self.write(f"root/sys/class/thermal/thermal_zone{number}/type", f"{kind}\n")
        self.write(f"root/sys/class/thermal/thermal_zone{number}/temp", f"{value}\n")

    def no_zones(self) -> None:
        shutil.rmtree(self.folder / "root/sys/class/thermal")

    @property
    def log(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    @property
    def masks(self) -> list[str]:
        return (self.folder / "masks").read_text().split()

    @property
    def left(self) -> list[str]:
        """What lies in the folder that all may write to."""
        return sorted(path.name for path in self.tmp.iterdir())
