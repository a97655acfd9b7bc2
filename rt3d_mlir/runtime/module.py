"""Loads an artifact and calls it on numpy arrays. Needs iree-base-runtime and numpy, nothing of PyTorch."""

import functools
import platform
import threading
from importlib import metadata
from pathlib import Path

import iree.runtime as iree
import numpy as np

from rt3d_mlir.errors import ArtifactError, ConfigError, InputError, VersionError, did_you_mean
from rt3d_mlir.iree import internals
from rt3d_mlir.runtime.artifact import MODULE, Manifest, TensorSpec, verify
from rt3d_mlir.runtime.vulkan import VULKAN, to_host, vulkan_device

DEVICES = ("local-task", "local-sync", VULKAN)
_SAME_MACHINE = {"arm64": "aarch64", "amd64": "x86_64"}


def load(path: str | Path, device: str | None = None, threads: int | None = None) -> "Module":
    """Loads the artifact folder `path` on this machine's CPU or, if it was compiled for one, its GPU.

    `device` is IREE's: local-task runs on `threads` threads (IREE chooses when None), local-sync on the
    caller's, vulkan on the GPU; by default what the module was compiled for. A .vmfb is a program: load only what
    you trust.

    Raises ArtifactError when the folder is not an artifact, a file changed since it was compiled, or it was
    built for another architecture; VersionError when this iree-base-runtime is not the compiler's version;
    ConfigError for a device or thread count that cannot be; DeviceError where no Vulkan device can run it.
    """
    manifest = Manifest.read(path)
    verify(path, manifest)
    device = device or manifest.device
    if device in DEVICES and (device == VULKAN) != (manifest.device == VULKAN):
        raise ConfigError(
            f"{path} was compiled for {manifest.target}, which runs on {manifest.device}, not on {device}; leave the "
            "device out, or compile again for another target"
        )
    if manifest.device != VULKAN:
        _check_machine(manifest)
    _check_version(manifest)
    return Module(Path(path), manifest, device, threads)


class Module:
    """An artifact that is ready to run; made by :func:`load`."""

    def __init__(self, folder: Path, manifest: Manifest, device: str, threads: int | None):
        self.manifest = manifest
        self.inputs = manifest.inputs
        self.device = device
        self.threads = 1 if device == "local-sync" else threads
        self._one_call = threading.Lock()
        config = iree.Config(device=_device(device, threads, manifest.dtype))
        try:
            module = iree.VmModule.mmap(config.vm_instance, str(folder / MODULE))
            self._entry = iree.load_vm_module(module, config)[manifest.entry]
        except (KeyError, ValueError, RuntimeError) as error:
            raise ArtifactError(f"{folder / MODULE} cannot be loaded: {error}; compile again") from None

    def __call__(self, *arrays: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """Runs the entry function and waits for its result: one array, or a tuple when it has several.

        Shapes and dtypes must be those of `inputs` (for a video network 1x3xTxHxW float32); nothing is cast
        or reshaped. Calls share the module's memory for activations: those of several threads wait for each other.
        Raises InputError for other inputs.
        """
        _check_inputs(arrays, self.inputs)
        with self._one_call:
            result = self._entry(*arrays)
        # Copies, for IREE's array is a view that dies with it: a slice of it would point into freed memory.
        if isinstance(result, tuple):
            return tuple(self._to_host(array, spec) for array, spec in zip(result, self.manifest.outputs, strict=True))
        return self._to_host(result, self.manifest.outputs[0])

    def _to_host(self, array: iree.DeviceArray, spec: TensorSpec) -> np.ndarray:
        host = to_host(array) if self.device == VULKAN else array.to_host().copy()
        return host.view(np.uint8) if (spec.dtype, host.dtype) == ("uint8", np.int8) else host  # IREE's have no sign


def _check_inputs(arrays: tuple[np.ndarray, ...], specs: list[TensorSpec]) -> None:
    if len(arrays) != len(specs):
        names = ", ".join(spec.name for spec in specs)
        raise InputError(f"got {len(arrays)} inputs, expected {len(specs)} ({names})")
    for array, spec in zip(arrays, specs, strict=True):
        seen = TensorSpec(spec.name, np.shape(array), str(getattr(array, "dtype", type(array).__name__)))
        if seen != spec:
            raise InputError(f"input '{spec.name}' is {seen}, expected {spec}")


def _check_machine(manifest: Manifest) -> None:
    built, here = manifest.triple.split("-")[0], platform.machine().lower()
    if _SAME_MACHINE.get(built, built) != _SAME_MACHINE.get(here, here):
        raise ArtifactError(
            f"built for {built} ({manifest.cpu}), this machine is {here}: "
            f"copy the folder to such a machine, or compile again with --target host"
        )


def _check_version(manifest: Manifest) -> None:
    expected, seen = manifest.tools.get("iree_compiler"), metadata.version("iree-base-runtime")
    if seen != expected:
        raise VersionError(
            f"iree-base-runtime is {seen}, the module was compiled by iree-base-compiler {expected}: "
            f"install iree-base-runtime=={expected}, or compile again"
        )


@functools.cache
def _device(name: str, threads: int | None, dtype: str) -> iree.HalDevice:
    """The device, shared by all modules that ask for the same thread count and dtype."""
    if name not in DEVICES:
        known = ", ".join(DEVICES)
        raise ConfigError(f"unknown device '{name}'{did_you_mean(name, DEVICES)} (known: {known})")
    if threads is not None and threads < 1:
        raise ConfigError(f"threads is {threads}, expected at least 1")
    if name == VULKAN:
        if threads is not None:
            raise ConfigError(f"{threads} threads were asked for; a GPU has none to choose")
        return vulkan_device(dtype)
    if name == "local-sync" and threads not in (None, 1):
        raise ConfigError(f"local-sync has one thread, {threads} were asked for; use local-task")
    # IREE takes the thread count from a process-wide flag (0: its own choice) when it makes a driver, and
    # keeps the driver. So: a new driver, and none left behind that others would get by surprise.
    if name == "local-sync" or threads is None:
        return _create(name)
    iree.flags.parse_flags(f"{internals.TASK_THREADS}{threads}")
    internals.forget_drivers()
    try:
        return _create(name)
    finally:
        iree.flags.parse_flags(internals.TASK_THREADS + "0")
        internals.forget_drivers()


def _create(name: str) -> iree.HalDevice:
    return iree.get_driver(name).create_default_device()
