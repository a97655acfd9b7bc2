"""Reductions over channels in one form: of one input and one result, which keeps the axis.

    max and argmax of x = m, min of (number of the channel where x = m)      m = max of x
    sum of f(x) = sum of y                                                   y = f(x)
    sum [N, *P] of x = flatten(sum [N, 1, *P] of x)

Where two channels are the largest, the first counts, and NaN is larger than any number, as in PyTorch. An index that
nobody reads is left out.
"""

from math import inf

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import arith, tensor

from rt3d_mlir.passes.floor1.channels_last import RANKS, ChannelsLast
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import clone_body, constant, empty, f32_constant, generic, identity_text, maps
from rt3d_mlir.passes.ir.match import (
    body_ops,
    defining_op,
    generic_body,
    is_elementwise,
    is_f32,
    is_identity,
    is_pure_scalar,
    static_shape,
)
from rt3d_mlir.passes.ir.reductions import Reduction, reduce_axis, reduced_axes, starts_at


def without_index(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """A maximum or minimum together with its index, as torch-mlir writes both."""
    kind, axis = _extreme(op), _reduced_axis(op)
    if kind is None or axis is None or (any(op.results[1].uses) and _reduced_channels(op) is None):
        return NO_MATCH
    largest, index = op.results
    with rewriter.ip, op.operation.location:
        found = reduce_axis(op.inputs[0], kind, axis)
        values = [_as(found, largest)]
        if any(index.uses):
            values.append(_index_of(op.inputs[0], found, axis, index, state))
        else:
            values.append(empty(index.type.shape, index.type.element_type))
    rewriter.replace_op(op, values)
    return None


def split_reduction(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """A sum whose body computes what it adds up, as that of a norm of vectors."""
    axis, ops = _reduced_channels(op), body_ops(op)
    if axis is None or len(op.results) != 1 or not is_f32(op.results[0]) or not is_f32(op.inputs[0]) or len(ops) < 3:
        return NO_MATCH
    *_, last, terminator = ops
    _, total = generic_body(op).arguments
    if last.name != "arith.addf" or list(terminator.operands) != list(last.results) or len(list(total.uses)) != 1:
        return NO_MATCH
    if total not in last.operands or not starts_at(op.operands[1], "sum"):
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        mapping = maps(*[identity_text(len(op.inputs[0].type.shape))] * 2)

        def body(value: ir.Value, _: ir.Value) -> ir.Value:
            """One step of the sum, from zero."""
            return clone_body(generic_body(op), [value, f32_constant(0.0)])

        terms = generic([op.inputs[0]], empty(op.inputs[0].type.shape), mapping, 0, body).results[0]
        result = _as(reduce_axis(terms, "sum", axis), op.results[0])
    rewriter.replace_op(op, [result])
    return None


def keep_axis(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """A reduction over axis 1 that drops it."""
    found = Reduction.of(op)
    if found is None or found.kept or found.axes != (1,) or len(found.x.type.shape) not in RANKS:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        result = _as(reduce_axis(found.x, found.kind, 1), op.results[0])
    rewriter.replace_op(op, [result])
    return None


def _reduced_channels(op: ir.OpView) -> int | None:
    """The axis of channels, the second or in channels-last order the last, that a generic of one input reduces over."""
    axis = _reduced_axis(op)
    rank = len(op.inputs[0].type.shape) if axis is not None else 0
    last = axis is not None and axis == rank - 1 and ChannelsLast.of(op.inputs[0]) is not None
    return axis if rank in RANKS and (axis == 1 or last) else None


def _reduced_axis(op: ir.OpView) -> int | None:
    """The one axis that a generic of one input reduces over; None for other generics."""
    if len(op.inputs) != 1 or any(static_shape(value) is None for value in op.operands):
        return None
    axes, _ = reduced_axes(op) or ((), False)
    return axes[0] if len(axes) == 1 else None


def _extreme(op: ir.OpView) -> str | None:
    """ "max" or "min" of a generic that finds one in f32 and its index; None for any other."""
    if len(op.results) != 2 or not is_f32(op.results[0]):
        return None
    names = sorted(inner.name for inner in body_ops(op))
    by_name = {"arith.maximumf": "max", "arith.minimumf": "min"}
    kind = next((by_name[name] for name in names if name in by_name), None)
    allowed = ["arith.cmpf", "arith.index_cast", "arith.select", "linalg.index", "linalg.yield"]
    return kind if kind and [name for name in names if name not in by_name] == allowed else None


def _index_of(x: ir.Value, found: ir.Value, axis: int, index: ir.Value, state: State) -> ir.Value:
    """The first channel that holds what was `found`, in the type and shape of `index`."""
    rank, count = len(x.type.shape), x.type.shape[axis]
    numbers = constant(state, "channel.number", np.arange(count, dtype=np.float32))
    full, kept = identity_text(rank), ", ".join("0" if at == axis else f"d{at}" for at in range(rank))
    head = full.split(" -> ")[0]

    def body(value: ir.Value, most: ir.Value, number: ir.Value, _: ir.Value) -> ir.Value:
        same = arith.cmpf(arith.CmpFPredicate.OEQ, value, most)
        is_nan = arith.cmpf(arith.CmpFPredicate.UNO, value, value)
        return arith.select(arith.ori(same, is_nan), number, f32_constant(inf))

    mapping = maps(full, f"{head} -> ({kept})", f"{head} -> (d{axis})", full)
    candidates = generic([x, found, numbers], empty(x.type.shape), mapping, 0, body).results[0]
    first = _as(reduce_axis(candidates, "min", axis), index)
    mapping = maps(*[identity_text(len(index.type.shape))] * 2)
    element = index.type.element_type
    out = empty(index.type.shape, element)
    return generic([first], out, mapping, 0, lambda value, _: arith.fptosi(element, value)).results[0]


def _as(value: ir.Value, like: ir.Value) -> ir.Value:
    """A value that keeps its reduced axis in the shape of one that may have dropped it."""
    shape, kept = list(like.type.shape), list(value.type.shape)
    if shape == kept:
        return value
    axis = next(at for at in range(len(kept)) if kept[:at] + kept[at + 1 :] == shape and kept[at] == 1)
    groups = [[at] for at in range(len(kept)) if at != axis]
    if groups:  # the axis goes with the one before it, the first with the second
        groups[max(axis - 1, 0)] = [max(axis, 1) - 1, max(axis, 1)]
    return tensor.collapse_shape(ir.RankedTensorType.get(shape, value.type.element_type), value, groups)


def read_for_all_channels(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Arithmetic on what `expand` copies for each channel, [N, 1, *P], which it then reads itself."""
    if not op.inputs or not is_elementwise(op) or _copied(op) is not None:
        return NO_MATCH
    reads = list(zip(op.inputs, op.attributes["indexing_maps"], strict=False))
    found = [_kept_numbers(*read) for read in reads]
    if not any(found):
        return NO_MATCH
    mapping = [new[1] if new else old[1] for new, old in zip(found, reads, strict=True)]
    values = [new[0] if new else old[0] for new, old in zip(found, reads, strict=True)]
    with rewriter.ip, op.operation.location:
        every = ir.ArrayAttr.get([*mapping, op.attributes["indexing_maps"][len(reads)]])
        new = generic(values, op.operands[len(reads)], every, 0, lambda *given: clone_body(generic_body(op), given))
    rewriter.replace_op(op, [new.results[0]])
    return None


def before_axis_drops(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Arithmetic on a number a position, whose axis of channels was dropped, is computed before it drops."""
    if len(op.inputs) != 1 or not is_elementwise(op) or not is_pure_scalar(op):
        return NO_MATCH
    collapse = defining_op(op.inputs[0])
    if (
        collapse is None
        or collapse.name != "tensor.collapse_shape"
        or not is_identity(op.attributes["indexing_maps"][0])
    ):
        return NO_MATCH
    kept, shape = list(collapse.operands[0].type.shape), list(op.results[0].type.shape)
    if len(kept) not in RANKS or kept[1] != 1 or [kept[0], *kept[2:]] != shape:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        mapping, out = maps(*[identity_text(len(kept))] * 2), empty(kept, op.results[0].type.element_type)
        body = generic_body(op)
        new = generic([collapse.operands[0]], out, mapping, 0, lambda *given: clone_body(body, given)).results[0]
        result = tensor.collapse_shape(op.results[0].type, new, collapse.attributes["reassociation"])
    rewriter.replace_op(op, [result])
    return None


def _copied(op: ir.OpView | None) -> ir.Value | None:
    """What a generic only copies to all places that its loops name."""
    if op is None or op.name != "linalg.generic" or len(op.inputs) != 1 or not is_elementwise(op):
        return None
    (yielded,) = body_ops(op)[-1].operands
    return op.inputs[0] if yielded == generic_body(op).arguments[0] else None


def _kept_numbers(value: ir.Value, mapping: ir.Attribute) -> tuple[ir.Value, ir.Attribute] | None:
    """The [N, 1, *P] behind a value that is read along all loops, and the map that reads it; None if there is none."""
    copy = defining_op(value)
    source = _copied(copy)
    if copy is None or source is None or not is_identity(mapping) or static_shape(source) is None:
        return None
    rank, affine_map = len(value.type.shape), ir.AffineMapAttr(copy.attributes["indexing_maps"][0]).value
    read = [str(e) for e in affine_map.results]
    collapse = defining_op(source)
    if collapse is not None and collapse.name == "tensor.collapse_shape" and len(read) == rank - 1:
        source, read = collapse.operands[0], [read[0], "0", *read[1:]]
    wanted = ["d0", "0", *(f"d{axis}" for axis in range(2, rank))]
    shape = list(value.type.shape)
    if rank not in RANKS or read != wanted or list(source.type.shape) != [shape[0], 1, *shape[2:]]:
        return None
    head = ", ".join(f"d{axis}" for axis in range(rank))
    return source, maps(f"({head}) -> ({', '.join(wanted)})")[0]
