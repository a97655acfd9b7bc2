"""What the compiler asks of any machine. Kernels ask more, of a `CpuTarget` or a `GpuTarget`."""

from typing import Protocol

from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets.rates import Rates

#: What weights and activations can be stored as; sums and the model's inputs and outputs are f32 always.
DTYPES = ("f32", "f16", "bf16")
#: How the message to a target without begins.
BF16_NEEDS = "dtype bf16 needs an x86 core with AVX512-BF16"


class Target(Protocol):
    """A machine that modules are compiled for: `CpuTarget` and `GpuTarget` are the two kinds."""

    @property
    def name(self) -> str:
        """What `--target` calls it."""
        ...

    @property
    def description(self) -> str:
        """What it is, in a line."""
        ...

    @property
    def triple(self) -> str:
        """LLVM's, or "spirv"."""
        ...

    @property
    def cpu(self) -> str:
        """What manifests call the chip that a module was compiled for."""
        ...

    @property
    def device(self) -> str:
        """The IREE device that runs modules."""
        ...

    @property
    def iree_flags(self) -> list[str]:
        """The flags that describe this target to iree-compile."""
        ...

    @property
    def lanes(self) -> int:
        """f32 numbers of a vector."""
        ...

    @property
    def widest(self) -> int:
        """Filters that a tile may have where rows of groups are merged (dense layers)."""
        ...

    @property
    def group(self) -> GroupSize:
        """The kernel group that fills the registers."""
        ...

    def group_of(self, dtype: str) -> GroupSize:
        """The default of pruning for one of DTYPES."""
        ...

    @property
    def half(self) -> bool:
        """Whether it multiplies f16, so that dtype f16 is of use."""
        ...

    @property
    def pairs(self) -> bool:
        """Whether it multiplies pairs of bf16, so that dtype bf16 is of use."""
        ...

    @property
    def needs(self) -> dict[str, str]:
        """What a machine of this kind has to have for a dtype: how the message to one without begins."""
        ...

    @property
    def double(self) -> bool:
        """Whether inputs and outputs may be float64."""
        ...

    @property
    def dots(self) -> frozenset[str]:
        """Its dot products of int8 with sums of int32: LLVM's features on a CPU, IREE's names on a GPU."""
        ...

    @property
    def rates(self) -> Rates:
        """What `--explain` estimates time by."""
        ...
