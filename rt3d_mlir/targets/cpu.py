"""CPU presets: what iree-compile is told about a core, and what the CPU schedule needs to know of it.

A target is always named. There is no generic default, because it would compile to slow code without saying so. `host`
asks iree-compile what this machine is.
"""

import functools
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rt3d_mlir.errors import TargetError, did_you_mean
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.programs import compiler_program
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets.gpu import GpuTarget, get_gpu_target, gpu_target_names

_ANDROID = "aarch64-none-linux-android29"


@dataclass(frozen=True)
class Target:
    """One preset.

    vector_bits    width of a vector register
    columns        output columns whose sums a tile keeps in registers, for filters of one group
    widest         filters a tile may have where rows of groups are merged (dense layers)
    broadcast      "lane": FMA takes one lane of a register (NEON); "memory": FMA broadcasts from memory (x86)
    group          the kernel group that fills the registers, and the default of pruning
    half           whether the core multiplies f16 (Arm's fullfp16), so that dtype f16 is of use
    cores          the cores of a whole chip, where the preset is one
    shared_cache   bytes: packed weights up to this size stay in a cache that all cores share; each tile reads them
    core_cache     bytes: a row's weights up to this size stay in a core's own cache while its tiles use them
    workgroups     the fewest that a layer should have: with them, 8 cores stay busy though rows have unequal tap counts
    stack          bytes of a streamed chunk's sums, or of a pooled row's maxima; IREE allows a dispatch 32 KiB
    tiles          measured register tiles by cpu_tile.tile_key; other layers get the cost model's choice
    """

    name: str
    description: str
    triple: str
    cpu: str
    vector_bits: int
    columns: int
    widest: int
    broadcast: str
    group: GroupSize
    half: bool = False
    cores: str = ""
    shared_cache: int = 2 * 2**20
    core_cache: int = 256 * 2**10
    workgroups: int = 64
    stack: int = 16 * 2**10
    tiles: Mapping[str, tuple[int, int]] = field(default_factory=dict, hash=False)
    device = "local-task"

    @property
    def lanes(self) -> int:
        """f32 lanes of a vector register."""
        return self.vector_bits // 32

    def group_of(self, dtype: str) -> GroupSize:
        """The default of pruning, which is the same for f32 and f16."""
        del dtype
        return self.group

    @property
    def iree_flags(self) -> list[str]:
        """The flags that describe this target to iree-compile."""
        cpu = "host" if self.name == "host" else self.cpu
        return [
            *internals.CPU_DEVICE,
            *([] if self.name == "host" else [internals.CPU_TRIPLE + self.triple]),
            internals.CPU_NAME + cpu,
        ]


def read_tiles(path: Path) -> dict[str, tuple[int, int]]:
    """A table that rt3d-mlir-tune wrote; empty if there is no file. Raises TargetError for a damaged one."""
    if not path.is_file():
        return {}
    try:
        return {
            key: (int(rows), int(columns)) for key, (rows, columns) in json.loads(path.read_text())["tiles"].items()
        }
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise TargetError(f"{path} is no table of rt3d-mlir-tune ({error!r}): remove it, or tune again") from None


def tiles_path(cpu: str) -> Path:
    """Where rt3d-mlir-tune leaves the table of a cpu, and its presets find it: in the user's data (XDG_DATA_HOME)."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data, "rt3d_mlir", "tiles", f"{cpu}.json")


def _neon(name: str, cpu: str, description: str, cores: str = "") -> Target:
    """A core with 32 NEON registers: groups of 8x4, 8 columns x 2 registers of sums, lane FMAs."""
    return Target(name, description, _ANDROID, cpu, 128, 8, 8, "lane", GroupSize(8, 4), True, cores)


_PRESETS = [
    _neon("cortex-a55", "cortex-a55", "in-order little core (2017)"),
    _neon("cortex-a76", "cortex-a76", "big core of the Snapdragon 855 generation (2018)"),
    _neon("cortex-a77", "cortex-a77", "big core of the Snapdragon 865 generation (2019)"),
    _neon("cortex-a78", "cortex-a78", "big core of the Snapdragon 888 generation (2020)"),
    _neon("cortex-x1", "cortex-x1", "prime core of the Snapdragon 888 (2020)"),
    _neon("cortex-x2", "cortex-x2", "prime core of the Snapdragon 8 Gen 1 (2021)"),
    _neon(
        "snapdragon-865",
        "cortex-a77",
        "alias of cortex-a77",
        cores="1 x cortex-a77 2.84 GHz, 3 x cortex-a77 2.42 GHz, 4 x cortex-a55 1.80 GHz",
    ),
]


def target_names() -> list[str]:
    """All presets of CPUs, `host` first."""
    return ["host", *(preset.name for preset in _PRESETS)]


def find_target(name: str) -> Target | GpuTarget:
    """The preset of that name, of a CPU or a GPU.

    Raises TargetError for an unknown name, and for a host that no preset describes.
    """
    names = [*target_names(), *gpu_target_names()]
    if name not in names:
        raise TargetError(f"no target is called '{name}'; known: {', '.join(names)}{did_you_mean(name, names)}")
    return get_gpu_target(name) if name in gpu_target_names() else get_target(name)


def get_target(name: str) -> Target:
    """The CPU preset of that name, with the user's register tiles.

    Raises TargetError for an unknown one, a host that no preset describes, or a damaged table of tiles.
    """
    if name == "host":
        return _tuned(_host())
    for preset in _PRESETS:
        if preset.name == name:
            return _tuned(preset)
    names = target_names()
    raise TargetError(f"no CPU target is called '{name}'; known: {', '.join(names)}{did_you_mean(name, names)}")


def _tuned(target: Target) -> Target:
    tiles = read_tiles(tiles_path(target.cpu))
    return replace(target, tiles=tiles) if tiles else target


#: What weights and activations can be stored as; sums and the model's inputs and outputs are f32 always.
DTYPES = ("f32", "f16")


def check_dtype(target: Target | GpuTarget, dtype: str) -> None:
    """Raises TargetError where there are no kernels of a dtype for a target."""
    if dtype not in DTYPES:
        raise TargetError(f"no dtype is called '{dtype}'; known: {', '.join(DTYPES)}")
    if dtype == "f16" and not target.half:
        able = ", ".join(preset.name for preset in _PRESETS if preset.half)
        raise TargetError(
            f"dtype f16 needs an aarch64 core with fullfp16; {target.name} is {target.cpu} ({target.triple}). "
            f"Use f32, or one of {able}"
        )


_PROBE = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }"


@functools.cache
def _host() -> Target:
    """What iree-compile finds on this machine: its triple, cpu and vector width."""
    flags = [*internals.CPU_DEVICE, internals.CPU_NAME + "host", internals.COMPILE_TO + "flow"]
    command = [compiler_program(), "-", *flags]
    probe = subprocess.run(command, input=_PROBE, capture_output=True, text=True, check=False)
    found = {
        key: match[1]
        for key in (internals.CPU, internals.TRIPLE, internals.VECTOR_BYTES)
        if (match := re.search(rf'\b{key} = "?([^"\s,}}]*)', probe.stdout))
    }
    features = re.search(rf'\b{internals.FEATURES} = "([^"]*)"', probe.stdout)
    if probe.returncode or internals.VECTOR_BYTES not in found:
        raise TargetError(f"iree-compile cannot describe this machine ({platform.machine()}): {probe.stderr.strip()}")
    bits = 8 * int(found[internals.VECTOR_BYTES])
    common = {
        "name": "host",
        "description": f"this machine: {found.get(internals.CPU, platform.machine())}, {bits}-bit vectors",
        "triple": found[internals.TRIPLE],
        "cpu": found.get(internals.CPU, "host"),
        "vector_bits": bits,
    }
    half = features is not None and "+fullfp16" in features[1].split(",")
    if platform.machine() in ("aarch64", "arm64"):
        return Target(**common, columns=8, widest=8, broadcast="lane", group=GroupSize(8, 4), half=half)
    # Two registers of filters, as on NEON: each number of the input that is loaded serves two FMAs. Of 32 registers of
    # 512 bits, 14 columns take 28; of 16 of 256 bits, 6 columns take 12.
    filters = 2 * bits // 32
    columns = 14 if bits >= 512 else 6
    return Target(**common, columns=columns, widest=filters, broadcast="memory", group=GroupSize(filters, 4))
