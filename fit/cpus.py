"""The CPUs that the CPU models were timed on, and this machine."""

import datetime
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.bench import machine
from rt3d_mlir.bench.profiler import profile_calls
from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.ir_io.mlir_io import write_bytecode
from rt3d_mlir.iree.command import iree_compile
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.pipeline import run_pipeline
from rt3d_mlir.targets import CpuTarget, get_target
from rt3d_mlir.targets.cpu import x86_target
from rt3d_mlir.targets.host import CoreFacts


def x86(vector_bits: int) -> CpuTarget:
    """The target that `host` is on an x86 core of that width."""
    return x86_target(CoreFacts("x86_64", "x86", vector_bits, frozenset()))


def here(argv: Sequence[str]) -> dict[str, str | int]:
    """What a file of data says of where and how its times were taken."""
    target = get_target("host")
    found = machine.describe([], argv)
    return {
        "machine": f"{found.cpu}, one thread",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": " ".join(argv),
        "vector_bits": target.vector_bits,
    }


def kernel_times(exported: Exported, passes: Sequence[Pass], target: CpuTarget, calls: int = 12) -> dict[str, float]:
    """Milliseconds of each kernel on this machine, the least of some calls.

    Kernels with the same code have one name and, of what each took, the mean.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, vmfb, clip = (Path(folder, name) for name in ("m.mlirbc", "m.vmfb", "x.npy"))
        np.save(clip, exported.source.draw_inputs(np.random.default_rng(0))[0])
        with ir.Context(), ir.Location.unknown():
            module, table = exported.floor1.parse()
            state = State(table)
            run_pipeline(module, passes, state)
            write_bytecode(module, state.weights, source)
        iree_compile(source, vmfb, target.iree_flags)
        profiles = profile_calls(vmfb, clip, calls)
    found: dict[str, list[float]] = defaultdict(list)
    for profile in profiles:
        parts: dict[str, list[float]] = defaultdict(list)
        for name, seconds in profile.dispatches:
            parts[name].append(seconds)
        for name, seconds in parts.items():
            found[name].append(mean(seconds))
    return {name: 1e3 * min(seconds) for name, seconds in found.items()}
