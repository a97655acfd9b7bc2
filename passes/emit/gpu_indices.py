"""Index arithmetic of a GPU kernel in 32 bits.

An index has 64 where buffers are bound by address: a division then takes a hundred instructions, and each kernel has a
dozen. What is calculated here stays below 2^31, for it counts vectors; what addresses memory is an index again.

Given:
    %1 = affine.apply affine_map<(d0) -> (d0 * 8 + 3)>(%0)
    %2 = memref.load %x[%1]
Result:
    %a = arith.index_cast %0 : index to i32
    %b = arith.muli %a, %c8 : i32
    %c = arith.addi %b, %c3 : i32
    %1 = arith.index_cast %c : i32 to index
    %2 = memref.load %x[%1]
"""

from collections.abc import Callable

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.ir.match import defining_op


def narrow_indices(block: ir.Block) -> None:
    """Rebuilds the index arithmetic of a kernel's body on i32, in place."""
    found: list[ir.OpView] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in _REBUILD and any(value.type == ir.IndexType.get() for value in op.operands):
            found.append(op.opview)
        return ir.WalkResult.ADVANCE

    for op in block.operations:
        op.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    for op in found:
        with ir.InsertionPoint(op), op.location:
            result = _REBUILD[op.operation.name](op)
            if op.results[0].type == ir.IndexType.get():
                result = arith.index_cast(ir.IndexType.get(), result)
        op.results[0].replace_all_uses_with(result)
        op.operation.erase()


def _narrow(value: ir.Value) -> ir.Value:
    """An index as an i32: the one that it was made of, if there is one."""
    if value.type != ir.IndexType.get():
        return value
    i32 = ir.IntegerType.get_signless(32)
    source = defining_op(value)
    if source is not None and source.name == "arith.index_cast" and source.operands[0].type == i32:
        return source.operands[0]
    if source is not None and source.name == "arith.constant":
        return _constant(ir.IntegerAttr(source.attributes["value"]).value)
    return arith.index_cast(i32, value)


def _constant(number: int) -> ir.Value:
    return arith.constant(ir.IntegerType.get_signless(32), number)


def _same(op: ir.OpView) -> ir.Value:
    """The op itself, on i32."""
    operands = [_narrow(value) for value in op.operands]
    kinds = [ir.IntegerType.get_signless(32) if r.type == ir.IndexType.get() else r.type for r in op.results]
    attributes = {name: op.operation.attributes[name] for name in op.operation.attributes}
    return ir.Operation.create(op.operation.name, kinds, operands, attributes).results[0]


def _affine(op: ir.OpView) -> ir.Value:
    operands = [_narrow(value) for value in op.operands]
    (expression,) = ir.AffineMapAttr(op.operation.attributes["map"]).value.results
    return _expand(expression, operands)


def _expand(expression: ir.AffineExpr, operands: list[ir.Value]) -> ir.Value:
    if isinstance(expression, ir.AffineConstantExpr):
        return _constant(expression.value)
    if isinstance(expression, ir.AffineDimExpr):
        return operands[expression.position]
    number = _expand(expression.lhs, operands)
    if type(expression) in _BY_CONSTANTS:
        return _BY_CONSTANTS[type(expression)](number, expression.rhs.value)
    return _SUMS[type(expression)](number, _expand(expression.rhs, operands))


def _floor(number: ir.Value, by: int) -> ir.Value:
    """number / by, rounded down."""
    if by & (by - 1) == 0:
        return number if by == 1 else arith.shrsi(number, _constant(by.bit_length() - 1))
    ones = _constant(-1)
    negative = arith.cmpi(arith.CmpIPredicate.slt, number, _constant(0))
    quotient = arith.divui(arith.select(negative, arith.subi(ones, number), number), _constant(by))
    return arith.select(negative, arith.subi(ones, quotient), quotient)


def _ceil(number: ir.Value, by: int) -> ir.Value:
    zero = _constant(0)
    return arith.subi(zero, _floor(arith.subi(zero, number), by))


def _mod(number: ir.Value, by: int) -> ir.Value:
    if by & (by - 1) == 0:
        return arith.andi(number, _constant(by - 1))
    return arith.subi(number, arith.muli(_floor(number, by), _constant(by)))


_SUMS: dict[type, Callable[[ir.Value, ir.Value], ir.Value]] = {
    ir.AffineAddExpr: arith.addi,
    ir.AffineMulExpr: arith.muli,
}
_BY_CONSTANTS: dict[type, Callable[[ir.Value, int], ir.Value]] = {
    ir.AffineFloorDivExpr: _floor,
    ir.AffineCeilDivExpr: _ceil,
    ir.AffineModExpr: _mod,
}
_SAME = [
    *(f"arith.{name}" for name in ("addi", "subi", "muli", "divui", "remui", "minui", "maxui", "minsi", "maxsi")),
    "arith.cmpi",
    "arith.select",
]
_REBUILD: dict[str, Callable[[ir.OpView], ir.Value]] = {**dict.fromkeys(_SAME, _same), "affine.apply": _affine}
