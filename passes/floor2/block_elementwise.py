"""The elementwise rule of block-layout: f(unpack(x), unpack(gate), bias) = unpack(f(x, gate, bias in blocks))."""

from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import arith

from rt3d_mlir.passes.floor2.fuse_elementwise import fuse_producer
from rt3d_mlir.passes.floor2.missing_channels import ZeroBehind, finite_in_missing_channels
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, State
from rt3d_mlir.passes.ir.build import clone_body, constant, empty, f32_constant, generic, maps
from rt3d_mlir.passes.ir.constant_folding import constant_value
from rt3d_mlir.passes.ir.match import channel_map, generic_body, is_elementwise, is_f32, is_float, is_pure_scalar
from rt3d_mlir.passes.ops.channel_layout import blocked_source, pack_channels, packed_anyway, unpack_channels

_FULL = "(n, o, d, h, w, c) -> (n, o, d, h, w, c)"
_GATE = "(n, o, d, h, w, c) -> (n, o, 0, 0, 0, c)"
_POSITION = "(n, o, d, h, w, c) -> (n, 0, d, h, w, 0)"
_ONE = "(n, o, d, h, w, c) -> (n, 0, 0, 0, 0, 0)"
_CHANNEL = "(n, o, d, h, w, c) -> (o, c)"


def block_elementwise(op: ir.OpView, rewriter: rewrite.PatternRewriter, state: State) -> Failure | None:
    """Moves an unpack from an elementwise generic's inputs to its result.

    An input is an unpack of the same block, read in loop order, as a gate of each channel, [N, C, 1, 1, 1], or of each
    position, [N, 1, D, H, W]; a constant of one of these shapes, per channel, or of one number; or a plain tensor that
    is packed for another reader or enters the net here. What computes a mask for it, an i1 tensor, is merged into it
    first.
    """
    if not is_elementwise(op) or not is_pure_scalar(op) or not op.inputs or not is_f32(op.results[0]):
        return NO_MATCH
    if fuse_producer(op, rewriter, lambda producer: not is_float(producer.results[0])) is None:
        return None
    sources = [source for value in op.inputs if (source := blocked_source(value)) is not None]
    shape = list(op.results[0].type.shape)
    if len(shape) != 5 or not sources:
        return NO_MATCH
    block = sources[0].type.shape[-1]
    indexing = list(op.attributes["indexing_maps"])
    plans = [_plan(value, mapping, shape, block, state) for value, mapping in zip(op.inputs, indexing, strict=False)]
    if any(plan is None for plan in plans):
        return NO_MATCH
    plans = [plan for plan in plans if plan is not None]
    behind = shape[1] % block and not finite_in_missing_channels(op, [plan.missing for plan in plans])
    if behind:
        plans.append(_Plan(_CHANNEL, vector=np.ones(shape[1], np.float32)))
    with rewriter.ip, op.operation.location:
        blocks = [shape[0], -(-shape[1] // block), *shape[2:], block]
        reads = [(plan.tensor(blocks, state), plan.read) for plan in plans if plan.read]

        def body(*arguments: ir.Value) -> ir.Value:
            scalars = iter(arguments)
            given = [next(scalars) if plan.read else f32_constant(plan.number) for plan in plans]
            result = clone_body(generic_body(op), given)
            return _only_where(given[-1], result) if behind else result

        new = generic([value for value, _ in reads], empty(blocks), maps(*(read for _, read in reads), _FULL), 0, body)
        if behind:
            ZeroBehind.mark(new)
        plain = unpack_channels(new.results[0], shape)
    rewriter.replace_op(op, [plain])
    return None


@dataclass(frozen=True, eq=False)
class _Plan:
    """What an input becomes: a blocked value, or one that is still to be packed, read by `read`; or `vector`, its
    numbers per channel; or `array`, [N, K, D, H, W]; or, where nothing is read, one number."""

    read: str
    blocked: ir.Value | None = None
    plain: ir.Value | None = None
    vector: np.ndarray | None = None
    array: np.ndarray | None = None
    key: str | None = None

    @property
    def number(self) -> float:
        assert self.vector is not None
        return float(self.vector[0])

    @property
    def missing(self) -> ir.Value | float | None:
        """What is read for missing channels, for `finite_in_missing_channels`."""
        if self.read in (_POSITION, _ONE):
            return None
        return self.blocked or (0.0 if self.read else self.number)

    def tensor(self, shape: list[int], state: State) -> ir.Value:
        """The blocked input of a generic over `shape`; numbers per channel as a constant [O, C], zeros behind."""
        if self.blocked is not None:
            return self.blocked
        if self.plain is not None:
            return pack_channels(self.plain, shape[-1])
        if self.array is not None:
            return constant(
                state, f"{self.key or 'position'}.blocked", _blocked(self.array, shape[-1]), origin=self.key
            )
        assert self.vector is not None
        padded = np.zeros(shape[1] * shape[-1], self.vector.dtype)
        padded[: len(self.vector)] = self.vector
        table = padded.reshape(shape[1], shape[-1])
        return constant(state, f"{self.key or 'channel'}.blocked", table, origin=self.key)


def _plan(value: ir.Value, mapping: ir.Attribute, shape: list[int], block: int, state: State) -> _Plan | None:
    """The plan for an input of a generic over `shape`, [N, C, D, H, W]; None where it has no blocked form."""
    if not is_f32(value):
        return None
    read = None
    if len(value.type.shape) == 5 and _in_place(mapping, value.type.shape):
        batch, channels, *space = shape
        ways = {(batch, 1, 1, 1, 1): _ONE, (batch, 1, *space): _POSITION, (batch, channels, 1, 1, 1): _GATE}
        read = {**ways, tuple(shape): _FULL}.get(tuple(value.type.shape))
        blocked = blocked_source(value)
        if read and blocked is not None and blocked.type.shape[-1] == block:
            return _Plan(read, blocked)
        if read and packed_anyway(value):
            return _Plan(read, plain=value)
    found = constant_value(value, state.weights)
    if found and found[0].size == 1:
        return _Plan("", vector=found[0].reshape(-1))
    if found and found[0].size == shape[1] and channel_map(mapping):
        return _Plan(_CHANNEL, vector=found[0].reshape(-1), key=found[1])
    return _Plan(read, array=found[0], key=found[1]) if found and read else None


def _blocked(array: np.ndarray, block: int) -> np.ndarray:
    """[N, C, D, H, W] in channel blocks, [N, O, D, H, W, block], zeros behind the last channel."""
    behind = -array.shape[1] % block
    padded = np.pad(array, [(0, 0), (0, behind), *[(0, 0)] * 3])
    batch, channels, *space = padded.shape
    return np.ascontiguousarray(padded.reshape(batch, channels // block, block, *space).transpose(0, 1, 3, 4, 5, 2))


def _only_where(present: ir.Value, value: ir.Value) -> ir.Value:
    """The value where `present` is not zero, and else zero."""
    zero = f32_constant(0.0)
    return arith.select(arith.cmpf(arith.CmpFPredicate.ONE, present, zero), value, zero)


def _in_place(mapping: ir.Attribute, shape: list[int]) -> bool:
    """Whether a map reads each axis along the same loop; an axis of one element may be read at 0."""
    results = enumerate(ir.AffineMapAttr(mapping).value.results)
    return all(
        str(expression) == f"d{axis}" or (shape[axis] == 1 and str(expression) == "0") for axis, expression in results
    )
