"""clone-slices: slices that IREE cannot read where they lie become tensors of their own.

IREE leaves a slice in the tensor that it is cut from, and makes one dispatch of it and of what reads it. Two kinds of
that go wrong in iree-compile 3.13:

* A slice that is inserted into the same tensor, as the sides of circular padding are. Where the two places overlap,
  the numbers are wrong on CPUs, without a word; no such dispatch compiles for Vulkan ("failed to legalize operation
  'hal.interface.binding.subspan'").
* A slice that is read at computed indices, as by index_select, flip or interpolate. Where its elements do not lie side
  by side (x[..., 3], x[..., ::2], a slice of a transpose), iree-compile ends with "LLVM Translation failed for
  operation: builtin.unrealized_conversion_cast".

A step along an axis of one element says nothing and becomes 1: IREE's interpreter (vmvx) crashes on others.

Given:
    %e = tensor.extract_slice %x[0] [2] [1] : tensor<3xf32> to tensor<2xf32>
    %y = tensor.insert_slice %e into %x[1] [2] [1] : tensor<2xf32> into tensor<3xf32>
Result:
    %e = tensor.extract_slice %x[0] [2] [1] : tensor<3xf32> to tensor<2xf32>
    %c = flow.tensor.clone %e : tensor<2xf32>
    %y = tensor.insert_slice %c into %x[1] [2] [1] : tensor<2xf32> into tensor<3xf32>
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir

from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.ir.build import clone, clone_for_readers
from rt3d_mlir.passes.ir.match import integers, ops_named, static_shape

#: What moves no data, and what IREE takes for the same copy.
_RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape")
_COPIES = (*_RESHAPES, "tensor.extract_slice", "linalg.copy")


@dataclass(frozen=True)
class CloneSlices(Pass):
    """Copies both kinds of slice, where their shapes are static."""

    name: ClassVar[str] = "clone-slices"

    def run(self, module: ir.Module, state: State) -> None:
        for op in ops_named(module, "tensor.insert_slice"):
            part, whole = op.operands[0], op.operands[1]
            if static_shape(part) is not None and _origin(part, _COPIES) == _origin(whole, _RESHAPES):
                with ir.InsertionPoint(op), op.location:
                    op.operands[0] = clone(part)
        for op in ops_named(module, "tensor.extract_slice"):
            _drop_steps_of_one(op)
            part = op.results[0]
            if static_shape(part) is not None and any(_is_gathered(use.owner) for use in part.uses):
                clone_for_readers(part)


def _origin(value: ir.Value, through: Container[str]) -> ir.Value:
    """What a value is made of by ops of these names alone."""
    while isinstance(value, ir.OpResult) and value.owner.name in through:
        value = value.owner.operands[0]
    return value


def _drop_steps_of_one(op: ir.Operation) -> None:
    steps = integers(op.attributes["static_strides"])
    sizes = integers(op.attributes["static_sizes"])
    op.attributes["static_strides"] = ir.DenseI64ArrayAttr.get(
        [
            1 if size == 1 and not ir.ShapedType.is_dynamic_size(step) else step
            for size, step in zip(sizes, steps, strict=True)
        ]
    )


def _is_gathered(op: ir.Operation) -> bool:
    """Whether an op, or one that only reshapes what it gives, reads single elements."""
    if op.name in _RESHAPES:
        return any(_is_gathered(use.owner) for use in op.results[0].uses)
    return op.name == "tensor.extract"
