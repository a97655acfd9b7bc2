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
    if {"f16": target.half, "bf16": target.pairs}.get(dtype, True):
        return
    presets = [get_target(name) for name in target_names()[1:]] + [get_gpu_target(n) for n in gpu_target_names()]
    able = [preset.name for preset in presets if dtype == "f16" and preset.half and preset.device == target.device]
    own = "f16" if dtype == "bf16" and target.half else "f32"
    other = f", or one of {', '.join(able)}" if able else ""
    raise TargetError(f"{target.needs[dtype]}; {target.name} is {target.cpu} ({target.triple}). Use {own}{other}")


def doubt(target: Target, dtype: str) -> str:
    """What speaks against a dtype that a target has kernels for; "" where nothing does."""
    if dtype == "bf16" and not target.cpu.startswith("znver"):
        return "bf16 was 1.7 times slower than f32 on the one core that was not AMD's: compare before you ship it"
    return ""
