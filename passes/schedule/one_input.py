"""What schedule-cpu does with pools, moves and resizing: kernels of one blocked input, and the arithmetic behind it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar, Protocol

import iree.compiler.ir as ir
import numpy as np
from iree.compiler import rewrite

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.build import constant
from rt3d_mlir.passes.ops.activation import Blocked, view
from rt3d_mlir.passes.ops.epilogue import Epilogue, epilogue_after
from rt3d_mlir.passes.schedule.destination import destination


class Reader(Protocol):
    """A marked op that reads `x`."""

    name: ClassVar[str]

    @property
    def op(self) -> ir.OpView: ...
    @property
    def x(self) -> ir.Value: ...


class ReaderKernel(Protocol):
    """Its body's bindings are the input, the tables, the epilogue's inputs, and the output."""

    @property
    def grid(self) -> tuple[int, int, int]: ...
    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None: ...


#: The kernel that reads one place and writes another, and the tables that it is given, by name.
Make = Callable[[Blocked, Blocked], tuple[ReaderKernel, Mapping[str, np.ndarray]]]


def replace_reader(
    found: Reader, make: Make, rewriter: rewrite.PatternRewriter, module: ir.Module, state: State
) -> None:
    """Puts a dispatch, called like the op, in place of it and of the arithmetic behind it."""
    x, source = view(found.x)
    epilogue = epilogue_after(found.op.results[0], state)
    to = destination(epilogue.result if epilogue else found.op.results[0])
    kernel, tables = make(source, to.out)
    with to.place(found.op, epilogue and epilogue.op):
        inputs = [x, *(constant(state, name, table) for name, table in tables.items())]
        inputs += epilogue.inputs(state, found.name, to.out.blocks * to.out.block) if epilogue else []
        to.dispatch(rewriter, module, found.name, inputs, kernel.grid, partial(kernel.body, epilogue=epilogue))
