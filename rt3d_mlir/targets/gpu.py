"""GPU presets: what iree-compile is told about a device, and what the Vulkan schedule needs to know of it."""

from dataclasses import dataclass

from rt3d_mlir.errors import TargetError, did_you_mean
from rt3d_mlir.iree import internals
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets.base import BF16_NEEDS
from rt3d_mlir.targets.rates import Rates, core_rates


@dataclass(frozen=True)
class GpuTarget:
    """A GPU preset, reached through Vulkan. The cost models choose tiles by its numbers (passes/cost/gpu_tile.py).

    arch           what iree-compile calls it
    subgroup       threads that run in step
    processors     compute units, each with its registers and multipliers
    multiplies     f32 FMAs of a processor and cycle
    load_bytes     bytes that a processor's threads get from a cache or shared memory a cycle
    registers      32-bit registers of a processor
    accumulators   sums that a thread keeps in registers
    shared_memory  bytes of a workgroup
    group          the default of pruning; `half_group` is that of f16, where it is another
    widest         filters a tile may have where rows of groups are merged (dense layers)
    features       SPIR-V version and capabilities of the shaders: 1.3 is Vulkan 1.1's, which every driver reads; by
                   newer rules IREE 3.13 writes shaders that say SPIR-V 1.0 but do not keep to it (static/shader.py)
    abi            how iree-compile binds buffers: by descriptors, or by address ("bda"), 10 % faster where it was timed
    half           whether it multiplies f16, so that dtype f16 is of use
    in_step        whether all subgroups have that width; their threads then need not wait for the workgroup
    matrices       where subgroups multiply 16x16 matrices of f16 with f32 sums (VK_KHR_cooperative_matrix): how many
                   filters a row may have for it; the rows of a dense layer are merged to these
    threads        of a workgroup, at most: what most devices run
    most_registers those of a thread, at most
    dots           IREE's names for dot products of int8
    lanes          channels of a block, and numbers of every vector, on all GPUs: SPIR-V's longest
    """

    name: str
    description: str
    arch: str
    subgroup: int
    processors: int
    multiplies: int
    load_bytes: int
    registers: int
    accumulators: int
    shared_memory: int
    group: GroupSize
    widest: int
    features: str = "spirv:v1.3,cap:Shader"
    abi: str = "descriptors"
    half: bool = True
    in_step: bool = False
    matrices: tuple[int, ...] = ()
    half_group: GroupSize | None = None
    threads: int = 256
    most_registers: int = 255
    dots: frozenset[str] = frozenset({"dp4xi8toi32"})
    lanes = 4
    triple = "spirv"
    device = "vulkan"
    double = False
    pairs = False

    @property
    def needs(self) -> dict[str, str]:
        f16 = "dtype f16 needs a GPU that stores and multiplies it (storageBuffer16BitAccess, shaderFloat16)"
        return {"f16": f16, "bf16": BF16_NEEDS}

    @property
    def cpu(self) -> str:
        """What manifests call the chip that a module was compiled for."""
        return self.arch

    def group_of(self, dtype: str) -> GroupSize:
        """The default of pruning for f32 or f16."""
        return self.half_group or self.group if dtype == "f16" else self.group

    @property
    def rates(self) -> Rates:
        """Those of a core with AVX-512: a GPU's peak and memory are in about its ratio, and IREE's own code was not
        timed on one."""
        return core_rates(16)

    @property
    def offset_alignment(self) -> int:
        """Bytes: where a kernel may begin to write in a buffer. Vulkan lets devices ask for 256 of a descriptor."""
        return 16 if self.abi == "bda" else 256

    @property
    def iree_flags(self) -> list[str]:
        """The flags that describe this target to iree-compile."""
        return [
            internals.VULKAN_DEVICE,
            internals.VULKAN_TARGET + self.arch,
            internals.VULKAN_FEATURES + self.features,
            internals.VULKAN_ABI + self.abi,
            internals.CONCURRENT,
        ]


_PRESETS = [
    GpuTarget(
        name="vulkan-adreno",
        description="Qualcomm Adreno; the numbers are those of an Adreno 650 (Snapdragon 865)",
        arch="adreno",
        subgroup=64,
        processors=2,
        multiplies=512,
        load_bytes=256,
        registers=32768,
        accumulators=32,
        shared_memory=32768,
        group=GroupSize(8, 4),
        widest=8,
    ),
    GpuTarget(
        name="vulkan-mali",
        description="Arm Mali, Valhall; the numbers are those of a Mali-G78 MP14",
        arch="valhall",
        subgroup=16,
        processors=14,
        multiplies=32,
        load_bytes=64,
        registers=16384,
        accumulators=32,
        shared_memory=32768,
        group=GroupSize(8, 4),
        widest=8,
    ),
    GpuTarget(
        name="vulkan-lavapipe",
        description="Mesa's software device, for tests",
        arch="llvmpipe",
        subgroup=8,
        processors=2,
        multiplies=8,
        load_bytes=32,
        registers=4096,
        accumulators=64,
        shared_memory=32768,
        group=GroupSize(8, 4),
        widest=8,
    ),
    GpuTarget(
        name="vulkan-nvidia",
        description="NVIDIA from Ampere on; the numbers are those of a Hopper data center GPU",
        arch="ampere",
        subgroup=32,
        processors=132,
        multiplies=128,
        load_bytes=128,
        registers=65536,
        accumulators=64,
        shared_memory=49152,
        group=GroupSize(16, 4),
        widest=16,
        features="spirv:v1.6,cap:Shader",  # 1.6 has cooperative matrices
        abi="bda",
        in_step=True,
        matrices=(16, 32, 64),
        half_group=GroupSize(32, 4),
    ),
]


def gpu_target_names() -> list[str]:
    """All GPU presets."""
    return [preset.name for preset in _PRESETS]


def get_gpu_target(name: str) -> GpuTarget:
    """The preset of that name. Raises TargetError for an unknown one."""
    names = gpu_target_names()
    if name not in names:
        raise TargetError(f"no GPU target is called '{name}'; known: {', '.join(names)}{did_you_mean(name, names)}")
    return _PRESETS[names.index(name)]
