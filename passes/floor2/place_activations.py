"""place-activations: each activation is written once, where all of its readers find it.

A value that one conv reads padded by 1, another by 2 and a residual add as it is becomes one tensor with the larger
padding, and each reader gets a slice of it. A concatenation is one tensor that its parts are written into, with the
padding that the readers of the whole and of the parts want. A part that others read, too, is a slice of that tensor,
and so is a range of the channels. A concatenation within another one is a part of it. Equal entry conversions become
one.

    pad(x, 1) = slice(pad(x, 2))        x = slice(pad(x, 2))        x = slice(concat(x, y))

A link of a concatenation stands right after its part, and a reader takes the last link before it: so every link
is the last user of the tensor that it updates, and the update can happen in place.

Given (after fuse-elementwise):
    %p = tensor.insert_slice %x into %zeros8[0, 0, 0, 1, 1, 0] [1, 2, 4, 6, 6, 4] ...
           into tensor<1x2x4x8x8x4xf32>
    %y = linalg.generic { conv } reads %p
    %z = linalg.generic { addf } ins(%y, %x)
Result:
    %p = tensor.insert_slice %x into %zeros8[0, 0, 0, 1, 1, 0] [1, 2, 4, 6, 6, 4] ...
           into tensor<1x2x4x8x8x4xf32>
    %v = tensor.extract_slice %p[0, 0, 0, 1, 1, 0] [1, 2, 4, 6, 6, 4] ...
           to tensor<1x2x4x6x6x4xf32>
    %y = linalg.generic { conv } reads %p
    %z = linalg.generic { addf } ins(%y, %v)
"""

from collections.abc import Set
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler.dialects import tensor

from rt3d_mlir.passes.framework.base import Pass, State, apply_patterns
from rt3d_mlir.passes.ir.build import empty, filled
from rt3d_mlir.passes.ir.match import defining_op, integers, is_fill, is_float, op_in_block
from rt3d_mlir.passes.ops.channel_layout import is_channel_layout
from rt3d_mlir.passes.ops.insert_chain import insert_chain

#: What writes an activation; anything else, a view or an argument, is copied into a concatenation.
_PRODUCERS = ("linalg.generic", "linalg.pack")


@dataclass(frozen=True)
class PlaceActivations(Pass):
    """Leaves one tensor an activation or concatenation, written by insert_slices, and views of it."""

    name: ClassVar[str] = "place-activations"

    def run(self, module: ir.Module, state: State) -> None:
        for function in module.body.operations:
            for region in function.operation.regions:
                for block in region:
                    _share_conversions(block)
                    _place_all(block)
        apply_patterns(module, {})  # erases what nobody reads any more


def _share_conversions(block: ir.Block) -> None:
    """Readers of a value that is packed twice, after the same reshape perhaps, take the first."""
    first: dict[tuple[str, ir.Value, ir.Type], ir.Value] = {}
    for op in block.operations:
        if op.name == "tensor.expand_shape" or (op.name == "linalg.pack" and is_channel_layout(op)):
            result = op.results[0]
            shared = first.setdefault((op.name, op.operands[0], result.type), result)
            if shared != result:
                result.replace_all_uses_with(shared)


def _place_all(block: ir.Block) -> None:
    values = [op.results[0] for op in block.operations if len(op.results) == 1 and _is_blocked(op.results[0])]
    placed: set[ir.Value] = set()
    for value in reversed([value for value in values if _written(value) or _concatenation(value)]):
        if value not in placed:  # in a concatenation, which comes after its parts
            home = _Home.of(value, placed)
            placed.update(home.firsts)
            home.place(block)


def _is_blocked(value: ir.Value) -> bool:
    return is_float(value) and len(value.type.shape) == 6


def _written(value: ir.Value) -> bool:
    """Whether a value is computed; anything else, a view or an argument, is copied into a concatenation."""
    op = defining_op(value)
    return op is not None and op.name in ("linalg.generic", "linalg.pack")


def _concatenation(value: ir.Value) -> list[ir.OpView]:
    """The links of the concatenation that block-layout made for a value; none for any other value."""
    start, links = insert_chain(value)
    blocks = sum(link.operands[0].type.shape[1] for link in links)
    op = defining_op(start)
    whole = op is not None and op.name == "tensor.empty" and blocks == value.type.shape[1]
    return links if whole else []


@dataclass(frozen=True, eq=False)
class _Read:
    """A reader of an activation: operand `at` of `op`, or what `op` pads, by `low` and `high` along D, H and W."""

    value: ir.Value
    op: ir.OpView
    at: int
    low: tuple[int, ...] = (0, 0, 0)
    high: tuple[int, ...] = (0, 0, 0)

    @staticmethod
    def of(value: ir.Value, op: ir.OpView, at: int) -> "_Read":
        if op.name == "tensor.insert_slice" and at == 0 and len(op.operands) == 2 and is_fill(op.operands[1], 0.0):
            full, part = op.results[0].type.shape, value.type.shape
            offsets, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "strides"))
            if list(full[:2]) == list(part[:2]) and set(strides) == {1}:
                high = tuple(full[axis] - part[axis] - offsets[axis] for axis in (2, 3, 4))
                return _Read(value, op, at, tuple(offsets[2:5]), high)
        return _Read(value, op, at)

    @property
    def pads(self) -> bool:
        return any((*self.low, *self.high))

    def replace(self, view: ir.Value) -> None:
        if self.pads:
            self.op.results[0].replace_all_uses_with(view)
            self.op.operation.erase()
        else:
            self.op.operation.operands[self.at] = view


@dataclass(eq=False)
class _Home:
    """A tensor for `root` and, where that is a concatenation, its parts and theirs.

    `firsts` says at which block of its channels a value lies, `parts` which values are inserted where, `links` which
    insert_slices did so until now.
    """

    root: ir.Value
    firsts: dict[ir.Value, int] = field(default_factory=dict)
    parts: list[tuple[ir.Value, int]] = field(default_factory=list)
    inner: list[ir.OpView] = field(default_factory=list)

    @staticmethod
    def of(root: ir.Value, placed: Set[ir.Value]) -> "_Home":
        """The home of `root` and of all in it that is not `placed` already."""
        home = _Home(root)
        home._add(root, 0, placed)
        return home

    def _add(self, value: ir.Value, first: int, placed: Set[ir.Value]) -> None:
        links = [] if value in placed or value in self.firsts else _concatenation(value)
        if links or (_written(value) and value not in placed):
            self.firsts.setdefault(value, first)
        if not links:
            self.parts.append((value, first))
        self.inner += links
        for link in links:
            self._add(link.operands[0], first + integers(link.attributes["static_offsets"])[1], placed)

    def _add_ranges(self) -> None:
        """The values that are some channels of what is here already."""
        open_ones = list(self.firsts)
        while open_ones:
            value = open_ones.pop()
            for op in [use.owner.opview for use in value.uses if use.owner.name == "tensor.extract_slice"]:
                offsets, strides = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "strides"))
                whole, part = list(value.type.shape), list(op.results[0].type.shape)
                others = [axis for axis in range(6) if axis != 1 and (offsets[axis] or whole[axis] != part[axis])]
                if not others and set(strides) == {1}:
                    self.firsts[op.results[0]] = self.firsts[value] + offsets[1]
                    self.inner.append(op)
                    open_ones.append(op.results[0])

    def place(self, block: ir.Block) -> None:
        """Builds the tensor and turns all readers to it."""
        self._add_ranges()
        uses = [(value, use.owner.opview, use.operand_number) for value in self.firsts for use in value.uses]
        reads = [_Read.of(*use) for use in uses if use[1] not in self.inner]
        padded = [read.value for read in reads if read.pads]
        if self.parts == [(self.root, 0)] and (not padded or (len(reads) == 1 and padded == [self.root])):
            return
        widths = {sum((read.low[2], read.value.type.shape[4], read.high[2])) for read in reads}
        if self.root.type.shape[5] == 1 and min(widths, default=0) == 1 < max(widths):
            return  # IREE 3.13 does not compile a gather from one column of a tensor whose rows are longer
        low = [max(amounts) for amounts in zip(*(read.low for read in reads), strict=True)] or [0] * 3
        high = [max(amounts) for amounts in zip(*(read.high for read in reads), strict=True)] or [0] * 3
        with self.root.owner.location:
            links = self._write(block, low, high)
            views: dict[tuple, ir.Value] = {}
            for read in reads:
                reader = op_in_block(read.op, block)
                last = [link for link in links if link.owner.is_before_in_block(reader)][-1]
                read.replace(self._view(last, read, low, views))

    def _write(self, block: ir.Block, low: list[int], high: list[int]) -> list[ir.Value]:
        """A link right behind each part, in the parts' order; the last one is the whole."""
        batch, blocks, *size, lanes = self.root.type.shape
        shape = [batch, blocks, *map(sum, zip(low, size, high, strict=True)), lanes]
        element = self.root.type.element_type
        links: list[ir.Value] = []
        for part, first in sorted(self.parts, key=cmp_to_key(_compare)):
            behind = links[-1].owner if links and _compare((links[-1], 0), (part, 0)) > 0 else part.owner
            with _behind(behind):
                padded = any((*low, *high))
                start = links[-1] if links else filled(shape, 0.0, element) if padded else empty(shape, element)
                offsets = [0, first, *low, 0]
                links.append(tensor.insert_slice(part, start, [], [], [], offsets, list(part.type.shape), [1] * 6))
        return links

    def _view(self, link: ir.Value, read: _Read, low: list[int], views: dict[tuple, ir.Value]) -> ir.Value:
        """What a reader wants of the tensor, as it is after `link`; `views` keeps those that there are."""
        batch, blocks, *size, lanes = read.value.type.shape
        offsets = [0, self.firsts[read.value], *(a - b for a, b in zip(low, read.low, strict=True)), 0]
        sizes = [batch, blocks, *map(sum, zip(read.low, size, read.high, strict=True)), lanes]
        if sizes == list(link.type.shape):
            return link
        key = (link, *offsets, *sizes)
        if key not in views:
            kind = ir.RankedTensorType.get(sizes, link.type.element_type)
            with ir.InsertionPoint.after(link.owner):
                views[key] = tensor.extract_slice(kind, link, [], [], [], offsets, sizes, [1] * 6)
        return views[key]


def _compare(a: tuple[ir.Value, int], b: tuple[ir.Value, int]) -> int:
    """The order of two parts of a concatenation in their block; arguments come first."""
    owners = [part[0].owner for part in (a, b)]
    inside = [not isinstance(owner, ir.Block) for owner in owners]
    if not all(inside) or owners[0] == owners[1]:
        return inside[0] - inside[1]
    return -1 if owners[0].is_before_in_block(owners[1]) else 1


def _behind(owner: ir.Block | ir.Operation) -> ir.InsertionPoint:
    return ir.InsertionPoint.at_block_begin(owner) if isinstance(owner, ir.Block) else ir.InsertionPoint.after(owner)
