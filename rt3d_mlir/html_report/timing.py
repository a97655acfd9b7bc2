"""Where the time of a call goes, by layer; and the measurement of modules that were compiled for this machine.

A kernel has its layer's name. Those of Winograd's transforms run right before and behind the product of their layer and
count as its. Kernels whose layer cannot be told, for IREE keeps one of several with the same code, are others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from rt3d_mlir.bench.gpu.profile import Kernel
from rt3d_mlir.bench.gpu.results import LayerTime, name_layers
from rt3d_mlir.bench.machine import Machine, describe
from rt3d_mlir.bench.page import header
from rt3d_mlir.bench.profiler import profile_calls
from rt3d_mlir.bench.roofs import measure_roofs
from rt3d_mlir.errors import CompileError
from rt3d_mlir.html_report.artifacts import Artifact
from rt3d_mlir.runtime.artifact import MODULE, Layer
from rt3d_mlir.runtime.vulkan import VULKAN
from rt3d_mlir.targets import get_target

#: Timed calls of a module.
CALLS = 10
#: A load average above this means that others were computing too.
QUIET = 0.5
WINOGRAD_STEPS = {"_winograd_input": 1, "_winograd_output": -1}
"""The kernel of the layer's product, from the transform's."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds of a call, and of it by layer; what no layer has is pools, conversions and what lies between.

    `source` says what was measured, `peak` is FLOP/s where that is known.
    """

    source: str
    ms: float
    layers: dict[str, float]
    peak: float | None

    @property
    def others_ms(self) -> float:
        return max(0.0, self.ms - sum(self.layers.values()))

    def share(self, layer: Layer) -> float | None:
        """Of the peak, by kept MACs: above 1 where Winograd or skipped padding multiplies less than is counted."""
        ms = self.layers.get(layer.name)
        return 2e3 * layer.macs_after / ms / self.peak if ms and self.peak else None


@dataclass(frozen=True)
class Measured:
    """What was timed here, by artifact: a Timing, or the reason why there is none.

    `where` says on which machine and how, `doubt` that it was not quiet; both are empty where nothing ran.
    """

    timings: Mapping[str, Timing | str]
    where: list[str] = field(default_factory=list)
    doubt: str = ""


def measure_here(
    artifacts: Sequence[Artifact], argv: Sequence[str], progress: Callable[[str], None] = lambda _what: None
) -> Measured:
    """Profiles those that were compiled for this machine, on one thread; the roof is measured before and after."""
    timings: dict[str, Timing | str] = {artifact.name: obstacle(artifact) for artifact in artifacts}
    chosen = [artifact for artifact in artifacts if not timings[artifact.name]]
    if not chosen:
        return Measured(timings)
    machine = describe([], argv)
    progress("measuring the FMA peak of a core")
    before, calls = measure_roofs().fma, {}
    for artifact in chosen:
        progress(f"timing {artifact.name}")
        try:
            clip = artifact.folder / "golden" / "input_0.npy"
            calls[artifact.name] = profile_calls(artifact.folder / MODULE, clip, CALLS)
        except CompileError as error:
            timings[artifact.name] = f"it could not be timed: {error}"
    peak = max(before, measure_roofs().fma)
    for artifact in chosen:
        if artifact.name not in calls:
            continue
        runs = calls[artifact.name]
        dispatches = zip(*(call.dispatches for call in runs), strict=True)
        kernels = [Kernel(same[0][0], 1e3 * median(seconds for _, seconds in same), 0, 0) for same in dispatches]
        layers = by_layer(name_layers(kernels, artifact.manifest.layers), artifact.manifest.layers)
        whole = 1e3 * median(call.wall for call in runs)
        timings[artifact.name] = Timing("measured here, 1 thread", whole, layers, peak)
    doubt = f"this machine was not quiet: its load average was {machine.load} before anything was timed"
    return Measured(timings, _where(machine, peak), doubt if machine.load > QUIET else "")


def obstacle(artifact: Artifact) -> str:
    """Why a module cannot be timed here; empty where it can."""
    manifest = artifact.manifest
    if manifest.device == VULKAN:
        return f"a GPU's module: rt3d-mlir-bench --target {manifest.target} times it where the GPU is, into gpu.json"
    if manifest.target != "host":
        return "a phone's module: rt3d-mlir-run --adb --json times whole calls on it, and --phone shows them here"
    if (here := get_target("host").cpu) != manifest.cpu:
        return f"compiled for {manifest.cpu}; this machine is {here}"
    if len(manifest.inputs) != 1:
        return f"the profiler gives a module one input; this one takes {len(manifest.inputs)}"
    return ""


def by_layer(kernels: Sequence[LayerTime], layers: Sequence[Layer]) -> dict[str, float]:
    """Milliseconds by layer, of those whose kernels can be told; see the head of this file."""
    winograd = {layer.name: layer.reason.startswith("Winograd") for layer in layers}
    times: dict[str, float] = {}
    transforms: list[str] = []
    for i, kernel in enumerate(kernels):
        step = next((step for end, step in WINOGRAD_STEPS.items() if kernel.kernel.name.endswith(end)), 0)
        at = i + step
        layer = kernels[at].layer if 0 <= at < len(kernels) else ""
        if layer not in winograd or (step and not winograd[layer]):
            continue
        times[layer] = times.get(layer, 0.0) + kernel.kernel.ms
        transforms += [layer] if step else []
    return {layer: ms for layer, ms in times.items() if transforms.count(layer) == 2 * winograd[layer]}


def _where(machine: Machine, peak: float) -> list[str]:
    lines = [line.removeprefix("- ").strip("`") for line in header(machine) if line]
    return [*lines, f"FMA peak of one core {peak / 1e9:.1f} GFLOP/s; medians of {CALLS} calls, one thread"]
