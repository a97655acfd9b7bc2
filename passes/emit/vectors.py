"""The vocabulary of the CPU kernels: index arithmetic, loops, and vectors on flat memrefs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from math import ceil

import iree.compiler.ir as ir
from iree.compiler.dialects import affine, arith, memref, scf, vector


def at(expression: str, *operands: ir.Value) -> ir.Value:
    """An index from an affine expression over a, b, c, ...: `at("a * 16 + b", p, q)`."""
    names = "abcdefgh"[: len(operands)]
    mapping = ir.AffineMapAttr(ir.Attribute.parse(f"affine_map<({', '.join(names)}) -> ({expression})>")).value
    return affine.apply(mapping, list(operands))


def index(number: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), number)


def element_type(memref_or_vector: ir.Value) -> ir.Type:
    """f32 or f16."""
    return ir.ShapedType(memref_or_vector.type).element_type


def splat(number: float, lanes: int, element: ir.Type | None = None) -> ir.Value:
    """A vector of one number, f32 unless told."""
    element = element or ir.F32Type.get()
    kind = ir.VectorType.get([lanes], element)
    return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, ir.FloatAttr.get(element, number)))


def load_vector(source: ir.Value, offset: ir.Value, lanes: int) -> ir.Value:
    return vector.load(ir.VectorType.get([lanes], element_type(source)), source, [offset])


def store_vector(value: ir.Value, target: ir.Value, offset: ir.Value) -> None:
    vector.store(value, target, [offset])


def prefetch(source: ir.Value, offset: ir.Value) -> None:
    """Asks for a cache line that will be read; the offset may lie behind the end."""
    memref.prefetch(source, [offset], is_write=False, locality_hint=3, is_data_cache=True)


def load_index(table: ir.Value, offset: ir.Value) -> ir.Value:
    """An i32 of a table, as an index."""
    return arith.index_cast(ir.IndexType.get(), memref.load(table, [offset]))


def slice_vector(value: ir.Value, start: int, lanes: int) -> ir.Value:
    """Lanes start .. start + lanes of a vector."""
    offsets, sizes, strides = (
        ir.ArrayAttr.get([ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)]) for number in (start, lanes, 1)
    )
    kind = ir.VectorType.get([lanes], element_type(value))
    return vector.extract_strided_slice(kind, value, offsets, sizes, strides)


def broadcast(scalar: ir.Value, lanes: int) -> ir.Value:
    return vector.broadcast(ir.VectorType.get([lanes], scalar.type), scalar)


def join(parts: Sequence[ir.Value]) -> ir.Value:
    """Vectors of the same length, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    lanes = ir.VectorType(parts[0].type).shape[0]
    joined = splat(0.0, lanes * len(parts), element_type(parts[0]))
    for i, part in enumerate(parts):
        joined = vector.insert_strided_slice(part, joined, [i * lanes], [1])
    return joined


def repeat(value: ir.Value, times: int) -> ir.Value:
    """A vector `times` times, one behind the other."""
    lanes = list(range(ir.VectorType(value.type).shape[0])) * times
    return value if times == 1 else vector.shuffle(value, value, lanes)


def widen(value: ir.Value) -> ir.Value:
    """A vector as f32; f32 is left as it is."""
    kind = ir.VectorType.get(ir.VectorType(value.type).shape, ir.F32Type.get())
    return value if value.type == kind else arith.extf(kind, value)


def maximum(a: ir.Value, b: ir.Value) -> ir.Value:
    """The larger lanes of two vectors, NaN if one is; through f32, for IREE lowers maximumf of f16 on scalars only.

    Which zero is larger is left open: to order them costs x86 two instructions. In a chain, `b` is what there was
    before: x86 looks for NaN in `a`, which then has not to wait for it.
    """
    wide = arith.maximumf(widen(a), widen(b), fastmath=arith.FastMathFlags.nsz)
    return wide if wide.type == a.type else arith.truncf(a.type, wide)


def largest(values: Sequence[ir.Value]) -> ir.Value:
    """The maximum of vectors, lane by lane."""
    return reduce(lambda best, value: maximum(value, best), values)


@contextmanager
def loop(first: ir.Value, last: ir.Value, step: int = 1) -> Iterator[ir.Value]:
    """An scf.for without carried values; the body is what is built inside the `with`."""
    op = scf.ForOp(first, last, index(step))
    with ir.InsertionPoint(op.body):
        yield op.induction_variable
        scf.YieldOp([])


@contextmanager
def tiles(extent: int, size: int) -> Iterator[ir.Value]:
    """A loop over the starts of the tiles that cover an extent.

    The last tile moves back, and computes some of it twice, rather than be smaller.
    """
    with loop(index(0), index(ceil(extent / size))) as tile:
        start = at(f"a * {size}", tile)
        yield start if extent % size == 0 else arith.minsi(start, index(extent - size))


def reduce_loop(
    first: ir.Value,
    last: ir.Value,
    initial: Sequence[ir.Value],
    body: Callable[[ir.Value, Sequence[ir.Value]], Sequence[ir.Value]],
    step: int = 1,
) -> Sequence[ir.Value]:
    """An scf.for that carries values; returns them after the last step."""
    op = scf.ForOp(first, last, index(step), list(initial))
    with ir.InsertionPoint(op.body):
        scf.YieldOp(list(body(op.induction_variable, list(op.inner_iter_args))))
    return list(op.results)


def if_else(condition: ir.Value, then: Callable[[], None], otherwise: Callable[[], None] | None = None) -> None:
    """An scf.if without results."""
    op = scf.IfOp(condition, has_else=otherwise is not None)
    with ir.InsertionPoint(op.then_block):
        then()
        scf.YieldOp([])
    if otherwise is not None:
        with ir.InsertionPoint(op.else_block):
            otherwise()
            scf.YieldOp([])


def if_all(conditions: Sequence[ir.Value | None], then: Callable[[], None]) -> None:
    """scf.ifs, one inside the other; a condition that is None holds."""
    missing = [condition for condition in conditions if condition is not None]
    if not missing:
        then()
        return
    if_else(missing[0], lambda: if_all(missing[1:], then))


def true() -> ir.Value:
    return arith.constant(ir.IntegerType.get_signless(1), 1)


def less(a: ir.Value, b: ir.Value) -> ir.Value:
    return arith.cmpi(arith.CmpIPredicate.slt, a, b)
