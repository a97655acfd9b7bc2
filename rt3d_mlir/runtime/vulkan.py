"""The Vulkan device of this machine: IREE is asked what it can do before a module is loaded, for its errors say little.

IREE 3.13 needs Vulkan 1.3 with some of its optional features, which it calls a tier; a module of f16 needs two more.
"""

import re

import iree.runtime as iree
import numpy as np

from rt3d_mlir.errors import DeviceError
from rt3d_mlir.iree import internals

#: IREE's name of the driver, and of what manifests call the device.
VULKAN = "vulkan"

#: What IREE's description of a device has to say for each dtype.
_FEATURES = {"f32": (), "f16": ("storageBuffer16BitAccess", "shaderFloat16")}
_INSTEAD = "update the driver, or compile for the CPU (rt3d-mlir-compile --list-targets)"
_OLDER = "what older phones can do: docs/architecture.md, Vulkan"


def vulkan_device(dtype: str) -> iree.HalDevice:
    """The first Vulkan device that IREE finds.

    Raises DeviceError where there is no Vulkan driver or device, or where it cannot run IREE's modules of that dtype.
    """
    try:
        driver = iree.get_driver(VULKAN)
        found = driver.query_available_devices()
    except (RuntimeError, ValueError) as error:  # a ValueError where IREE finds no loader
        loader = isinstance(error, ValueError)
        reason = "no Vulkan loader, libvulkan" if loader else str(error).splitlines()[0].rsplit("; ", 1)[-1]
        raise DeviceError(
            f"no Vulkan driver answers here ({reason}): install the GPU's driver and the Vulkan loader, or name the "
            "driver's .json in VK_DRIVER_FILES"
        ) from None
    if not found:
        raise DeviceError(f"Vulkan has no device here: {_INSTEAD}")
    check_device(driver.dump_device_info(found[0]["device_id"]), dtype)
    return driver.create_device(found[0]["device_id"])


def to_host(array: iree.DeviceArray) -> np.ndarray:
    """A copy of an array that lies on a device, through memory that both see.

    DeviceArray.to_host lets Vulkan write into numpy's own memory, which fails where that does not begin a page.
    """
    view, device = internals.buffer_view_of(array)
    source = view.get_buffer()
    staging = device.allocator.allocate_buffer(
        memory_type=int(iree.MemoryType.HOST_LOCAL | iree.MemoryType.DEVICE_VISIBLE),
        allowed_usage=int(iree.BufferUsage.TRANSFER_TARGET | iree.BufferUsage.MAPPING_SCOPED),
        allocation_size=source.byte_length(),
    )
    semaphore = device.create_semaphore(0)
    start, done = (iree.HalFence.create_at(semaphore, at) for at in (0, 1))
    device.queue_copy(source, staging, wait_semaphores=start, signal_semaphores=done)
    done.wait()
    return staging.map().asarray(view.shape, array.dtype).copy()


def check_device(description: str, dtype: str) -> None:
    """Raises DeviceError unless what IREE says of a device allows modules of `dtype`."""
    facts = dict(re.findall(r"^(\S+): (.*)$", description, re.MULTILINE))
    features = dict(re.findall(r"(\w+)=(\w+)", facts.get("features", "")))
    name, version = facts.get("name", "the device"), facts.get("api", "an unknown version")
    if facts.get(internals.VULKAN_TIER) != "supported":
        absent = ", ".join(re.findall(r"^ +missing: (.*)$", description, re.MULTILINE)) or "IREE does not say what"
        raise DeviceError(
            f"{name} has Vulkan {version}, and IREE needs 1.3 with some of its options; missing: {absent}: {_INSTEAD}; "
            f"{_OLDER}"
        )
    missing = [feature for feature in _FEATURES[dtype] if features.get(feature) != "yes"]
    if missing:
        raise DeviceError(f"{name} has no {' and no '.join(missing)}, which dtype {dtype} needs: compile for f32")
