"""The vocabulary of the CPU kernels: index arithmetic, loops, and vectors on flat memrefs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import iree.compiler.ir as ir
from iree.compiler.dialects import affine, arith, memref, scf, vector


def at(expression: str, *operands: ir.Value) -> ir.Value:
    """An index from an affine expression over a, b, c, ...: `at("a * 16 + b", p, q)`."""
    names = "abcdefgh"[: len(operands)]
    mapping = ir.AffineMapAttr(ir.Attribute.parse(f"affine_map<({', '.join(names)}) -> ({expression})>")).value
    return affine.apply(mapping, list(operands))


def index(number: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), number)


def vector_type(lanes: int) -> ir.VectorType:
    return ir.VectorType.get([lanes], ir.F32Type.get())


def splat(number: float, lanes: int) -> ir.Value:
    """A vector of one number."""
    kind = vector_type(lanes)
    return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, ir.FloatAttr.get(ir.F32Type.get(), number)))


def load_vector(source: ir.Value, offset: ir.Value, lanes: int) -> ir.Value:
    return vector.load(vector_type(lanes), source, [offset])


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
    return vector.extract_strided_slice(vector_type(lanes), value, offsets, sizes, strides)


def broadcast(scalar: ir.Value, lanes: int) -> ir.Value:
    return vector.broadcast(vector_type(lanes), scalar)


@contextmanager
def loop(first: ir.Value, last: ir.Value, step: int = 1) -> Iterator[ir.Value]:
    """An scf.for without carried values; the body is what is built inside the `with`."""
    op = scf.ForOp(first, last, index(step))
    with ir.InsertionPoint(op.body):
        yield op.induction_variable
        scf.YieldOp([])


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


def true() -> ir.Value:
    return arith.constant(ir.IntegerType.get_signless(1), 1)


def less(a: ir.Value, b: ir.Value) -> ir.Value:
    return arith.cmpi(arith.CmpIPredicate.slt, a, b)
