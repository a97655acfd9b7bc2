"""The types that a module takes and gives, where they are not those that it computes in.

A camera gives uint8 and a net in half precision is called with float16, while the module computes in float32: each such
input is cast where it comes in, and each such output where it goes out.

    func.func @main(%x: tensor<1x3x16x112x112xi8>)           # uint8
      %0 = linalg.generic ... { arith.uitofp } : tensor<1x3x16x112x112xf32>
"""

from collections.abc import Sequence

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.ir_io.weights import ELEMENT_TYPES
from rt3d_mlir.passes.ir import build

_UNSIGNED = ("uint8", "bool")


def cast_boundary(module: ir.Module, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Makes @main take and give tensors of these numpy types, one for each argument and result, in place."""
    main = next(
        op
        for op in module.body.operations
        if op.operation.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == "main"
    )
    (block,) = main.regions[0].blocks
    for argument, name in zip(block.arguments, inputs, strict=True):
        _cast_argument(block, argument, name)
    leave = block.operations[len(block.operations) - 1]
    for i, name in enumerate(outputs):
        value = leave.operands[i]
        with ir.InsertionPoint(leave), ir.Location.name(f"output_{i}"):
            leave.operation.operands[i] = _cast(value, _named(name), name in _UNSIGNED)
    kinds = [value.type for value in block.arguments], [value.type for value in leave.operands]
    main.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(*kinds))


def _named(name: str) -> ir.Type:
    return ir.Type.parse(ELEMENT_TYPES[name])


def _cast_argument(block: ir.Block, argument: ir.BlockArgument, name: str) -> None:
    inside = ir.RankedTensorType(argument.type)
    given = ir.RankedTensorType.get(inside.shape, _named(name))
    if given == inside:
        return
    users = [use.owner for use in argument.uses]
    with ir.InsertionPoint.at_block_begin(block), ir.Location.name(f"input_{argument.arg_number}"):
        argument.set_type(given)
        value = _cast(argument, inside.element_type, name in _UNSIGNED)
    for user in users:
        for i, operand in enumerate(user.operands):
            if operand == argument:
                user.operation.operands[i] = value


def _cast(value: ir.Value, element: ir.Type, unsigned: bool) -> ir.Value:
    """A tensor in another element type; the tensor itself where it has that already."""
    kind = ir.RankedTensorType(value.type)
    if kind.element_type == element:
        return value
    rank = len(kind.shape)
    maps = build.maps(*[build.identity_text(rank)] * 2)
    target = build.empty(kind.shape, element)
    return build.generic([value], target, maps, 0, lambda x, _: _cast_scalar(x, element, unsigned)).result


def _cast_scalar(x: ir.Value, element: ir.Type, unsigned: bool) -> ir.Value:
    if isinstance(x.type, ir.IntegerType) and isinstance(element, ir.IntegerType):
        return _cast_integer(x, element, unsigned)
    if isinstance(x.type, ir.IntegerType):
        return arith.uitofp(element, x) if unsigned else arith.sitofp(element, x)
    narrower = ir.FloatType(x.type).width > ir.FloatType(element).width
    return arith.truncf(element, x) if narrower else arith.extf(element, x)


def _cast_integer(x: ir.Value, element: ir.IntegerType, unsigned: bool) -> ir.Value:
    if ir.IntegerType(x.type).width > element.width:
        return arith.trunci(element, x)
    return arith.extui(element, x) if unsigned else arith.extsi(element, x)
