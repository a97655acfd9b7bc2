"""A runtime for phones without the NDK: the aarch64 wheel's programs, with the loader and libraries that they need.

Android's C library is not glibc, but its kernel is Linux: a glibc program runs where its own loader starts it. Only on
the CPU, for Android's Vulkan driver needs Android's C library.
"""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from rt3d_mlir.errors import PhoneRuntimeError
from rt3d_mlir.files import replacing_folder
from rt3d_mlir.phone.adb import last_line
from rt3d_mlir.phone.runtime import DESCRIPTION, LOADER, PROGRAMS

#: Where Debian's libc6-arm64-cross and libstdc++6-arm64-cross put theirs.
SYSROOT = Path("/usr/aarch64-linux-gnu")
_LIBRARIES = (
    LOADER,
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
)


def make_runtime(folder: Path, version: str, sysroot: Path = SYSROOT) -> None:
    """Makes `folder`: IREE's programs of that version, by pip, and glibc from the `lib` of a sysroot.

    Raises PhoneRuntimeError where the folder exists, a library is missing, or pip cannot get the wheel. What fails
    leaves nothing behind.
    """
    if folder.exists():
        raise PhoneRuntimeError(f"{folder} exists: name a folder that does not")
    libraries = [sysroot / "lib" / name for name in _LIBRARIES]
    if missing := [path.name for path in libraries if not path.is_file()]:
        raise PhoneRuntimeError(
            f"{sysroot}/lib has no {', '.join(missing)}: install Debian's libc6-arm64-cross and "
            "libstdc++6-arm64-cross, or name another system's folder with --sysroot"
        )
    try:
        with replacing_folder(folder) as work:
            _unpack(_download(version, work.parent), work)
            for library in libraries:
                shutil.copy(library, work)
            (work / DESCRIPTION).write_text(json.dumps({"iree_runtime": version}) + "\n")
    except OSError as error:
        raise PhoneRuntimeError(f"{folder} cannot be written: {error}") from error


def _download(version: str, folder: Path) -> Path:
    wanted = f"iree-base-runtime=={version}"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", wanted]
    command += [f"--dest={folder}", "--only-binary=:all:", f"--python-version={python}"]
    done = subprocess.run([*command, "--platform=manylinux_2_28_aarch64"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PhoneRuntimeError(f"pip cannot get {wanted} for aarch64: {last_line(done.stderr)}")
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for program in PROGRAMS:
            path = folder / program
            path.write_bytes(archive.read(f"iree/_runtime_libs/{program}"))
            path.chmod(0o755)
