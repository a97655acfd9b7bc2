"""CPU presets: what iree-compile is told about a core, and what kernels and their cost models need to know of it.

A target is always named. There is no generic default, because it would compile to slow code without saying so.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Literal

from rt3d_mlir.errors import TargetError, did_you_mean
from rt3d_mlir.iree import internals
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets.base import BF16_NEEDS
from rt3d_mlir.targets.host import CoreFacts, ask_host
from rt3d_mlir.targets.rates import Rates, core_rates
from rt3d_mlir.targets.tiles import read_tiles, tiles_path

_ANDROID = "aarch64-none-linux-android29"
#: LLVM's features for products of int8 that add up four or more to an int32: of Arm sdot and udot ("dotprod"), and
#: smmla ("i8mm"); of x86 vpdpbusd, for 512 bits and for 256, and vpdpbssd.
DOT_PRODUCTS = frozenset({"dotprod", "i8mm", "avx512vnni", "avxvnni", "avxvnniint8"})


@dataclass(frozen=True)
class Core:
    """What a core does, in cycles. Only ratios are used, so these serve all presets; a preset may have its own.

    fmas         FMAs of vector registers that begin in a cycle
    loads        loads of vector registers in a cycle
    chain        cycles from one FMA of a sum to the next: the latency, which is 4 on most cores, and one to spare
    weights      bytes a cycle of packed weights, which stream from memory while FMAs run
    activations  bytes a cycle of what is written to memory and read once
    """

    fmas: int = 2
    loads: int = 2
    chain: int = 5
    weights: float = 8
    activations: float = 5


@dataclass(frozen=True)
class CpuTarget:
    """A CPU preset.

    vector_bits    width of a vector register
    registers      how many vector registers there are
    columns        output columns whose sums a tile keeps in registers, for filters of one group
    widest         filters a tile may have where rows of groups are merged (dense layers)
    broadcast      "lane": FMA takes one lane of a register (NEON); "memory": FMA broadcasts from memory (x86)
    group          the kernel group that fills the registers, and the default of pruning
    half           whether the core multiplies f16 (Arm's fullfp16), so that dtype f16 is of use
    pairs          whether it adds products of pairs of bf16 to f32 (AVX512-BF16), so that dtype bf16 is of use
    dots           LLVM's features for dot products of int8 that the core has, of `DOT_PRODUCTS`
    cores          the cores of a whole chip, where the preset is one
    core           what a core does in a cycle
    shared_cache   bytes: packed weights up to this size stay in a cache that all cores share; each tile reads them
    core_cache     bytes: a row's weights up to this size stay in a core's own cache while its tiles use them
    cache_line     bytes that a core fetches at once
    cache_way      bytes after which addresses compete for the same place in a core's first cache, at the least
    half_inputs    registers of input that an f16 tile may have: NEON's FMLA takes a lane of f16 from v0 to v15 only,
                   and above 8 LLVM spills some of them
    workgroups     the fewest that a layer should have: with them, 8 cores stay busy though rows have unequal tap counts
    stack          bytes of a streamed chunk's sums, or of a pooled row's maxima
    stack_limit    bytes of all that a kernel keeps on the stack; IREE allows a dispatch 32 KiB
    tiles          measured register tiles by cpu_tile.tile_key; other layers get the cost model's choice
    """

    name: str
    description: str
    triple: str
    cpu: str
    vector_bits: int
    registers: int
    columns: int
    widest: int
    broadcast: Literal["lane", "memory"]
    group: GroupSize
    half: bool = False
    pairs: bool = False
    dots: frozenset[str] = frozenset()
    cores: str = ""
    core: Core = Core()
    shared_cache: int = 2 * 2**20
    core_cache: int = 256 * 2**10
    cache_line: int = 64
    cache_way: int = 4096
    half_inputs: int = 8
    workgroups: int = 64
    stack: int = 16 * 2**10
    stack_limit: int = 30 * 2**10
    tiles: Mapping[str, tuple[int, int]] = field(default_factory=dict, hash=False)
    device = "local-task"
    double = True

    @property
    def lanes(self) -> int:
        """f32 lanes of a vector register."""
        return self.vector_bits // 32

    @property
    def sums(self) -> int:
        """Vector registers for the sums of a conv's tile."""
        return self.columns * ceil(self.group.m / self.lanes)

    def group_of(self, dtype: str) -> GroupSize:
        """The default of pruning, which is the same for all."""
        del dtype
        return self.group

    @property
    def needs(self) -> dict[str, str]:
        return {"f16": "dtype f16 needs an aarch64 core with fullfp16", "bf16": BF16_NEEDS}

    @property
    def rates(self) -> Rates:
        """Those of one core."""
        return core_rates(self.lanes)

    @property
    def iree_flags(self) -> list[str]:
        """The flags that describe this target to iree-compile."""
        cpu = "host" if self.name == "host" else self.cpu
        return [
            *internals.CPU_DEVICE,
            *([] if self.name == "host" else [internals.CPU_TRIPLE + self.triple]),
            internals.CPU_NAME + cpu,
        ]


def _neon(name: str, cpu: str, description: str, cores: str = "", more_dots: tuple[str, ...] = ()) -> CpuTarget:
    """A core of Armv8.2 or later: it has f16, and sdot."""
    features = frozenset({"fullfp16", "dotprod", *more_dots})
    return replace(arm_target(CoreFacts(_ANDROID, cpu, 128, features)), name=name, description=description, cores=cores)


def arm_target(core: CoreFacts) -> CpuTarget:
    """32 NEON registers: groups of 8x4, 8 columns x 2 registers of sums, lane FMAs."""
    return CpuTarget(
        name="host",
        description="",
        triple=core.triple,
        cpu=core.cpu,
        vector_bits=core.vector_bits,
        registers=32,
        columns=8,
        widest=8,
        broadcast="lane",
        group=GroupSize(8, 4),
        half="fullfp16" in core.features,
        dots=core.features & DOT_PRODUCTS,
    )


def x86_target(core: CoreFacts) -> CpuTarget:
    """Two registers of filters, as on NEON: each number of the input that is loaded serves two FMAs. Of 32 registers
    of 512 bits, 14 columns take 28; of 16 of 256 bits, 6 columns take 12."""
    filters, wide = 2 * core.vector_bits // 32, core.vector_bits >= 512
    return CpuTarget(
        name="host",
        description="",
        triple=core.triple,
        cpu=core.cpu,
        vector_bits=core.vector_bits,
        registers=32 if wide else 16,
        columns=14 if wide else 6,
        widest=filters,
        broadcast="memory",
        group=GroupSize(filters, 4),
        pairs="avx512bf16" in core.features,
        dots=core.features & DOT_PRODUCTS,
    )


_PRESETS = [
    _neon("cortex-a55", "cortex-a55", "in-order little core (2017)"),
    _neon("cortex-a76", "cortex-a76", "big core of the Snapdragon 855 generation (2018)"),
    _neon("cortex-a77", "cortex-a77", "big core of the Snapdragon 865 generation (2019)"),
    _neon("cortex-a78", "cortex-a78", "big core of the Snapdragon 888 generation (2020)"),
    _neon("cortex-x1", "cortex-x1", "prime core of the Snapdragon 888 (2020)"),
    _neon("cortex-x2", "cortex-x2", "prime core of the Snapdragon 8 Gen 1 (2021)", more_dots=("i8mm",)),
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


def get_target(name: str) -> CpuTarget:
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


def _tuned(target: CpuTarget) -> CpuTarget:
    tiles = read_tiles(tiles_path(target.cpu))
    return replace(target, tiles=tiles) if tiles else target


@functools.cache
def _host() -> CpuTarget:
    found = ask_host()
    description = f"this machine: {found.cpu}, {found.vector_bits}-bit vectors"
    return replace(arm_target(found) if found.is_arm else x86_target(found), description=description)
