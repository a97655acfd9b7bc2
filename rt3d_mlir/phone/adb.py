"""The cable: finds a phone by adb, runs shell commands on it, pushes files and pulls them."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rt3d_mlir.errors import DeviceError, did_you_mean

#: Seconds that a phone may take to answer a question; programs and pushes may take as long as they take.
PATIENCE = 60.0
#: Printed behind every command, with its exit code: where it is missing, the connection broke. adb's own exit code says
#: 1 for both.
_END = "rt3d-mlir-exit:"
_WHAT_TO_DO = {
    "unauthorized": "unlock the phone and allow USB debugging for this computer",
    "authorizing": "unlock the phone and allow USB debugging for this computer",
    "offline": "unlock the phone and plug it in again, or try `adb reconnect`",
    "no permissions": "this user may not open it: install udev rules (Debian: android-sdk-platform-tools-common), then "
    "`adb kill-server`",
}


@dataclass(frozen=True)
class Answer:
    """What a command on the phone left: its exit code (128 + n for a signal n) and texts."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Adb:
    """One phone, reached by one adb; made by :func:`connect`."""

    program: str
    serial: str

    def shell(self, command: str, patience: float | None = PATIENCE) -> Answer:
        """Runs a command in the phone's shell. Raises DeviceError where the phone goes away, or does not answer."""
        done = self._adb(["shell", f"{command}\necho {_END}$?"], patience)
        out, found, code = done.stdout.rpartition(_END)
        if not found:
            raise self._gone(done.stderr)
        return Answer(int(code), out, done.stderr)

    def ask(self, command: str) -> str:
        """What a command prints. Raises DeviceError where it fails, too."""
        answer = self.shell(command)
        if answer.code:
            said = last_line(answer.err) or last_line(answer.out)
            raise DeviceError(f"`{command}` failed on {self.serial} (exit {answer.code}): {said}")
        return answer.out

    def push(self, files: Sequence[Path], folder: str) -> None:
        """Copies files into a folder of the phone, under their names."""
        done = self._adb(["push", *map(str, files), f"{folder}/"])
        if not done.returncode:
            return
        said = done.stderr + done.stdout
        if "No space left on device" in said:
            raise DeviceError(f"{self.serial} has no space left in {folder}: free some and run again")
        if self._state() != "device":
            raise self._gone(said)
        raise DeviceError(f"adb cannot push to {folder} on {self.serial}: {last_line(said)}")

    def pull(self, file: str, to: Path) -> None:
        """Copies a file of the phone here."""
        done = self._adb(["pull", file, str(to)])
        if done.returncode and self._state() != "device":
            raise self._gone(done.stderr)
        if done.returncode:
            raise DeviceError(f"adb cannot pull {file} from {self.serial}: {last_line(done.stderr + done.stdout)}")

    def _state(self) -> str:
        return self._adb(["get-state"], PATIENCE).stdout.strip()

    def _gone(self, said: str) -> DeviceError:
        return DeviceError(
            f"{self.serial} went away in the middle ({last_line(said) or 'the connection broke'}): check the cable, "
            "and that the phone stays on, and run again. What was pushed stays there; the next run removes it"
        )

    def _adb(self, args: Sequence[str], patience: float | None = None) -> subprocess.CompletedProcess[str]:
        return _call([self.program, "-s", self.serial, *args], patience)


def connect(serial: str | None = None) -> Adb:
    """The phone of that serial number, or the only one.

    Raises DeviceError where adb is missing or fails; where there is no phone, or several and none was named; and where
    the phone is not ready, as before its user has allowed debugging.
    """
    program = shutil.which("adb")
    if program is None:
        raise DeviceError("adb was not found: install Android's platform-tools (Debian: adb), and put it on PATH")
    listed = _call([program, "devices"], PATIENCE)
    if listed.returncode:
        raise DeviceError(f"`adb devices` failed: {last_line(listed.stderr) or f'exit {listed.returncode}'}")
    states = dict(line.split("\t", 1) for line in listed.stdout.splitlines() if "\t" in line)
    serial = _choose(list(states), serial)
    state = states[serial].strip()
    if state != "device":
        hint = next((text for name, text in _WHAT_TO_DO.items() if state.startswith(name)), "start it as usual")
        raise DeviceError(f"{serial} is '{state}', expected 'device': {hint}, and run again")
    return Adb(program, serial)


def last_line(text: str) -> str:
    """Where programs say what went wrong."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _choose(serials: list[str], wanted: str | None) -> str:
    if not serials:
        raise DeviceError(
            "adb sees no device: plug the phone in, switch USB debugging on (Settings, Developer options), and look "
            "whether `adb devices` lists it"
        )
    if wanted is None:
        if len(serials) > 1:
            raise DeviceError(f"adb sees {len(serials)} devices ({', '.join(serials)}): name one with --serial")
        return serials[0]
    if wanted not in serials:
        raise DeviceError(f"adb sees no device '{wanted}', but {', '.join(serials)}{did_you_mean(wanted, serials)}")
    return wanted


def _call(command: Sequence[str], patience: float | None) -> subprocess.CompletedProcess[str]:
    """Runs adb in a session of its own: Ctrl-C stops us alone, and we can still use it to clean up."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=patience,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"no answer within {patience:g} s to `{' '.join(command[1:])}`: unlock the phone, look at the cable, "
            "and run again"
        ) from None
