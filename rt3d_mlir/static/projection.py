"""The projected time of a clip on a phone; docs/projection.md explains the formula. Nothing here is measured.

A layer takes its taps x cycles a tap / clock on a core, and all cores share it in proportion to their speed; memory
bounds it from below. All that is no conv takes its bytes / bandwidth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rt3d_mlir.static.assembly import Loop
from rt3d_mlir.static.mca import cycles
from rt3d_mlir.static.phones import IN_ORDER, PhoneSpec
from rt3d_mlir.static.work import ConvWork

#: What entering and leaving the inner loop costs besides its taps: two mispredicted branches and a cold pipeline.
CYCLES_A_RUN = 25
#: Share of the cores' summed throughput that a layer on all of them gets: unequal rows, and shared caches.
EFFICIENCY = 0.9


@dataclass(frozen=True)
class Projection:
    """A projected time of one clip; never a measured one."""

    phone: str
    one_core_ms: float
    all_cores_ms: float
    memory_ms: float
    """How much of the time on all cores is set by memory: layers that use each weight once, and all that is no conv."""


def project(phone: PhoneSpec, layers: Sequence[tuple[ConvWork, Loop, float]], other_bytes: int) -> Projection:
    """The projection for (work, inner loop, taps an iteration) of each conv, and the bytes of all else."""
    first = phone.cores[0]
    one = everything = 0.0
    memory = other_bytes / phone.all_cores_gbs / 1e6
    for work, loop, taps in layers:
        rates = {cores: cores.ghz * 1e6 / layer_cycles(work, loop, taps, cores.model) for cores in phone.cores}
        moved = work.bytes / phone.all_cores_gbs / 1e6
        compute = 1 / (EFFICIENCY * sum(cores.count * rate for cores, rate in rates.items()))
        one += max(1 / rates[first], work.bytes / phone.one_core_gbs / 1e6)
        everything += max(compute, moved)
        memory += moved if moved > compute else 0.0
    one += other_bytes / phone.one_core_gbs / 1e6
    everything += other_bytes / phone.all_cores_gbs / 1e6
    return Projection(phone.name, one, everything, memory)


def layer_cycles(work: ConvWork, loop: Loop, taps_an_iteration: float, model: str) -> float:
    """Cycles of a layer on one core, its data in the cache."""
    return work.taps * tap_cycles(work, loop, taps_an_iteration, model) + work.runs * (CYCLES_A_RUN + work.sums)


def tap_cycles(work: ConvWork, loop: Loop, taps_an_iteration: float, model: str) -> float:
    """Cycles of a tap and of its share of the flushes: what the loop around does, which adds f16 sums to f32 ones."""
    if model == IN_ORDER:
        iteration, flush = in_order_cycles(loop), len(loop.around) + Loop(loop.around).vector_loads
    else:
        iteration, flush = cycles(loop, model), cycles(Loop(loop.around), model) if work.flushes else 0
    return iteration / taps_an_iteration + flush * work.flushes / max(1, work.taps)


def in_order_cycles(loop: Loop) -> float:
    """A cortex-a55's: one 128-bit FMLA a cycle (two 64-bit pipes), two cycles a 128-bit load, which issues alone.

    Its other instructions issue beside the FMLAs. Nothing waits: the assembly is taken as scheduled well.
    """
    return loop.count("fmla") + 2 * loop.vector_loads
