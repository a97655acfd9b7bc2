"""A type of 16 bits that activations and weights are stored as, and what that means for an op of the blocked layout."""

from collections.abc import Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
import ml_dtypes
import numpy as np
from iree.compiler import rewrite
from iree.compiler.dialects import arith

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import clone_body, empty, generic, identity_text, like, maps, widened
from rt3d_mlir.passes.ir.match import defining_op, generic_body, is_f32
from rt3d_mlir.passes.ops.epilogue import epilogue_after


@dataclass(frozen=True)
class HalfType:
    """`name` is MLIR's, `largest` the largest finite number."""

    name: str
    numpy: np.dtype
    largest: float

    @property
    def element(self) -> ir.Type:
        return ir.Type.parse(self.name)

    def narrowed(self, value: ir.Value) -> ir.Value:
        """A scalar or tensor of f32 in this type."""
        return arith.truncf(like(value, self.element), value)

    def source(self, value: ir.Value) -> ir.Value | None:
        """The tensor of this type that `value` is the extf of; None for any other value."""
        op = defining_op(value)
        if op is None or op.name != "arith.extf" or not isinstance(value.type, ir.RankedTensorType):
            return None
        return op.operands[0] if op.operands[0].type.element_type == self.element else None

    def same_or_source(self, value: ir.Value) -> ir.Value:
        found = self.source(value)
        return value if found is None else found

    def elementwise(self, op: ir.OpView, inputs: Sequence[ir.Value], stored: bool = True) -> ir.OpView:
        """An elementwise generic on other inputs of the same shapes, of this type or f32: it computes f32 and yields
        this type. It may do so already, where two convs meet in it: only what it reads changes then. What is not
        `stored` stays f32."""

        def body(*arguments: ir.Value) -> ir.Value:
            old = generic_body(op).arguments  # the last argument, the output's, is not read
            pairs = zip(arguments[:-1], list(old)[:-1], strict=True)
            given = [a if o.type == self.element else widened(a) for a, o in pairs]
            result = clone_body(generic_body(op), given)
            return self.narrowed(result) if stored and result.type != self.element else result

        out = empty(op.results[0].type.shape, self.element if stored else None)
        return generic(inputs, out, op.attributes["indexing_maps"], 0, body)

    def store(self, op: ir.OpView, new: ir.Value, rewriter: rewrite.PatternRewriter, state: State) -> None:
        """Replaces an op by `new`, f32 sums, whose epilogue, or a generic of its own, then ends with a truncf."""
        epilogue = epilogue_after(op.results[0], state)
        last = epilogue.op if epilogue else op
        with ir.InsertionPoint(last.operation), last.operation.location:
            if epilogue:
                inputs = [new if value == op.results[0] else self.same_or_source(value) for value in last.inputs]
                result = self.elementwise(last, inputs)
            else:
                shape = empty(new.type.shape, self.element)
                result = generic([new], shape, maps(*[identity_text(6)] * 2), 0, lambda x, _: self.narrowed(x))
            stored = result.results[0]
            value = widened(stored) if is_f32(last.results[0]) else stored
        rewriter.replace_op(last, [value])


F16 = HalfType("f16", np.dtype(np.float16), float(np.finfo(np.float16).max))
BF16 = HalfType("bf16", np.dtype(ml_dtypes.bfloat16), float(ml_dtypes.finfo(ml_dtypes.bfloat16).max))
