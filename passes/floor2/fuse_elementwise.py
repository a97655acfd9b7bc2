"""fuse-elementwise: a chain of elementwise generics of the blocked layout becomes one.

    g(f(x), y) in one loop, where nobody else reads f(x)

What follows a conv, `relu(conv + bias + residual)`, `x * sigmoid(x)`, hard-swish, is then one epilogue for the conv's
kernel, and the values in between are never in memory. A producer with other readers stays: it would be computed again.
So does one that is read by another map than it is written, a gate per channel: it would be computed for each position.
What subtracts a number of each position, as a mean over channels, is computed for each of its readers all the same: a
kernel of channels has both at hand (ops/channel_program.py).
The bodies are then written in ops that vectors have (scalar_math).

Given (after block-layout):
    %b = linalg.generic { addf } ins(%conv, %bias : tensor<1x4x4x4x4x4xf32>, tensor<4x4xf32>)
    %a = linalg.generic { addf } ins(%b, %residual)
    %r = linalg.generic { cmpf ugt, select } ins(%a)
Result:
    %r = linalg.generic { addf, addf, cmpf ugt, select } ins(%conv, %bias, %residual)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.passes.floor2.scalar_math import simplify_math
from rt3d_mlir.passes.framework.base import NO_MATCH, Failure, Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import clone_body, empty, fused_location, generic
from rt3d_mlir.passes.ir.match import defining_op, generic_body, is_elementwise, is_identity, is_pure_scalar
from rt3d_mlir.passes.ops.channel_program import is_reduced_only, readers, spreads_reduction
from rt3d_mlir.passes.ops.channel_reduction import ChannelReduction

_Read = tuple[ir.Value, ir.Attribute]


@dataclass(frozen=True)
class FuseElementwise(Pass):
    """Merges elementwise generics of the blocked layout into their only reader, and simplifies their bodies."""

    name: ClassVar[str] = "fuse-elementwise"

    def run(self, module: ir.Module, state: State) -> None:
        def chain(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
            blocked = bool(op.results) and len(op.results[0].type.shape) == 6
            return fuse_producer(op, rewriter, _one_reader) if blocked else NO_MATCH

        apply_patterns(module, {"linalg.generic": chain})
        simplify_math(module)


def fuse_producer(op: ir.OpView, rewriter: rewrite.PatternRewriter, may: Callable[[ir.OpView], bool]) -> Failure | None:
    """Computes an elementwise producer, one that `may` allows, inside an elementwise generic that reads it in order."""
    if not _is_scalar(op):
        return NO_MATCH
    reads = _reads(op)
    producer = next((found for value, _ in reads if (found := _producer(value, reads)) and may(found)), None)
    if producer is None:
        return NO_MATCH
    own = _reads(producer)
    outer = [read for read in reads if read[0] != producer.results[0]]
    at = next(i for i, (value, _) in enumerate(reads) if value == producer.results[0])
    inputs = list(dict.fromkeys([*outer[:at], *own, *outer[at:]]))

    def body(*arguments: ir.Value) -> ir.Value:
        scalars = dict(zip(inputs, arguments, strict=False))
        produced = clone_body(generic_body(producer), [scalars[read] for read in own])
        return clone_body(generic_body(op), [scalars.get(read, produced) for read in reads])

    with rewriter.ip, fused_location(producer, op):
        out = empty(op.results[0].type.shape, op.results[0].type.element_type)
        written = op.attributes["indexing_maps"][len(reads)]
        mappings = ir.ArrayAttr.get([*(mapping for _, mapping in inputs), written])
        new = generic([value for value, _ in inputs], out, mappings, 0, body)
    rewriter.replace_op(op, [new.results[0]])
    return None


def _is_scalar(op: ir.OpView) -> bool:
    return op.name == "linalg.generic" and is_elementwise(op) and is_pure_scalar(op)


def _reads(op: ir.OpView) -> list[_Read]:
    """The inputs of a generic, each with its map."""
    return list(zip(op.inputs, op.attributes["indexing_maps"], strict=False))


def _producer(value: ir.Value, reads: list[_Read]) -> ir.OpView | None:
    """The elementwise generic that a value comes from, if all reads of it are in loop order."""
    op = defining_op(value)
    in_order = all(is_identity(mapping) for other, mapping in reads if other == value)
    return op if op is not None and in_order and _is_scalar(op) else None


def _one_reader(producer: ir.OpView) -> bool:
    return len({use.owner for use in producer.results[0].uses}) == 1 or _is_off_a_mean(producer)


def _is_off_a_mean(producer: ir.OpView) -> bool:
    """Whether what an op takes from a reduction over channels is reduced again, in one kernel with the others."""
    if not spreads_reduction(producer):
        return False
    found = readers(producer.results[0])
    reduced = [each for each in found if ChannelReduction.marks(each) or (_is_scalar(each) and is_reduced_only(each))]
    return bool(reduced) and all(each in reduced or _is_scalar(each) for each in found)
