"""What a name on the command line stands for, and whether a target has a dtype."""

from rt3d_mlir.errors import TargetError, did_you_mean
from rt3d_mlir.targets.base import DTYPES, Target
from rt3d_mlir.targets.cpu import CpuTarget, get_target, target_names
from rt3d_mlir.targets.gpu import GpuTarget, get_gpu_target, gpu_target_names


def find_target(name: str) -> CpuTarget | GpuTarget:
    """The preset of that name, of a CPU or GPU. Raises TargetError for an unknown one, or for a host none describes."""
    names = [*target_names(), *gpu_target_names()]
    if name not in names:
        raise TargetError(f"no target is called '{name}'; known: {', '.join(names)}{did_you_mean(name, names)}")
    return get_gpu_target(name) if name in gpu_target_names() else get_target(name)


def check_dtype(target: Target, dtype: str) -> None:
    """Raises TargetError where there are no kernels of a dtype for a target."""
    if dtype not in DTYPES:
        raise TargetError(f"no dtype is called '{dtype}'; known: {', '.join(DTYPES)}")
    if dtype == "f16" and not target.half:
        presets = [get_target(name) for name in target_names()[1:]] + [get_gpu_target(n) for n in gpu_target_names()]
        able = ", ".join(preset.name for preset in presets if preset.half and preset.device == target.device)
        raise TargetError(
            f"{target.half_needs}; {target.name} is {target.cpu} ({target.triple}). Use f32, or one of {able}"
        )
