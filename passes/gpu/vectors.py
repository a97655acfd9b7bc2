"""The vocabulary of GPU kernels that emit/vectors.py has not. A thread works on vectors of 4 channels, a block each.

Memrefs are of vectors, so an offset counts blocks. Kernels get the workgroup id (x, y, z) and the thread's number in
its workgroup.
"""

from collections.abc import Callable, Sequence
from math import prod

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, gpu, memref, scf, vector

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.targets import GpuTarget

#: Of all vectors, and channels of a block.
LANES = GpuTarget.lanes


def place(part: Blocked, n: ir.Value, block: ir.Value, *position: ir.Value) -> ir.Value:
    """The offset of a position (d, h, w), or of the first one, of a channel block."""
    _, depth, height, width = part.full
    first = k.at(f"(a * {part.full[0]} + b) * {depth * height * width} + {part.start}", n, block)
    return k.at(f"a + (b * {height} + c) * {width} + d", first, *position) if position else first


def load_at(source: ir.Value, base: ir.Value, offset: ir.Value) -> ir.Value:
    """A vector `offset`, an i32, behind `base`."""
    return memref.load(source, [arith.addi(base, arith.index_cast(ir.IndexType.get(), offset))])


def split(number: ir.Value, sizes: Sequence[int]) -> list[ir.Value]:
    """A number as a position in a box of `sizes`, the last axis fastest; it lies in the box."""
    position = []
    for axis in range(len(sizes) - 1, 0, -1):
        if prod(sizes[:axis]) == 1:
            return [*[k.index(0)] * axis, number, *position]
        position.insert(0, arith.remui(number, k.index(sizes[axis])))
        number = arith.divui(number, k.index(sizes[axis]))
    return [number, *position]


def below(number: ir.Value, bound: int | ir.Value) -> ir.Value:
    """number < bound of unsigned numbers, so that a negative one is not."""
    return arith.cmpi(arith.CmpIPredicate.ult, number, k.index(bound) if isinstance(bound, int) else bound)


def vector_type(element: ir.Type) -> ir.VectorType:
    return ir.VectorType.get([LANES], element)


def zero(element: ir.Type) -> ir.Value:
    return k.splat(0.0, LANES, element)


def lane(value: ir.Value, i: int | ir.Value) -> ir.Value:
    """Lane i in all lanes."""
    dynamic, static = ([], [i]) if isinstance(i, int) else ([i], [ir.ShapedType.get_dynamic_size()])
    return k.broadcast(vector.extract(value, dynamic, static), LANES)


def element(bound: ir.Value) -> ir.Type:
    """f32 or f16, of a memref of vectors."""
    return ir.VectorType(ir.MemRefType(bound.type).element_type).element_type


def shared(shape: Sequence[int], kind: ir.Type) -> ir.Value:
    """Memory of a workgroup, a flat memref."""
    return memref.alloc(ir.MemRefType.get([prod(shape)], kind, memory_space=_workgroup()), [], [])


def barrier() -> None:
    gpu.barrier()


def subgroup_barrier() -> None:
    """For threads that run in step: what one has written to shared memory, the others read."""
    spaces = ir.ArrayAttr.get([_workgroup()])
    gpu.barrier(address_spaces=spaces, scope=ir.Attribute.parse("#gpu.barrier_scope<subgroup>"))


def _workgroup() -> ir.Attribute:
    return ir.Attribute.parse("#gpu.address_space<workgroup>")


def select(condition: ir.Value, then: ir.Value, otherwise: ir.Value) -> ir.Value:
    """One of two vectors. The condition goes to each lane: SPIR-V before 1.4 has no select of vectors by one bit."""
    return arith.select(k.broadcast(condition, LANES), then, otherwise)


def choose(
    condition: ir.Value, then: Callable[[], list[ir.Value]], otherwise: Callable[[], list[ir.Value]]
) -> list[ir.Value]:
    """An scf.if with results."""
    probe = scf.IfOp(condition, _types(then), has_else=True)
    for block, build in ((probe.then_block, then), (probe.else_block, otherwise)):
        with ir.InsertionPoint(block):
            scf.YieldOp(build())
    return list(probe.results)


def _types(build: Callable[[], list[ir.Value]]) -> list[ir.Type]:
    """The types of what `build` yields, built once in a region that is thrown away."""
    scratch = scf.IfOp(k.true(), has_else=False)
    with ir.InsertionPoint(scratch.then_block):
        types = [value.type for value in build()]
        scf.YieldOp([])
    scratch.operation.erase()
    return types
