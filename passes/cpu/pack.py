"""The CPU kernels of the layout conversions: [N, C, D, H, W] to padded channel blocks on entry, and back on exit."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked


@dataclass(frozen=True)
class PackKernel:
    """The entry: f32 to f32 or f16, missing channels zero.

    A workgroup converts one depth plane of one channel block, or writes its border.
    """

    channels: int
    out: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.out.plane_grid

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: input, output."""
        x, target = bindings

        def convert() -> None:
            for channel in range(self.out.block):
                self._channel(x, target, channel, *ids)

        self.out.plane_or_border(target, ids, convert)

    def _channel(self, x: ir.Value, target: ir.Value, channel: int, d: ir.Value, block: ir.Value, n: ir.Value) -> None:
        """Copies a plane of one channel into its lane of the block."""
        _, height, width = self.out.size
        source = k.at(f"a * {self.out.block} + {channel}", block)
        plane = k.at(f"((a * {self.channels} + b) * {self.out.size[0]} + c) * {height * width}", n, source, d)

        def each(value_at: Callable[[ir.Value, ir.Value], ir.Value]) -> None:
            with k.loop(k.index(0), k.index(height)) as h:
                line = self.out.row_offset(n, block, k.at(f"a * {height} + b", d, h))
                with k.loop(k.index(0), k.index(width)) as w:
                    memref.store(value_at(h, w), target, [k.at(f"a + b * {self.out.block} + {channel}", line, w)])

        element = k.element_type(target)
        zero = arith.constant(element, 0.0)

        def read(h: ir.Value, w: ir.Value) -> ir.Value:
            number = memref.load(x, [k.at(f"a + b * {width} + c", plane, h, w)])
            return number if number.type == element else arith.truncf(element, number)

        def copy() -> None:
            each(read)

        if self.channels == prod((self.out.blocks, self.out.block)):
            copy()
        else:
            k.if_else(k.less(source, k.index(self.channels)), copy, lambda: each(lambda _h, _w: zero))


@dataclass(frozen=True)
class UnpackKernel:
    """The exit: `source`, f32 or f16, to its type or f32. A workgroup converts a depth plane of one channel block.

    IREE has code for it, too, which it fuses with what reads the result; some such kernels it then refuses to compile.
    """

    channels: int
    source: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.source.size[0], self.source.blocks, self.source.batch

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: input, output."""
        x, target = bindings
        for lane in range(self.source.block):
            self._channel(x, target, lane, *ids)

    def _channel(self, x: ir.Value, target: ir.Value, lane: int, d: ir.Value, block: ir.Value, n: ir.Value) -> None:
        """Copies a lane of the block to a plane of its channel, where there is such a channel."""
        _, height, width = self.source.size
        channel = k.at(f"a * {self.source.block} + {lane}", block)
        plane = k.at(f"((a * {self.channels} + b) * {self.source.size[0]} + c) * {height * width}", n, channel, d)
        element = k.element_type(target)

        def copy() -> None:
            with k.loop(k.index(0), k.index(height)) as h:
                line = self.source.row_offset(n, block, k.at(f"a * {height} + b", d, h))
                with k.loop(k.index(0), k.index(width)) as w:
                    number = memref.load(x, [k.at(f"a + b * {self.source.block} + {lane}", line, w)])
                    wide = number if number.type == element else arith.extf(element, number)
                    memref.store(wide, target, [k.at(f"a + b * {width} + c", plane, h, w)])

        whole = self.channels == prod((self.source.blocks, self.source.block))
        copy() if whole else k.if_else(k.less(channel, k.index(self.channels)), copy)
