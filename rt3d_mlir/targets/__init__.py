"""What is compiled for: presets of CPUs and GPUs."""

from rt3d_mlir.targets.base import DTYPES, Target
from rt3d_mlir.targets.cpu import CpuTarget, get_target, target_names
from rt3d_mlir.targets.find import check_dtype, doubt, find_target
from rt3d_mlir.targets.gpu import GpuTarget, get_gpu_target, gpu_target_names
from rt3d_mlir.targets.rates import Rates
from rt3d_mlir.targets.tiles import read_tiles, tiles_path

__all__ = [
    "DTYPES",
    "CpuTarget",
    "GpuTarget",
    "Rates",
    "Target",
    "check_dtype",
    "doubt",
    "find_target",
    "get_gpu_target",
    "get_target",
    "gpu_target_names",
    "read_tiles",
    "target_names",
    "tiles_path",
]
