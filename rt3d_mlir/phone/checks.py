"""Whether a phone can run a module, found out before anything is pushed; the GPU can only be asked through IREE."""

import re
from collections.abc import Iterable
from pathlib import Path

from rt3d_mlir.errors import ArtifactError, DeviceError, VersionError
from rt3d_mlir.phone.adb import Adb, last_line
from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.runtime.vulkan import VULKAN, check_device

ABI = "arm64-v8a"
_V8_2 = ("asimd", "asimddp", "asimdhp", "asimdrdm", "atomics")
#: What code for a core may use, in the words of /proc/cpuinfo. Some phones with an X2 have SVE switched off.
FEATURES = {
    "cortex-a55": _V8_2,
    "cortex-a76": _V8_2,
    "cortex-a77": _V8_2,
    "cortex-a78": _V8_2,
    "cortex-x1": _V8_2,
    "cortex-x2": (*_V8_2, "asimdfhm", "bf16", "fcma", "i8mm", "sve", "sve2"),
}
#: Bytes left free beyond what is pushed.
_MARGIN = 16 << 20


def check_module(manifest: Manifest) -> None:
    """Raises ArtifactError for a module that is not for phones."""
    machine = manifest.triple.split("-")[0]
    if manifest.device != VULKAN and (machine != "aarch64" or manifest.cpu not in FEATURES):
        raise ArtifactError(
            f"built for {machine} ({manifest.cpu}), which is not a phone's core: compile again, with --target one of "
            f"{', '.join(FEATURES)}"
        )


def check_runtime(manifest: Manifest, *, glibc: bool, iree: str) -> None:
    """Raises DeviceError for a GPU's module and a runtime of glibc, VersionError where it is not the compiler's.

    `iree` is the runtime's version, "" where it is not known.
    """
    if manifest.device == VULKAN and glibc:
        raise DeviceError(
            f"{manifest.target} runs on the phone's GPU, and only programs built for Android can load its driver; the "
            "wheel's are for CPUs alone: build IREE's with the NDK, and name their folder with --runtime"
        )
    compiler = manifest.tools.get("iree_compiler")
    if iree and iree != compiler:
        raise VersionError(
            f"the runtime is IREE {iree}, the module was compiled by iree-base-compiler {compiler}: make the runtime "
            "again where that version is installed, or compile again"
        )


def check_abi(abi: str) -> None:
    """Raises DeviceError for any other than 64-bit Arm."""
    if abi != ABI:
        raise DeviceError(f"the device is {abi or 'of unknown ABI'}, expected {ABI}: modules are for 64-bit Arm phones")


def check_features(cpuinfo: str, manifest: Manifest) -> None:
    """Raises DeviceError where a core lacks what the code may use: it would die of an illegal instruction."""
    if manifest.device == VULKAN:
        return
    cores = [set(line.split()) for line in re.findall(r"^Features\s*:(.*)$", cpuinfo, re.MULTILINE)]
    if not cores:
        raise DeviceError("the phone's /proc/cpuinfo has no line of Features, so no module can be run safely")
    here = set.intersection(*cores)
    missing = [name for name in FEATURES[manifest.cpu] if name not in here]
    if missing:
        fit = [cpu for cpu, needed in FEATURES.items() if here.issuperset(needed)]
        raise DeviceError(
            f"the phone's cores have no {', '.join(missing)}, which code for {manifest.cpu} may use: "
            + (f"compile again, with --target one of {', '.join(fit)}" if fit else "no target fits a core that old")
        )


def check_space(adb: Adb, folder: str, files: Iterable[Path]) -> None:
    """Raises DeviceError where `folder` of the phone has no room for files."""
    fields = last_line(adb.ask(f"df -k {folder}")).split()
    if len(fields) < 6 or not fields[-3].isdecimal():
        raise DeviceError(f"`df -k {folder}` says nothing of free space: {' '.join(fields)}")
    free, needed = int(fields[-3]) << 10, sum(file.stat().st_size for file in files) + _MARGIN
    if free < needed:
        raise DeviceError(
            f"{folder} has {free >> 20} MiB free, and {needed >> 20} MiB are needed: free some space on the phone"
        )


def check_vulkan(adb: Adb, iree_run_module: str, manifest: Manifest) -> None:
    """Asks the phone's iree-run-module for its GPU. Raises DeviceError where it has none that runs the module."""
    answer = adb.shell(f"{iree_run_module} --dump_devices=vulkan")
    if answer.code or "\napi: " not in answer.out:
        said = last_line(answer.err) or f"exit {answer.code}, no device"
        raise DeviceError(f"the phone's Vulkan has no device for IREE ({said}): compile for its CPU")
    check_device(answer.out, manifest.dtype)
