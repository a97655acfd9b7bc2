"""`python -m rt3d_mlir.bench.gpu.answer ARTIFACT REPEAT`: what a module answers, and what it takes to get data there.

A process of its own, so that no device of its lives on while others are timed. Prints one line of JSON.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import iree.runtime as iree
import numpy as np

from rt3d_mlir.errors import Rt3dError
from rt3d_mlir.runtime import Manifest, load
from rt3d_mlir.runtime.golden import golden_error
from rt3d_mlir.runtime.timing import measure
from rt3d_mlir.runtime.vulkan import to_host, vulkan_device

_FACTS = ("name", "api", "driver", "driver_info")


def answer(folder: Path, repeat: int) -> dict[str, object]:
    """The device, the error on the golden input in shares of the output's range, milliseconds of a call from numpy to
    numpy, and of bringing the inputs to the device and the outputs back. Raises what `rt3d_mlir.load` does."""
    manifest = Manifest.read(folder)
    inputs, wanted = (
        [np.load(folder / "golden" / f"{kind}_{i}.npy") for i in range(len(specs))]
        for kind, specs in (("input", manifest.inputs), ("output", manifest.outputs))
    )
    module = load(folder)
    result = module(*inputs)
    seen = result if isinstance(result, tuple) else (result,)
    whole = measure(lambda: module(*inputs), 1, warmup=0)
    device = vulkan_device(manifest.dtype)
    there = [iree.asdevicearray(device, array) for array in seen]
    return {
        "device": describe(device_info()),
        "error": max(map(golden_error, seen, wanted)),
        "call_ms": whole.median,
        "input_bytes": sum(array.nbytes for array in inputs),
        "output_bytes": sum(array.nbytes for array in seen),
        "upload_ms": asdict(measure(lambda: [iree.asdevicearray(device, array) for array in inputs], repeat)),
        "download_ms": asdict(measure(lambda: [to_host(array) for array in there], repeat)),
    }


def device_info() -> str:
    """IREE's description of the first Vulkan device."""
    driver = iree.get_driver("vulkan")
    return driver.dump_device_info(driver.query_available_devices()[0]["device_id"])


def describe(info: str) -> dict[str, str]:
    """The device's name, Vulkan version and driver, from IREE's description of it."""
    found = dict(re.findall(r"^(\S+): (.*)$", info, re.MULTILINE))
    return {key: found.get(key, "unknown") for key in _FACTS}


def main(argv: Sequence[str]) -> int:
    """Exit code 1 and a message on stderr where the module cannot run here."""
    try:
        print(json.dumps(answer(Path(argv[0]), int(argv[1]))))
    except Rt3dError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
