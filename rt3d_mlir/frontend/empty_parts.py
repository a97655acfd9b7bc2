"""Parts of concatenations that have nothing in them.

    %c = tensor.cast %x : tensor<3x4x4xf32> to tensor<3x?x4xf32>
    %e = tensor.cast %slice : tensor<3x0x4xf32> to tensor<3x?x4xf32>
    %y = tensor.concat dim(1) %c, %e : (...) -> tensor<3x4x4xf32>

is how torch-mlir writes a roll by nothing. iree-compile 3.13 makes a shader for Vulkan of that which writes some clips
to the wrong places, without a word. Where all sizes are known, empty parts and casts go, and y is x.
"""

import iree.compiler.ir as ir
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.ir.match import defining_op, ops_named


def drop_empty_parts(module: ir.Module) -> None:
    """Takes the empty parts out of each tensor.concat whose parts have known sizes, in place."""
    for op in ops_named(module, "tensor.concat"):
        parts = [_before_cast(part) for part in op.operands]
        if not all(part.type.has_static_shape for part in parts):
            continue
        kept = [part for part in parts if 0 not in part.type.shape] or parts[:1]
        if kept == [*op.operands]:
            continue
        with ir.InsertionPoint(op), op.location:
            axis = ir.IntegerAttr(op.attributes["dim"]).value
            whole = kept[0] if len(kept) == 1 else tensor.concat(op.results[0].type, axis, kept)
        if whole.type == op.results[0].type:
            op.results[0].replace_all_uses_with(whole)
            op.erase()


def _before_cast(value: ir.Value) -> ir.Value:
    op = defining_op(value)
    return op.operands[0] if op is not None and op.name == "tensor.cast" else value
