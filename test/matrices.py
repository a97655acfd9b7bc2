"""Matrices of a subgroup, multiplied by its threads: for devices that have none, so that the kernels can be tested.

A thread of 32 holds 8 columns of one row of the 16x16 sums, as f16 in the bits of 4 f32, for a loop carries it. Inputs
stay where they lie in shared memory, and each product reads them there. All threads of a
workgroup wait where a subgroup's would.
"""

from collections.abc import Callable
from typing import Any

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, gpu, memref, vector

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import matrix_conv as gpu_matrix_conv
from rt3d_mlir.passes.gpu import vectors as kernels

THREADS, COLUMNS = 32, 8


def _vector(count: int, element: type[ir.F16Type | ir.F32Type]) -> ir.VectorType:
    return ir.VectorType.get([count], element.get())


def _four(bits: ir.Value, i: int) -> ir.Value:
    """Four of the 8 f16 in 4 f32, as f32."""
    pair = vector.shuffle(bits, bits, [2 * i, 2 * i + 1])
    return k.widen(vector.bitcast(_vector(4, ir.F16Type), pair))


def _bits(numbers: list[ir.Value]) -> ir.Value:
    halves = [vector.from_elements(_vector(4, ir.F32Type), numbers[i : i + 4]) for i in (0, 4)]
    pairs = [vector.bitcast(_vector(2, ir.F32Type), arith.truncf(_vector(4, ir.F16Type), four)) for four in halves]
    return vector.shuffle(pairs[0], pairs[1], [0, 1, 2, 3])


def _place() -> list[ir.Value]:
    """This thread's row, and which columns."""
    return kernels.split(k.at(f"a mod {THREADS}", gpu.thread_id(gpu.Dimension.x)), (16, 16 // COLUMNS))


def emulate(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Kernels that are built from here on."""
    put(gpu_matrix_conv, "gpu_dialect", Matrices())
    put(kernels, "subgroup_barrier", kernels.barrier)


class Matrices:
    """Stands for the gpu dialect in passes/gpu/matrix_conv.py; shared memory has vectors of 16 bytes.

    A matrix is where it begins; which memory it lies in, and with which stride, all of a kernel share.
    """

    def __init__(self) -> None:
        self.memory: dict[bool, tuple[ir.Value, int]] = {}

    @staticmethod
    def subgroup_mma_constant_matrix(_kind: ir.Type, _zero: ir.Value) -> ir.Value:
        return kernels.zero(ir.F32Type.get())

    def subgroup_mma_load_matrix(
        self, _kind: ir.Type, source: ir.Value, at: list[ir.Value], stride: int, transpose: bool = False
    ) -> ir.Value:
        self.memory[transpose] = source, stride
        return at[0]

    def subgroup_mma_compute(self, first: ir.Value, at: ir.Value, sums: ir.Value) -> ir.Value:
        (inputs, stride), (weights, each) = self.memory[False], self.memory[True]
        row, part = _place()
        totals = [vector.extract(_four(sums, i // 4), [], [i % 4]) for i in range(COLUMNS)]
        for four in range(4):
            x = _four(memref.load(inputs, [k.at(f"a + b * {stride} + {four // 2}", first, row)]), four % 2)
            for i in range(COLUMNS):
                column = k.at(f"a + (b * {COLUMNS} + {i}) * {each} + {four // 2}", at, part)
                product = arith.mulf(x, _four(memref.load(weights, [column]), four % 2))
                for lane in range(4):
                    totals[i] = arith.addf(totals[i], vector.extract(product, [], [lane]))
        return _bits(totals)

    @staticmethod
    def subgroup_mma_store_matrix(sums: ir.Value, target: ir.Value, at: list[ir.Value], stride: int) -> None:
        row, part = _place()
        for i in range(2):
            memref.store(_four(sums, i), target, [k.at(f"a + b * {stride} + c * 2 + {i}", at[0], row, part)])
