"""The programs that are pushed: IREE's tools, built for Android by the user or taken from the aarch64 wheel."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from rt3d_mlir.errors import PhoneRuntimeError

PROGRAMS = ("iree-run-module", "iree-benchmark-module")
LOADER = "ld-linux-aarch64.so.1"
#: Beside a loader: which IREE it is.
DESCRIPTION = "runtime.json"
_AARCH64 = 183
_INTERPRETER = 3


@dataclass(frozen=True)
class Runtime:
    """Files to push, all into one folder. `loader`: they are glibc's, started by a loader of their own; `iree` is the
    version, "" where nobody said it."""

    files: tuple[Path, ...]
    loader: bool
    iree: str

    def command(self, folder: str, program: str) -> str:
        """How to start one of PROGRAMS in the phone's shell, from the folder it lies in."""
        return f"{folder}/{LOADER} --library-path {folder} {folder}/{program}" if self.loader else f"{folder}/{program}"


def find_runtime(path: Path) -> Runtime:
    """The runtime in a folder, or beside an iree-run-module.

    Raises PhoneRuntimeError where a program is missing, or is one that no 64-bit Android starts.
    """
    folder = path if path.is_dir() else path.parent
    programs = [folder / name for name in PROGRAMS]
    for program in programs:
        if not program.is_file():
            raise PhoneRuntimeError(
                f"{program} is not there: a runtime is {' and '.join(PROGRAMS)} in one folder; rt3d-mlir-run "
                "--make-runtime makes one"
            )
    loader = (folder / LOADER).is_file()
    for program in programs:
        _check_elf(program, loader)
    if not loader:
        return Runtime(tuple(programs), False, "")
    libraries = sorted(file for file in folder.iterdir() if ".so" in file.name)
    return Runtime((*programs, *libraries), True, _version(folder / DESCRIPTION))


def _version(path: Path) -> str:
    try:
        return str(json.loads(path.read_bytes())["iree_runtime"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PhoneRuntimeError(f"{path} does not say which IREE this is ({error}); make the runtime again") from None


def _check_elf(program: Path, loader: bool) -> None:
    data = program.read_bytes()
    machine = struct.unpack_from("<H", data, 18)[0] if data[:5] == b"\x7fELF\x02" and len(data) > 64 else None
    if machine != _AARCH64:
        seen = "no 64-bit ELF program" if machine is None else f"for ELF's machine {machine}"
        raise PhoneRuntimeError(f"{program} is {seen}, expected one for aarch64 ({_AARCH64})")
    interpreter = _interpreter(data)
    if not loader and "ld-linux" in interpreter:
        raise PhoneRuntimeError(
            f"{program} is built for Linux (its loader is {interpreter}), and Android has no such loader: build it "
            "with the NDK, or let rt3d-mlir-run --make-runtime put loader and libraries beside it"
        )


def _interpreter(data: bytes) -> str:
    """The loader that an ELF program asks for; "" for a static one."""
    (offset,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for at in range(offset, offset + size * count, size):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", data, at)
        if kind == _INTERPRETER:
            return data[start : start + length].rstrip(b"\0").decode(errors="replace")
    return ""
