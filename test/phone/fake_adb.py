"""An adb whose phone is a folder, the one in $FAKE_PHONE. Its shell is this machine's, in which the phone's paths lead
into that folder and a few programs are stand-ins; see fake_phone.py for what the folder holds.

It is started hundreds of times, so it imports little.
"""

import os
import signal
import sys
import time

PHONE = os.environ["FAKE_PHONE"]
ROOT = f"{PHONE}/root"


def main(args: list[str]) -> int:
    if args == ["devices"]:
        _misbehave("devices")
        print(f"List of devices attached\n{_read('devices')}")
        return 0
    dash_s, serial, verb, *rest = args
    assert dash_s == "-s", args
    with open(f"{PHONE}/log", "a") as log:
        print(verb, *(text.replace("\n", "; ") for text in rest), file=log)
    if f"{serial}\tdevice" not in _read("devices"):
        print(f"error: device '{serial}' not found", file=sys.stderr)
        return 1
    return {"get-state": _state, "shell": _shell, "push": _push, "pull": _pull}[verb](*rest)


def _state() -> int:
    print("device")
    return 0


def _shell(command: str) -> int:
    if (code := _misbehave(command)) is not None:
        return code
    for path in ("/proc/cpuinfo", "/sys/", "/data/local/tmp"):
        command = command.replace(path, f"{ROOT}{path}")
    command = command.replace("[/]data/local/tmp", f"[/]{ROOT[1:]}/data/local/tmp")
    environment = {**os.environ, "PATH": f"{PHONE}/bin:/usr/bin:/bin"}
    return os.spawnve(os.P_WAIT, "/bin/sh", ["sh", "-c", command], environment)


def _push(*paths: str) -> int:
    *files, folder = paths
    for file in files:
        if (code := _misbehave(f"push {file}")) is not None:
            return code
        _copy(file, f"{ROOT}{folder}{os.path.basename(file)}")
    print(f"{len(files)} files pushed")
    return 0


def _pull(file: str, to: str) -> int:
    try:
        _copy(f"{ROOT}{file}", to)
    except FileNotFoundError:
        print(f"adb: error: failed to stat remote object '{file}': No such file or directory", file=sys.stderr)
        return 1
    return 0


def _copy(file: str, to: str) -> None:
    """The bytes alone: what is executable need not be so on a phone."""
    with open(file, "rb") as source, open(to, "wb") as target:
        target.write(source.read())


def _read(name: str) -> str:
    with open(f"{PHONE}/{name}") as file:
        return file.read()


def _misbehave(command: str) -> int | None:
    """What $FAKE_PHONE/misbehave says: how, and on the first command that holds which text."""
    if not os.path.exists(f"{PHONE}/misbehave"):
        return None
    how, text = _read("misbehave").split(maxsplit=1)
    if text not in command:
        return None
    os.remove(f"{PHONE}/misbehave")
    if how == "vanish":  # the cable is pulled: adb ends without a word, and knows no such device afterwards
        with open(f"{PHONE}/devices", "w"):
            return 1
    if how == "full":
        print(f"adb: error: failed to copy '{command}': remote write failed: No space left on device", file=sys.stderr)
        return 1
    if how == "interrupt":  # the user presses Ctrl-C now
        os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
    raise AssertionError("should have been ended long ago")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
