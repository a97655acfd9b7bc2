"""What was measured on a GPU, as data; the reports compute all else from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rt3d_mlir.bench.gpu.profile import Kernel
from rt3d_mlir.bench.machine import Machine
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.runtime.artifact import Layer
from rt3d_mlir.runtime.timing import Latency

OURS, STOCK, TORCH = "rt3d", "iree-stock", "torch-cuda"
ENGINES = (OURS, STOCK, TORCH)


@dataclass(frozen=True)
class LayerTime:
    """A kernel of a call next to its layer: an empty string where it is none's, 0 MACs where it is not known whose."""

    kernel: Kernel
    layer: str = ""
    macs: int = 0

    @property
    def gflops(self) -> float | None:
        """2 x kept MACs over the time."""
        return 2e-6 * self.macs / self.kernel.ms if self.macs else None


@dataclass(frozen=True)
class GpuRow:
    """One engine on one case, times in milliseconds.

    `submission` and `call` are the whole model, on the device and as the host sees it; `kernels` those of a call, of
    IREE's modules alone.
    """

    case: str
    """The artifact's folder."""
    model: str
    engine: str
    title: str
    dtype: str
    macs: int
    """Kept."""
    dense_macs: int
    error: float
    """In shares of the range of the golden output."""
    calls: int
    submission: Latency
    call: Latency
    packed_macs: int = 0
    """Of the kept ones, those of our kernels."""
    kernels: list[LayerTime] = field(default_factory=list)
    input_bytes: int = 0
    output_bytes: int = 0
    upload: Latency | None = None
    download: Latency | None = None

    @property
    def rate(self) -> float:
        """Dense over kept MACs."""
        return self.dense_macs / max(1, self.macs)

    @property
    def kernels_ms(self) -> float | None:
        """All kernels together, without what lies between them."""
        return sum(time.kernel.ms for time in self.kernels) if self.kernels else None

    @property
    def layers_gflops(self) -> float | None:
        """2 x kept MACs of all packed layers over the time of their kernels; None for engines without any."""
        times = [time.kernel.ms for time in self.kernels if time.layer]
        return 2e-6 * self.packed_macs / sum(times) if times else None


@dataclass(frozen=True)
class GpuSkip:
    """What has no row, and why."""

    case: str
    title: str
    reason: str


@dataclass
class GpuResults:
    """A finished measurement, or what there was of it when it was interrupted. `device` as IREE describes it."""

    machine: Machine
    calls: int
    peak_tflops: float | None = None
    """Of f32."""
    device: dict[str, str] = field(default_factory=dict)
    rows: list[GpuRow] = field(default_factory=list)
    skips: list[GpuSkip] = field(default_factory=list)
    interrupted: bool = False

    def dense_of(self, row: GpuRow) -> GpuRow | None:
        """Our dense row of the same model and dtype."""
        return next((other for other in self.rows if _key(other) == _key(row) and other.rate == 1), None)


def _key(row: GpuRow) -> tuple[str, str, str]:
    return row.model, row.engine, row.dtype


def name_layers(kernels: Sequence[Kernel], layers: Sequence[Layer]) -> list[LayerTime]:
    """Each kernel with its layer. A kernel has its layer's name, or that of another one whose kernel has the same code.

    Layers run in their order. Where the names contradict that, those that come more than once stay unknown.
    """
    packed = [layer for layer in layers if layer.packed]
    by_symbol = {symbol_of(layer.name): layer for layer in packed}
    named = [by_symbol.get(kernel.name) for kernel in kernels]
    runs = [layer for layer in named if layer is not None]
    own = [layer for layer, in_order in zip(runs, packed, strict=False) if layer is in_order]
    ordered = len(runs) == len(packed) and all(layer in own for layer in runs)
    order = iter(packed)
    times = []
    for kernel, layer in zip(kernels, named, strict=True):
        if layer is None:
            times.append(LayerTime(kernel))
        elif ordered:
            mine = next(order)
            times.append(LayerTime(kernel, mine.name, mine.macs_after))
        elif runs.count(layer) == 1:
            times.append(LayerTime(kernel, layer.name, layer.macs_after))
        else:
            times.append(LayerTime(kernel, f"{layer.name} or one with its code"))
    return times
