"""The rules of block-layout for numbers that move along space: pads, crops, steps, flips, rolls, indices, resizing.

    f(unpack(x)) = unpack(resample(x)), where f is a separable map of each channel's volume (separable)

However a frontend writes such a map, it is evaluated here and not recognized: a generic whose body reads an unpacked
tensor at computed places, a sum of such results with weights by position, a slice with steps, a pad, parts of one
tensor side by side. Each step is one map of the same tensor; eight reads and seven interpolations of a trilinear
resizing are one op at the end, and what reads each number where it is, as a pad by nothing, is no op.

Given:
    %y = linalg.generic ins(%rows : tensor<9xi64>) {
      %h = arith.index_cast %in
      %v = tensor.extract %unpacked[%c0, %c, %d, %h, %w]
    }
Result:
    %yb = linalg.generic { resample } ins(%at_d, %by_d, %at_h, ...) reads %xb
    %y = linalg.unpack %yb
"""

from collections.abc import Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.floor2.block_pool import takes_zeros
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.constant_folding import align, constant_value
from rt3d_mlir.passes.ir.evaluate import evaluate_body
from rt3d_mlir.passes.ir.match import (
    body_ops,
    defining_op,
    integers,
    is_elementwise,
    is_f32,
    is_identity,
    pad_amounts,
    static_shape,
)
from rt3d_mlir.passes.ops import resample
from rt3d_mlir.passes.ops.channel_layout import blocked_source, unpack_channels
from rt3d_mlir.passes.ops.resample import Resample
from rt3d_mlir.passes.ops.separable import Axis, Separable

#: Positions of the input that an output may read along one axis; cubic interpolation has 4.
MOST_TAPS = 4


@dataclass(frozen=True, eq=False)
class _Moved:
    """A plain value [N, C, D, H, W] as a map of the blocked `source`; `before`: the same without the resampling that
    made it, where one did."""

    source: ir.Value
    channels: int
    separable: Separable
    before: "_Moved | None" = None

    def then(self, separable: Separable | None) -> "_Moved | None":
        return None if separable is None else _Moved(self.source, self.channels, separable)

    def moved(self, separable: Separable) -> "_Moved | None":
        """Moved on; by a map of its own where the two do not become one."""
        both = separable.after(self.separable)
        if self.before is not None and (both is None or max(both.taps) > MOST_TAPS):
            return self.before.moved(separable)
        return self.then(both)


def block_resample(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a generic that reads one unpacked tensor elsewhere, or adds up results of that, by one map of it."""
    if not is_elementwise(op) or not is_f32(op.results[0]) or len(op.results[0].type.shape) != 5:
        return NO_MATCH
    moved = [_moved(value, state) for value in op.inputs]
    reads = any(inner.name == "tensor.extract" for inner in body_ops(op))
    if not reads and not any(each is not None and each.before for each in moved):
        return NO_MATCH
    indexing = list(op.attributes["indexing_maps"])
    numbers = [numbers_of(value, mapping, state) for value, mapping in zip(op.inputs, indexing, strict=False)]
    given = [
        each if each is not None and is_identity(mapping) else number
        for each, number, mapping in zip(moved, numbers, indexing, strict=False)
    ]
    shape = list(op.results[0].type.shape)
    found = evaluate_body(op, given, other=lambda inner, operands: _linear(inner, operands, shape, state))
    return _replace(op, found if isinstance(found, _Moved) else None, rewriter, state)


def block_steps(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a static extract_slice with steps along space."""
    moved = _moved(op.operands[0], state) if len(op.operands) == 1 else None
    shape = list(op.results[0].type.shape)
    if moved is None or len(shape) != 5:
        return NO_MATCH
    offsets, sizes, steps = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    whole = [offsets[axis] == 0 and sizes[axis] == op.operands[0].type.shape[axis] for axis in (0, 1)]
    if set(steps[:2]) != {1} or set(steps[2:]) == {1} or not all(whole) or sizes != shape:
        return NO_MATCH
    places = zip(moved.separable.size, offsets[2:], sizes[2:], steps[2:], strict=True)
    axes = [Axis.moved(size, first + np.arange(count) * step) for size, first, count, step in places]
    return _replace(op, moved.moved(Separable(tuple(axes))), rewriter, state)


def block_pad(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a pad along space with a finite number that no conv or pool takes as its own padding."""
    amounts = pad_amounts(op)
    moved = None if amounts is None else _moved(amounts.source, state)
    if amounts is None or moved is None or any((*amounts.low[:2], *amounts.high[:2])) or not np.isfinite(amounts.value):
        return NO_MATCH
    readers = [use.owner.opview for use in op.results[0].uses]
    if amounts.value == 0 and all(reader.name in _TAKE_PADDING or takes_zeros(reader) for reader in readers):
        return NO_MATCH
    places = zip(moved.separable.size, amounts.low[2:], amounts.high[2:], strict=True)
    axes = [Axis.moved(size, [*[-1] * low, *range(size), *[-1] * high]) for size, low, high in places]
    return _replace(op, moved.moved(Separable(tuple(axes), amounts.value)), rewriter, state)


def block_join(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a concatenation along space of parts of one unpacked tensor, as a roll is."""
    at = ir.IntegerAttr(op.attributes["dim"]).value - 2
    parts = [_moved(value, state) for value in op.operands]
    known = [part for part in parts if part is not None]
    if at < 0 or len(op.results[0].type.shape) != 5 or len(known) < len(parts):
        return NO_MATCH
    if any(part.source != known[0].source or part.channels != known[0].channels for part in known):
        return NO_MATCH
    return _replace(op, known[0].then(Separable.joined([part.separable for part in known], at)), rewriter, state)


def drop_unchanged(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Replaces a map that reads each number where it is by its input."""
    found = Resample.match(op)
    separable = found and found.numbers(state.weights)
    if found is None or separable is None or not separable.unchanged:
        return NO_MATCH
    rewriter.replace_op(op, [found.x])
    return None


#: What has padding of its own: a conv, and torch-mlir's average pool.
_TAKE_PADDING = ("linalg.pack", "linalg.transpose")


def _replace(op: ir.OpView, moved: _Moved | None, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    shape = list(op.results[0].type.shape)
    if moved is None or [moved.channels, *moved.separable.size] != shape[1:] or max(moved.separable.taps) > MOST_TAPS:
        return NO_MATCH
    with rewriter.ip, op.operation.location:
        plain = unpack_channels(resample.build(state, moved.source, moved.separable), shape)
    rewriter.replace_op(op, [plain])
    return None


def _moved(value: ir.Value, state: State) -> _Moved | None:
    """What a plain value is a map of: what the op that made it reads, or the blocked tensor that it is unpacked of."""
    op = defining_op(value)
    if op is not None and op.name == "tensor.cast":
        return _moved(op.operands[0], state)
    blocked, shape = blocked_source(value), static_shape(value)
    if blocked is None or shape is None or not is_f32(value):
        return None
    source, view = _viewed(blocked)
    op = defining_op(source)
    made = Resample.match(op) if op is not None and op.name == "linalg.generic" else None
    separable = made and made.numbers(state.weights)
    if made is None or separable is None:
        return _Moved(source, shape[1], view)
    itself = _Moved(source, shape[1], view)
    both = view.after(separable)
    return itself if both is None else _Moved(made.x, shape[1], both, before=itself)


def _viewed(blocked: ir.Value) -> tuple[ir.Value, Separable]:
    """The tensor that a blocked slice along space is cut from, and the cut; the value itself otherwise."""
    op, size = defining_op(blocked), blocked.type.shape[2:5]
    if op is None or op.name != "tensor.extract_slice" or len(op.operands) != 1:
        return blocked, Separable.identity(size)
    source, offsets = op.operands[0], integers(op.attributes["static_offsets"])
    shape = source.type.shape
    if len(shape) != 6 or any(shape[i] != blocked.type.shape[i] for i in (0, 1, 5)):
        return blocked, Separable.identity(size)
    axes = zip(shape[2:5], offsets[2:5], size, strict=True)
    return source, Separable(tuple(Axis.moved(extent, first + np.arange(count)) for extent, first, count in axes))


def numbers_of(value: ir.Value, mapping: ir.Attribute, state: State) -> np.ndarray | None:
    """A constant input of a generic as an array over its loops."""
    found = constant_value(value, state.weights)
    affine_map = ir.AffineMapAttr(mapping).value
    return None if found is None else align(found[0], affine_map, affine_map.n_dims)


def _linear(op: ir.OpView, operands: Sequence, shape: Sequence[int], state: State) -> _Moved | None:
    """An op of a body on maps of one tensor; None where the result is none."""
    if op.name == "tensor.extract":
        return _extracted(op, operands[1:], shape, state)
    maps = [each for each in operands if isinstance(each, _Moved)]
    arrays = [np.asarray(each) for each in operands if isinstance(each, np.ndarray | np.generic)]
    if len(maps) + len(arrays) < len(operands) or any(m.source != maps[0].source for m in maps):
        return None
    first, minus = maps[0], np.asarray(-1.0)
    if op.name in ("arith.extf", "arith.truncf"):
        return first if str(op.results[0].type) in ("f32", "f64") else None
    if op.name == "arith.negf":
        return first.then(first.separable.scaled(minus))
    if op.name == "arith.addf" and len(maps) == 2:
        return first.then(first.separable.plus(maps[1].separable))
    if op.name == "arith.subf" and len(maps) == 2:
        negative = maps[1].separable.scaled(minus)
        return first.then(None if negative is None else first.separable.plus(negative))
    if op.name == "arith.mulf" and arrays:
        return first.then(first.separable.scaled(arrays[0]))
    if op.name == "arith.divf" and arrays and operands[0] is first and (arrays[0] != 0).all():
        return first.then(first.separable.scaled(1 / arrays[0].astype(np.float64)))
    return None


def _extracted(op: ir.OpView, places: Sequence, shape: Sequence[int], state: State) -> _Moved | None:
    """A number of an unpacked tensor at places that each depend on its own axis alone, batch and channel in place."""
    moved = _moved(op.operands[0], state)
    if moved is None or len(places) != 5:
        return None
    lines = [line_of(place, axis, extent) for axis, (place, extent) in enumerate(zip(places, shape, strict=True))]
    if any(line is None for line in lines):
        return None
    sizes = [op.operands[0].type.shape[0], moved.channels, *moved.separable.size]
    known = [line for line in lines if line is not None]
    in_place = all(np.array_equal(known[axis], np.arange(sizes[axis])) for axis in (0, 1))
    if not in_place or any((line < 0).any() or (line >= size).any() for line, size in zip(known, sizes, strict=True)):
        return None
    axes = tuple(Axis.moved(size, line) for size, line in zip(sizes[2:], known[2:], strict=True))
    return moved.moved(Separable(axes))


def line_of(place: np.ndarray | None, axis: int, extent: int) -> np.ndarray | None:
    """A place by position of an axis, [extent]; None where it depends on other axes, too."""
    if not isinstance(place, np.ndarray | np.generic):
        return None
    array = np.asarray(place)
    array = array.reshape((1,) * (5 - array.ndim) + array.shape)
    line = array[tuple(slice(None) if i == axis else slice(1) for i in range(5))]
    return np.broadcast_to(line.reshape(-1), extent) if (array == line).all() else None
