"""Where a kernel writes its result: itself, its consumer's padded tensor, or its part of a concatenation in place.

A concatenation is a chain of insert_slices, each of some channel blocks into the result of the one before. Each link
whose value is a kernel's becomes a dispatch whose result is tied to the tensor before it, which IREE then updates in
place: all links land in one buffer.

Given:
    %1 = tensor.insert_slice %a into %zeros[0, 0, 0, 1, 1, 0] [1, 2, 4, 7, 7, 4] ... into tensor<1x6x4x9x9x4xf32>
    %2 = tensor.insert_slice %b into %1[0, 2, 0, 1, 1, 0] [1, 4, 4, 7, 7, 4] ... into tensor<1x6x4x9x9x4xf32>
Result:
    %1 = flow.dispatch @a::@a(...) : (...) -> tensor<1x6x4x9x9x4xf32>
    %2 = flow.dispatch @b::@b(..., %1) : (..., tensor<1x6x4x9x9x4xf32>) -> %1
or, on a GPU, where the parts of one clip begin at whole lines, so that one kernel need not wait for the other:
    %0 = flow.tensor.alloca : tensor<1x6x4x9x9x4xf32>
    %a = flow.dispatch @a::@a(...) : (...) -> tensor<1x2x4x9x9x4xf32>
    %1 = flow.tensor.update %a, %0[0, 0, 0, 0, 0, 0]
    %b = flow.dispatch @b::@b(...) : (...) -> tensor<1x4x4x9x9x4xf32>
    %2 = flow.tensor.update %b, %1[0, 2, 0, 0, 0, 0]
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite
from iree.compiler.dialects import arith, tensor

from rt3d_mlir.iree import internals
from rt3d_mlir.passes.emit.dispatch import Body, GpuLaunch, KernelCode, emit_dispatch
from rt3d_mlir.passes.ir.build import empty, filled, fused_location
from rt3d_mlir.passes.ir.match import defining_op, integers, is_fill, only_user, ops_named
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.insert_chain import insert_chain
from rt3d_mlir.passes.ops.marked import Marked


@dataclass(frozen=True, eq=False)
class _Link(Marked):
    """On the links of a concatenation whose parts cover all of it."""

    name: ClassVar[str] = "concat_link"


@dataclass(frozen=True, eq=False)
class Destination:
    """`value` is what a dispatch replaces, `out` where in it the kernel writes, `into` what it updates in place; with
    `first`, the kernel's own tensor is that many channel blocks behind the beginning of `into`."""

    value: ir.Value
    out: Blocked
    into: ir.Value | None = None
    first: int | None = None

    @property
    def op(self) -> ir.OpView:
        return self.value.owner.opview

    @contextmanager
    def place(self, *ops: ir.OpView | None) -> Iterator[None]:
        """Where the dispatch and what it needs is built; it stands for `ops`, too."""
        with ir.InsertionPoint(self.op), fused_location(*(op for op in ops if op is not None), self.op):
            yield

    def dispatch(
        self,
        rewriter: rewrite.PatternRewriter,
        module: ir.Module,
        name: str,
        inputs: Sequence[ir.Value],
        grid: Sequence[int],
        body: Body,
        launch: GpuLaunch | None = None,
    ) -> None:
        """Replaces `value` by a dispatch of a kernel; see dispatch.emit_dispatch."""
        kind, kernel = ir.RankedTensorType(self.value.type), KernelCode(grid, body, launch)
        if self.first is None:
            result = emit_dispatch(module, name, inputs, kind, kernel, self.into)
        else:
            shape = [self.out.batch, *self.out.full, self.out.block]
            own = ir.RankedTensorType.get(shape, kind.element_type)
            part = emit_dispatch(module, name, inputs, own, kernel)
            result = _update(self.into, part, self.first)
        rewriter.replace_op(self.op, [result])


def destination(value: ir.Value, alignment: int | None = None) -> Destination:
    """Where a blocked value goes: what its only user inserts it into, or just itself.

    With `alignment`, parts of a concatenation that begin at a multiple of so many bytes are tensors of their own.
    """
    itself = Blocked.whole(value)
    user = only_user(value)
    if user is None or user.name != "tensor.insert_slice" or user.operands[0] != value or len(user.operands) != 2:
        return Destination(value, itself)
    tensor, dest = user.results[0], user.operands[1]
    shape, offsets = tensor.type.shape, integers(user.attributes["static_offsets"])
    out = Blocked(itself.batch, itself.blocks, itself.size, tuple(shape[1:5]), tuple(offsets[1:5]), itself.block)
    if _Link.marks(user):
        begin = offsets[1] * prod(out.full[1:]) * out.block * tensor.type.element_type.width // 8
        if alignment and out.batch == 1 and begin % alignment == 0:
            own = replace(out, full=(out.blocks, *out.full[1:]), low=(0, *out.low[1:]))
            return Destination(tensor, own, dest, offsets[1])
        return Destination(tensor, out, None if _is_empty(dest) else dest)
    if len(shape) == 6 and list(shape[:2]) == [out.batch, out.blocks] and shape[5] == out.block and is_fill(dest, 0.0):
        return Destination(tensor, out)
    return Destination(value, itself)


def mark_concatenations(module: ir.Module) -> None:
    """Marks the links of each concatenation that its parts cover; it starts uninitialized from here on.

    A link that becomes a dispatch writes the zeros around its blocks; `pad_links` gives them to the others.
    """
    for op in _inserts(module):
        following = only_user(op.results[0])
        if following is not None and following.name == "tensor.insert_slice" and following.operands[1] == op.results[0]:
            continue
        start, links = insert_chain(op.results[0])
        if len(links) < 2 or not (_is_empty(start) or is_fill(start, 0.0)) or not _cover(links):
            continue
        for link in links:
            _Link.mark(link)
        with ir.InsertionPoint(links[0]), links[0].operation.location:
            shape = links[0].results[0].type
            links[0].operation.operands[1] = empty(shape.shape, shape.element_type)


def pad_links(module: ir.Module) -> None:
    """Gives the links that no kernel took their own zeros around."""
    for op in _inserts(module):
        if not _Link.marks(op):
            continue
        _Link.unmark(op)
        part, dest = op.operands
        batch, blocks, *size, block = part.type.shape
        _, _, *full, _ = dest.type.shape
        if size == full:
            continue
        _, first, *low, _ = integers(op.attributes["static_offsets"])
        with ir.InsertionPoint(op), op.operation.location:
            shape = [batch, blocks, *full, block]
            zeros = filled(shape, 0.0, part.type.element_type)
            padded = tensor.insert_slice(part, zeros, [], [], [], [0, 0, *low, 0], list(part.type.shape), [1] * 6)
            whole = tensor.insert_slice(padded, dest, [], [], [], [0, first, 0, 0, 0, 0], shape, [1] * 6)
        op.results[0].replace_all_uses_with(whole)
        op.operation.erase()


def _inserts(module: ir.Module) -> list[ir.OpView]:
    """All static insert_slices of blocked tensors into blocked tensors."""
    inserts = ops_named(module, "tensor.insert_slice")
    return [op.opview for op in inserts if [len(value.type.shape) for value in op.operands[:2]] == [6, 6]]


def _cover(links: list[ir.OpView]) -> bool:
    """Whether the parts of a chain are its channel blocks, each once, in the middle of the same border."""
    covered, places = 0, set()
    for link in sorted(links, key=lambda link: integers(link.attributes["static_offsets"])[1]):
        offsets, strides = (integers(link.attributes[f"static_{name}"]) for name in ("offsets", "strides"))
        part, whole = (link.operands[i].type.shape for i in (0, 1))
        if offsets[1] != covered or set(strides) != {1} or [part[0], part[5]] != [whole[0], whole[5]]:
            return False
        covered += part[1]
        places.add((*offsets[2:5], *part[2:5]))
    return covered == links[-1].results[0].type.shape[1] and len(places) == 1


def _update(target: ir.Value, part: ir.Value, first: int) -> ir.Value:
    """`target` with `part` in place of its channel blocks from `first` on."""
    if _is_empty(target):  # IREE would make a small tensor.empty a constant, and copy it
        target = ir.Operation.create(internals.ALLOCA, [target.type]).results[0]
    zero, block = (arith.constant(ir.IndexType.get(), i) for i in (0, first))
    start = [zero, block, zero, zero, zero, zero]
    segments = ir.DenseI32ArrayAttr.get([1, 0, 6, 1, 0])
    return ir.Operation.create(
        internals.UPDATE, [target.type], [target, *start, part], {"operandSegmentSizes": segments}
    ).results[0]


def _is_empty(value: ir.Value) -> bool:
    op = defining_op(value)
    return op is not None and op.name == "tensor.empty"
