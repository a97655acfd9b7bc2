"""The elementwise rule of channels-first: f(last(x), last(y), bias) = last(f(x, y, bias)).

All inputs are volumes shown in channels-last order or, [N, 1, 1, 1, C], a number for each of their channels; numbers
of one channel, [N, *P, 1]; constants by channel, or of one number.
"""

from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.floor1.channels_last import ChannelsLast, shown
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import clone_body, constant, empty, f32_constant, generic, maps
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import generic_body, is_elementwise, is_f32, is_pure_scalar, static_shape


def move_elementwise(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Computes an elementwise generic on the volumes that its inputs show."""
    if not op.inputs or not is_elementwise(op) or not is_pure_scalar(op) or not static_shape(op.results[0]):
        return NO_MATCH  # a tensor of one number has no axis of channels
    reads = list(zip(op.inputs, op.attributes["indexing_maps"], strict=False))
    *lead, channels = shape = list(op.results[0].type.shape)
    views = [ChannelsLast.of(value) for value, _ in reads] if len(shape) > 1 else []
    whole = next((view for view in views if view is not None and view.lead == lead), None)
    if whole is None:
        return NO_MATCH
    target = [whole.positions[0], channels, *whole.positions[1:]]
    inputs = [_input(*read, view, target, lead, state) for read, view in zip(reads, views, strict=True)]
    if any(each is None for each in inputs):
        return NO_MATCH
    inputs = [each for each in inputs if each is not None]
    with rewriter.ip, op.operation.location:
        given = [(each.tensor(state), each.read) for each in inputs if each.number is None]

        def body(*arguments: ir.Value) -> ir.Value:
            scalars = iter(arguments)
            values = [next(scalars) if each.number is None else f32_constant(each.number) for each in inputs]
            return clone_body(generic_body(op), values)

        head = f"({', '.join(f'd{at}' for at in range(len(target)))})"
        mapping = maps(*(f"{head} -> ({read})" for _, read in given), f"{head} -> {head}")
        out = empty(target, op.results[0].type.element_type)
        new = generic([value for value, _ in given], out, mapping, 0, body)
        value = shown(new.results[0], lead)
    rewriter.replace_op(op, [value])
    return None


@dataclass(frozen=True, eq=False)
class _Input:
    """What is read in place of an input, by `read`: a volume, or constant numbers, `vector`; or one `number`."""

    read: str
    volume: ir.Value | None = None
    vector: np.ndarray | None = None
    key: str | None = None
    number: float | None = None

    def tensor(self, state: State) -> ir.Value:
        if self.volume is not None:
            return self.volume
        assert self.vector is not None
        return constant(state, self.key or "channel", self.vector, origin=self.key)


def _input(
    value: ir.Value, mapping: ir.Attribute, view: ChannelsLast | None, target: list[int], lead: list[int], state: State
) -> _Input | None:
    """The input of a generic over `target`, [N, C, *P], for one of a generic over [*lead, C]; None if there is none."""
    loops = [str(e) for e in ir.AffineMapAttr(mapping).value.results]
    if view is not None and _in_place(loops, value.type.shape):
        batch, channels, *space = view.volume.type.shape
        fits = view.lead == lead and [batch, *space] == [target[0], *target[2:]]
        gate = len(view.lead) == len(lead) and batch == target[0] and set(view.lead[1:]) <= {1}
        gate = gate and set(space) <= {1} and len(space) == len(target) - 2
        if channels in (1, target[1]) and (fits or gate):
            extents = enumerate(zip(view.volume.type.shape, target, strict=True))
            read = ", ".join("0" if own == 1 < whole else f"d{at}" for at, (own, whole) in extents)
            return _Input(read, volume=view.volume)
    found = constant_value(value, state.weights) if is_f32(value) else None
    if found is None:
        return None
    array, key = found
    if array.size == 1:
        return _Input("", number=float(array.reshape(-1)[0]))
    if array.size == target[1] and loops[-1] == f"d{len(lead)}" and array.shape[-1] == array.size:
        return _Input("d1", vector=np.ascontiguousarray(array.reshape(-1)), key=key)
    return _by_position(array, key, target, lead) if _in_place(loops, value.type.shape) else None


def _by_position(array: np.ndarray, key: str | None, target: list[int], lead: list[int]) -> _Input | None:
    """A constant of each position, [*lead, C] or [*lead, 1], as an embedding of positions is, of one clip."""
    batch, channels, *space = target
    if batch != 1 or list(array.shape[:-1]) != lead or array.shape[-1] not in (1, channels):
        return None
    volume = np.moveaxis(array.reshape(1, *space, array.shape[-1]), -1, 1)
    read = [f"d{at}" if at != 1 or array.shape[-1] == channels else "0" for at in range(len(target))]
    return _Input(", ".join(read), vector=np.ascontiguousarray(volume), key=key)


def _in_place(loops: list[str], shape: list[int]) -> bool:
    """Whether a value is read along the loops, an axis of one element perhaps at 0."""
    if len(loops) != len(shape):
        return False
    return all(loop == f"d{at}" or (loop == "0" and shape[at] == 1) for at, loop in enumerate(loops))
