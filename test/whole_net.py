"""A whole net as vulkan-nvidia runs it in f16, on Mesa's device.

    PYTHONPATH=test python -m whole_net MODEL CONFIG

With products of matrices by threads (matrices.py), whose sums are f16 here. Prints the error in shares of the answer's
range, after a minute to six.
"""

import os
import sys
import tempfile
from pathlib import Path

import matrices
import vulkan

from rt3d_mlir.bench.gpu.answer import answer
from rt3d_mlir.compile.artifact_writer import write_artifact
from rt3d_mlir.compile.exported import export_config
from rt3d_mlir.targets import get_gpu_target


def error(model: str, config: str, folder: Path) -> float:
    """Of the golden input's answer; `folder` is made."""
    matrices.emulate()
    target = get_gpu_target("vulkan-nvidia")
    write_artifact(export_config(model, config, target, "f16").job(target), folder)
    os.environ["VK_DRIVER_FILES"] = vulkan.driver()
    return float(str(answer(folder, 1)["error"]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        print(f"{error(*sys.argv[1:3], Path(work, 'net')):.1e}")
