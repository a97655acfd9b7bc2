"""What is compiled for: presets of CPUs and GPUs."""

from rt3d_mlir.targets.cpu import (
    DTYPES,
    Target,
    check_dtype,
    find_target,
    get_target,
    read_tiles,
    target_names,
    tiles_path,
)
from rt3d_mlir.targets.gpu import LANES, GpuTarget, get_gpu_target, gpu_target_names

__all__ = [
    "DTYPES",
    "LANES",
    "GpuTarget",
    "Target",
    "check_dtype",
    "find_target",
    "get_gpu_target",
    "get_target",
    "gpu_target_names",
    "read_tiles",
    "target_names",
    "tiles_path",
]
