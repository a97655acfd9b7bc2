"""The two roofs of this machine for one core: FMAs on registers, and a copy through memory.

The FMA loop is built and compiled as our kernels are: a dispatch whose body is `vector.fma` on more accumulators than
the pipelines need. The copy is numpy's, of a buffer far larger than the caches, and counts bytes read and written.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import vector

from rt3d_mlir.ir_io.mlir_io import write_bytecode
from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.iree.command import iree_compile
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.emit.dispatch import KernelCode, emit_dispatch
from rt3d_mlir.targets import CpuTarget, get_target

ITERATIONS = 1_000_000
COPY_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Roofs:
    """`fma` in FLOP/s (an FMA is two), `stream` in bytes/s read and written, both of one core."""

    fma: float
    stream: float


def measure_roofs(repeat: int = 7) -> Roofs:
    """The best of some repeats: a roof is what the machine can do, not what it does while disturbed."""
    return Roofs(_fma(get_target("host"), repeat), _stream(repeat))


def accumulators(target: CpuTarget) -> int:
    """As many as fit the registers beside two operands: 24 of 32 (AVX-512, NEON) or 12 of 16."""
    return target.registers * 3 // 4


def _fma(target: CpuTarget, repeat: int) -> float:
    import iree.runtime as iree

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fma.vmfb")
        _compile(target, path)
        device = iree.get_driver("local-sync").create_default_device()
        config = iree.Config(device=device)
        module = iree.load_vm_module(iree.VmModule.mmap(config.vm_instance, str(path)), config)
        numbers = np.full(2 * target.lanes, 0.5, np.float32)
        loops = np.array([ITERATIONS], np.int32)
        module["main"](numbers, np.array([1], np.int32)).to_host()
        seconds = min(_seconds(lambda: module["main"](numbers, loops).to_host()) for _ in range(repeat))
    return 2 * ITERATIONS * accumulators(target) * target.lanes / seconds


def _compile(target: CpuTarget, path: Path) -> None:
    lanes = target.lanes
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(f"""
func.func @main(%numbers: tensor<{2 * lanes}xf32>, %loops: tensor<1xi32>) -> tensor<{lanes}xf32> {{
  %unused = arith.constant dense<0.0> : tensor<{lanes}xf32>
  return %unused : tensor<{lanes}xf32>
}}""")
        entry = module.body.operations[0].regions[0].blocks[0]
        end = entry.operations[len(entry.operations) - 1]
        with ir.InsertionPoint(end):
            result = emit_dispatch(
                module,
                "fma_roof",
                list(entry.arguments),
                ir.RankedTensorType.get([lanes], ir.F32Type.get()),
                KernelCode((1, 1, 1), lambda bindings, _ids: _body(bindings, target)),
            )
        end.operation.operands[0] = result
        source = path.with_suffix(".mlirbc")
        write_bytecode(module, WeightTable(), source)
    iree_compile(source, path, target.iree_flags)


def _body(bindings: list[ir.Value], target: CpuTarget) -> None:
    numbers, loops, out = bindings
    scale = k.load_vector(numbers, k.index(0), target.lanes)
    add = k.load_vector(numbers, k.index(target.lanes), target.lanes)
    start = [k.splat(float(i), target.lanes) for i in range(accumulators(target))]
    count = k.load_index(loops, k.index(0))
    sums = k.reduce_loop(k.index(0), count, start, lambda _i, carried: [vector.fma(c, scale, add) for c in carried])
    total = sums[0]
    for other in sums[1:]:
        total = vector.fma(other, scale, total)
    k.store_vector(total, out, k.index(0))


def _stream(repeat: int) -> float:
    source = np.ones(COPY_BYTES // 4, np.float32)
    target = np.zeros_like(source)
    return 2 * COPY_BYTES / min(_seconds(lambda: np.copyto(target, source)) for _ in range(repeat))


def _seconds(call: object) -> float:
    assert callable(call)
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
