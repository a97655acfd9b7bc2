"""trim-windows: the input of a conv or pool that is left to IREE ends where its only window along an axis does.

    y[0] = max over k of x[0 * stride + k]    reads x[0], ..., x[kernel - 1], and no more of x

IREE drops loops of one iteration. It then assumes that the remaining access x[k] covers the whole tensor: iree-compile
3.13 says that an "inferred input/output operand" has the wrong shape, or computes something else where it is told not
to verify. The same happens to a window of one element, y[d] = x[d + 0], on an input that is longer than y. Packed
layers read by offset and stay as they are.

Given:
    %y = linalg.generic { maximumf of x[d * 2 + k] }
           ins(%x, %window : tensor<3xf32>, tensor<2xf32>) -> tensor<1xf32>
Result:
    %t = tensor.extract_slice %x[0] [2] [1] : tensor<3xf32> to tensor<2xf32>
    %y = linalg.generic { maximumf of t[d * 2 + k] }
           ins(%t, %window : tensor<2xf32>, tensor<2xf32>) -> tensor<1xf32>
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler.dialects import linalg, tensor

from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.ir.match import static_shape


@dataclass(frozen=True)
class TrimWindows(Pass):
    """Slices the inputs of plain convs and pools; static shapes only."""

    name: ClassVar[str] = "trim-windows"

    def run(self, module: ir.Module, state: State) -> None:
        for function in module.body.operations:
            for region in function.operation.regions:
                for op in [op for block in region for op in block.operations]:
                    if op.operation.name.startswith("linalg."):  # op.name may be an attribute of another dialect's op
                        _trim(op)


def _trim(op: ir.OpView) -> None:
    attributes = linalg.get_indexing_maps(op)  # pyright: ignore[reportAttributeAccessIssue]  # of the untyped native module
    shapes = [shape for value in op.operands if (shape := static_shape(value)) is not None]
    if attributes is None or len(shapes) != len(op.operands):
        return
    mappings = [ir.AffineMapAttr(attribute).value for attribute in attributes]
    extents = _extents(mappings, shapes)
    for at, (value, shape, mapping) in enumerate(zip(op.operands, shapes, mappings, strict=True)):
        axes = zip(_without_single_loops(mapping, extents), shape, strict=True)
        read = [extents[axis.position] if isinstance(axis, ir.AffineDimExpr) else size for axis, size in axes]
        if read == list(shape):
            continue
        kind = ir.RankedTensorType.get(read, value.type.element_type)
        with ir.InsertionPoint(op), op.operation.location:
            part = tensor.extract_slice(kind, value, [], [], [], [0] * len(read), read, [1] * len(read))
        op.operation.operands[at] = part


def _extents(mappings: list[ir.AffineMap], shapes: list[Sequence[int]]) -> dict[int, int]:
    """How often each loop runs: the size of an axis that it indexes alone, and linalg wants one for each."""
    return {
        axis.position: size
        for mapping, shape in zip(mappings, shapes, strict=True)
        for axis, size in zip(mapping.results, shape, strict=True)
        if isinstance(axis, ir.AffineDimExpr)
    }


def _without_single_loops(mapping: ir.AffineMap, extents: dict[int, int]) -> list[ir.AffineExpr]:
    """What a map reads with all loops of one iteration at 0: k for d * 2 + k where d has one."""
    loops = range(mapping.n_dims)
    kept = [ir.AffineConstantExpr.get(0) if extents[loop] == 1 else ir.AffineDimExpr.get(loop) for loop in loops]
    by = ir.AffineMap.get(mapping.n_dims, 0, kept)
    return list(ir.AffineMap.get(mapping.n_dims, 0, [axis.compose(by) for axis in mapping.results]).results)
