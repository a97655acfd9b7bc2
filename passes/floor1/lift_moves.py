"""lift-to-3d of what moves numbers along space: bodies that read a lowered tensor somewhere, and pads by a number.

    lowered(x)[n, c, h', w'] = x[n, c, 0, h', w']        pad(lowered(x)) = lowered(pad(x))

Given:
    %y = linalg.generic { %v = tensor.extract %x[%n, %c, %h, %w] } -> tensor<1x8x9x5xf32>
Result, where %x is the collapse_shape of %x5:
    %y5 = linalg.generic { %v = tensor.extract %x5[%n, %c, %zero, %h, %w] }
            -> tensor<1x8x1x9x5xf32>
    %y = tensor.collapse_shape %y5 [[0], [1], [2, 3], [4]]
"""

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.floor1.lifting import (
    RANK,
    lifted,
    lifted_axis,
    lifted_map,
    lowered,
    lowered_source,
    reads_axes,
)
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import clone_body, generic, index_constant, padded
from rt3d_mlir.passes.ir.match import (
    body_ops,
    generic_body,
    is_elementwise,
    pad_amounts,
    static_shape,
)


def lift_reads(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """A generic whose body reads lowered tensors at computed places, and inputs of fewer axes in loop order."""
    indexing, result = list(op.attributes["indexing_maps"]), op.results[0]
    rank = len(result.type.shape) if static_shape(result) else RANK
    reads = [inner for inner in body_ops(op) if inner.name == "tensor.extract"]
    if not reads or not 3 <= rank < RANK or not is_elementwise(op) or not all(map(reads_axes, indexing)):
        return NO_MATCH
    if any(lowered_source(inner.operands[0]) is None for inner in reads):
        return NO_MATCH
    own = [len(value.type.shape) == rank for value in op.operands]
    mapping = [lifted_map(attribute, lift) for attribute, lift in zip(indexing, own, strict=True)]
    with rewriter.ip, op.operation.location:
        values = [lifted(value, state) if lift else value for value, lift in zip(op.operands, own, strict=True)]
        new = generic(
            values[:-1], values[-1], ir.ArrayAttr.get(mapping), 0, lambda *given: clone_body(generic_body(op), given)
        )
        for inner in body_ops(new):
            if inner.name == "linalg.index":
                axis = ir.IntegerAttr(inner.attributes["dim"])
                inner.attributes["dim"] = ir.IntegerAttr.get(axis.type, lifted_axis(axis.value, rank))
            elif inner.name == "tensor.extract":
                _lift_read(inner)
        replacement = lowered(new.results[0], result.type)
    rewriter.replace_op(op, [replacement])
    return None


def _lift_read(read: ir.OpView) -> None:
    source, *places = read.operands
    with ir.InsertionPoint(read), read.operation.location:
        places[2:2] = [index_constant(0) for _ in range(RANK - len(places))]
        value = tensor.extract(lowered_source(source), places)
    read.results[0].replace_all_uses_with(value)
    read.operation.erase()


def lift_pad(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
    """pad(lowered(x)) -> lowered(pad(x)), where no layer that is lifted takes the pad with it."""
    amounts = pad_amounts(op)
    source = None if amounts is None else lowered_source(amounts.source)
    if amounts is None or source is None:
        return NO_MATCH
    low, high = ([*side[:2], *[0] * (RANK - len(side)), *side[2:]] for side in (amounts.low, amounts.high))
    with rewriter.ip, op.operation.location:
        result = lowered(padded(source, low, high, amounts.value), op.results[0].type)
    rewriter.replace_op(op, [result])
    return None
