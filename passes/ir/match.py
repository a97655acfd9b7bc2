"""Small questions that patterns ask of the IR."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import iree.compiler.ir as ir


def defining_op(value: ir.Value) -> ir.OpView | None:
    """The op a value comes from; None for a block argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.opview


def only_user(value: ir.Value) -> ir.OpView | None:
    """The one op that uses a value, once; None if there are none or several uses."""
    uses = list(value.uses)
    return uses[0].owner.opview if len(uses) == 1 else None


def reads_any(op: ir.OpView, values: Set[ir.Value]) -> bool:
    """Whether an op, or one inside it, reads one of the values."""
    found = False

    def visit(inner: ir.Operation) -> ir.WalkResult:
        nonlocal found
        found = found or any(operand in values for operand in inner.operands)
        return ir.WalkResult.INTERRUPT if found else ir.WalkResult.ADVANCE

    op.operation.walk(visit)
    return found


def ops_named(module: ir.Module, *names: str) -> list[ir.Operation]:
    """All ops of these names, inside of others too, in the module's order; what comes of it may change the module."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in names:
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def op_in_block(op: ir.OpView | ir.Operation, block: ir.Block) -> ir.OpView:
    """The op of the block that `op` is, or is in the body of."""
    inner = op.operation
    while inner.block != block:
        assert inner.parent is not None, "the op is not in the block"
        inner = inner.parent.operation
    return inner.opview


def integers(attribute: ir.Attribute) -> list[int]:
    """The numbers of a dense integer attribute (`array<i64: 1, 2>` or `dense<[1, 2]> : vector<2xi64>`)."""
    if isinstance(attribute, ir.DenseI64ArrayAttr):
        return list(ir.DenseI64ArrayAttr(attribute))
    return [int(number) for number in ir.DenseIntElementsAttr(attribute)]


def reassociation(op: ir.OpView) -> list[list[int]]:
    """Which axes of the longer shape are one of the shorter, of an expand_shape or collapse_shape."""
    return [[ir.IntegerAttr(axis).value for axis in group] for group in op.attributes["reassociation"]]


def scalar_constant(value: ir.Value) -> float | None:
    """The number behind a scalar value, through truncf and extf; None if it is not a constant."""
    op = defining_op(value)
    if op is None:
        return None
    if op.name in ("arith.truncf", "arith.extf"):
        return scalar_constant(op.operands[0])
    if op.name != "arith.constant" or not isinstance(op.attributes["value"], ir.FloatAttr):
        return None
    return ir.FloatAttr(op.attributes["value"]).value


def is_fill(value: ir.Value, number: float) -> bool:
    """Whether a value is a `linalg.fill` with that number."""
    op = defining_op(value)
    return op is not None and op.name == "linalg.fill" and scalar_constant(op.operands[0]) == number


def layer_obstacle(op: ir.OpView) -> str | None:
    """Why a conv or matmul cannot be rewritten: its tensors are not all static f32."""
    for value in (*op.operands, *op.results):
        if not is_f32(value):
            return f"it has a tensor of type {value.type}; f32 is what can be packed"
        if static_shape(value) is None:
            return f"it has a tensor of a dynamic shape, {value.type}"
    return None


def conv_window(op: ir.OpView) -> tuple[list[int], list[int]]:
    """(strides, dilations) of a conv, each (d, h, w)."""
    names = ("strides", "dilations")
    strides, dilations = (integers(op.attributes[n]) if n in op.attributes else [1, 1, 1] for n in names)
    return strides, dilations


def generic_body(op: ir.OpView) -> ir.Block:
    """The one block of a linalg.generic."""
    return op.operation.regions[0].blocks[0]


def is_parallel(op: ir.OpView) -> bool:
    """Whether all loops of a linalg.generic are parallel."""
    return all("parallel" in str(kind) for kind in op.attributes["iterator_types"])


def is_elementwise(op: ir.OpView) -> bool:
    """Whether a linalg.generic has one result, parallel loops, and writes it in loop order, from its inputs alone."""
    maps = op.attributes["indexing_maps"]
    reads_output = any(generic_body(op).arguments[len(maps) - 1].uses)
    return len(op.results) == 1 and is_parallel(op) and is_identity(maps[len(maps) - 1]) and not reads_output


def is_sum(op: ir.OpView) -> bool:
    """Whether a linalg.generic adds up its one input, read in loop order, from zero."""
    names = [inner.name for inner in body_ops(op)] if op.name == "linalg.generic" else []
    if names != ["arith.addf", "linalg.yield"] or len(op.inputs) != 1 or not is_fill(op.operands[1], 0.0):
        return False
    in_order = is_identity(op.attributes["indexing_maps"][0])
    return in_order and set(body_ops(op)[0].operands) == set(generic_body(op).arguments)


def is_pure_scalar(op: ir.OpView) -> bool:
    """Whether a generic's body computes with scalars alone: no loop index, no assert, no region, no memory."""
    return all(
        inner.name == "linalg.yield"
        or (inner.name.startswith(("arith.", "math.")) and not inner.operation.regions and len(inner.results) == 1)
        for inner in body_ops(op)
    )


def is_f32(value: ir.Value) -> bool:
    """Whether a value is a tensor of f32."""
    kind = value.type
    return isinstance(kind, ir.RankedTensorType) and ir.RankedTensorType(kind).element_type == ir.F32Type.get()


def is_float(value: ir.Value) -> bool:
    """Whether a value is a tensor of f32, f16 or bf16."""
    kind = value.type
    known = (ir.F32Type, ir.F16Type, ir.BF16Type)
    return isinstance(kind, ir.RankedTensorType) and isinstance(ir.RankedTensorType(kind).element_type, known)


def is_identity(map_attribute: ir.Attribute) -> bool:
    """Whether an affine map attribute is (d0, d1, ...) -> (d0, d1, ...)."""
    affine_map = ir.AffineMapAttr(map_attribute).value
    return affine_map == ir.AffineMap.get_identity(affine_map.n_dims)


def body_ops(op: ir.OpView) -> list[ir.OpView]:
    """The ops of a generic's body, the terminator included."""
    return list(generic_body(op).operations)


def is_relu(op: ir.OpView) -> bool:
    """max(x, 0) as torch-mlir writes it (`cmpf ugt` + `select`) or as `maximumf`, elementwise over one input."""
    if op.name != "linalg.generic" or len(op.inputs) != 1 or not is_elementwise(op):
        return False
    if not is_identity(op.attributes["indexing_maps"][0]):
        return False
    x = generic_body(op).arguments[0]
    ops = body_ops(op)
    names = [inner.name for inner in ops]
    if names == ["arith.maximumf", "linalg.yield"]:
        a, b = ops[0].operands
        return (a == x and scalar_constant(b) == 0.0) or (b == x and scalar_constant(a) == 0.0)
    if names == ["arith.cmpf", "arith.select", "linalg.yield"]:
        compare, select, _ = ops
        greater = ir.IntegerAttr(compare.attributes["predicate"]).value == 9  # ugt; ogt would turn NaN into 0
        of_zero = compare.operands[0] == x and scalar_constant(compare.operands[1]) == 0.0
        keeps = select.operands[1] == x and scalar_constant(select.operands[2]) == 0.0
        return greater and of_zero and keeps
    return False


def channel_map(map_attribute: ir.Attribute) -> bool:
    """Whether a map reads axis 1 of the loops: (d1), (d1, 0, 0, 0) or (0, d1, 0, 0, 0).

    torch-mlir writes (d1, d2, 0, 0) where both sides of d2 have one element, so other axes may appear: a value that is
    read through it has one number per channel if its size is the number of channels.
    """
    results = ir.AffineMapAttr(map_attribute).value.results
    return [ir.AffineDimExpr(e).position for e in results if isinstance(e, ir.AffineDimExpr)].count(1) == 1


def static_shape(value: ir.Value) -> Sequence[int] | None:
    """The shape of a ranked tensor value; None where a dimension is dynamic."""
    if not isinstance(value.type, ir.RankedTensorType):
        return None
    shaped = ir.RankedTensorType(value.type)
    return shaped.shape if shaped.has_static_shape else None


@dataclass(frozen=True)
class PadAmounts:
    """A tensor.pad with a constant value: its source, how much is added below and above, and the number."""

    source: ir.Value
    low: list[int]
    high: list[int]
    value: float


def pad_amounts(op: ir.OpView | None, crops: bool = False) -> PadAmounts | None:
    """The amounts of a static tensor.pad; None for any other op, dynamic amounts or a computed value.

    None for one that cuts off, too, whose amounts are below zero, unless `crops`.
    """
    if op is None or op.name != "tensor.pad" or len(op.operands) != 1:
        return None
    ops = list(op.operation.regions[0].blocks[0].operations)
    value = scalar_constant(ops[-1].operands[0])
    if value is None:
        return None
    low, high = integers(op.attributes["static_low"]), integers(op.attributes["static_high"])
    if not crops and min(*low, *high) < 0:
        return None
    return PadAmounts(op.operands[0], low, high, value)
