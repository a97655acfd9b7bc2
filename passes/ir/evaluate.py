"""The body of a linalg.generic, evaluated in numpy: constants that a model computes, divisors, values at zero."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.ir.match import body_ops, defining_op, generic_body, scalar_constant

_DTYPES = {
    "i1": np.bool_,
    "i8": np.int8,
    "i32": np.int32,
    "i64": np.int64,
    "index": np.int64,
    "f16": np.float16,
    "f32": np.float32,
    "f64": np.float64,
}
_OPS: dict[str, Callable[..., np.ndarray]] = {
    "arith.addf": np.add,
    "arith.subf": np.subtract,
    "arith.mulf": np.multiply,
    "arith.divf": np.divide,
    "arith.negf": np.negative,
    "arith.maximumf": np.maximum,
    "arith.minimumf": np.minimum,
    "arith.select": np.where,
    "arith.addi": np.add,
    "arith.subi": np.subtract,
    "arith.muli": np.multiply,
    "arith.floordivsi": np.floor_divide,
    "arith.divsi": lambda a, b: np.trunc(a / b).astype(a.dtype),
    "arith.remsi": np.fmod,
    "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or,
    "arith.xori": np.bitwise_xor,
    "arith.minsi": np.minimum,
    "arith.maxsi": np.maximum,
    "math.absf": np.abs,
    "math.absi": np.abs,
    "math.floor": np.floor,
    "math.ceil": np.ceil,
    "math.roundeven": np.rint,
    "math.exp": np.exp,
    "math.expm1": np.expm1,
    "math.log": np.log,
    "math.log1p": np.log1p,
    "math.tanh": np.tanh,
    "math.erf": np.vectorize(math.erf),
    "math.sqrt": np.sqrt,
    "math.rsqrt": lambda x: 1 / np.sqrt(x),
    "math.powf": np.power,
    "math.fpowi": np.power,
}
_CASTS = {
    *("arith.extf", "arith.truncf", "arith.uitofp", "arith.sitofp", "arith.fptosi"),
    *("arith.index_cast", "arith.extsi", "arith.trunci"),
}
#: The orders of arith.cmpf: predicates 1 to 6 are false where a number is NaN, 8 to 13 true.
_ORDERS = (np.equal, np.greater, np.greater_equal, np.less, np.less_equal, np.not_equal)
#: Those of arith.cmpi on signed numbers, predicates 0 to 5.
_INTEGER_ORDERS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)

#: What an op of a body gives where `evaluate_body` does not know it: from its operands, None for those not known.
Other = Callable[[ir.OpView, Sequence[Any]], Any]


def evaluate_body(op: ir.OpView, inputs: Sequence[Any], result: int = 0, other: Other | None = None) -> Any:
    """What the body of a generic yields as a result for `inputs`, arrays over its parallel loops that broadcast.

    A linalg.index is an array too, so the result broadcasts to the loops. None where that result needs an op that is
    not evaluated here, an input that is not given (None), a reduction's index, or what the output was. With `other`,
    inputs may be of a kind of its own.
    """
    lookup = evaluate_ops(op, inputs, op.results[0].type.shape, other)
    return lookup(body_ops(op)[-1].operands[result])


@np.errstate(all="ignore")
def evaluate_ops(
    op: ir.OpView, inputs: Sequence[Any], extents: Sequence[int], other: Other | None = None
) -> Callable[[ir.Value], Any]:
    """Evaluates the body of a generic with loops of these extents: gives what a value in it is, None if not known."""
    arguments = zip(generic_body(op).arguments, inputs, strict=False)
    values: dict[ir.Value, Any] = {argument: value for argument, value in arguments if value is not None}

    def lookup(value: ir.Value) -> Any:
        return values[value] if value in values else _constant(value)

    for inner in body_ops(op)[:-1]:
        operands = [lookup(value) for value in inner.operands]
        known = all(isinstance(operand, np.ndarray | np.generic) for operand in operands) and len(inner.results) == 1
        found = _apply(inner, operands, extents) if known else other(inner, operands) if other else None
        if found is not None:
            values[inner.results[0]] = found
    return lookup


def _apply(op: ir.OpView, operands: list, extents: Sequence[int]) -> np.ndarray | None:
    if op.name == "arith.constant":
        return _constant(op.results[0])
    if op.name == "linalg.index":
        axis = ir.IntegerAttr(op.attributes["dim"]).value
        if axis >= len(extents):
            return None
        return np.arange(extents[axis]).reshape([-1 if at == axis else 1 for at in range(len(extents))])
    if op.name in _CASTS:
        dtype = _DTYPES.get(str(op.results[0].type))
        return None if dtype is None else operands[0].astype(dtype)
    if op.name == "arith.cmpi":
        predicate = ir.IntegerAttr(op.attributes["predicate"]).value
        return _INTEGER_ORDERS[predicate](*operands) if predicate < len(_INTEGER_ORDERS) else None
    if op.name == "arith.cmpf":
        return _compare(ir.IntegerAttr(op.attributes["predicate"]).value, *operands)
    return _OPS[op.name](*operands) if op.name in _OPS else None


def _compare(predicate: int, a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    order = predicate % 7
    if order == 0:  # false, and whether neither is NaN: torch-mlir writes neither
        return None
    known = ~(np.isnan(a) | np.isnan(b))
    result = _ORDERS[order - 1](a, b)
    return result & known if predicate < 7 else result | ~known


def _constant(value: ir.Value) -> np.ndarray | None:
    op, number = defining_op(value), scalar_constant(value)
    if number is None and op is not None and op.name == "arith.constant":
        attribute = op.attributes["value"]
        number = ir.IntegerAttr(attribute).value if isinstance(attribute, ir.IntegerAttr) else None
    dtype = _DTYPES.get(str(value.type))
    return None if number is None or dtype is None else np.asarray(number, dtype)
