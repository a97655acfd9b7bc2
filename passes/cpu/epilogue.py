"""An epilogue inside a CPU kernel: which numbers of its operands belong to a vector of sums."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import iree.compiler.ir as ir
from iree.compiler.dialects import arith

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue

#: The results for the sums of neighbouring columns of a row, from a column on: finish(sums, row, column).
#: Sums are None where the kernel computes none.
Finish = Callable[[Sequence[ir.Value | None], ir.Value, ir.Value], list[ir.Value]]


@dataclass(frozen=True, eq=False)
class Finisher:
    """Builds `epilogue`, if there is one, on vectors of channels: some blocks of one column, or columns of one block.

    `bindings` are those of its operands, `blocks` the channel blocks that the kernel computes, which may be more than
    there are. Rows are the activation's, d * H + h.
    """

    epilogue: Epilogue | None
    bindings: Sequence[ir.Value]
    blocks: int

    def of(self, n: ir.Value, block: ir.Value, together: int = 1, columns: int = 1) -> Finish:
        """For vectors of `together` blocks from `block` on, or of `columns` columns of it.

        Constants and gates are loaded here, once for all positions, residuals with the sums that they go to.
        """
        if self.epilogue is None:
            return lambda sums, _row, _column: list(sums)
        epilogue, zero = self.epilogue, k.index(0)
        size = epilogue.result.type.shape[5]
        fixed: dict[int, ir.Value] = {}
        for i, (operand, binding) in enumerate(zip(epilogue.operands, self.bindings, strict=True)):
            if operand.view is None:
                fixed[i] = k.repeat(k.load_vector(binding, k.at(f"a * {size}", block), together * size), columns)
            elif operand.view.rows == operand.view.size[2] == 1:
                starts = self._lines(operand.view, n, block, zero, together)
                fixed[i] = k.repeat(k.join([k.load_vector(binding, start, size) for start in starts]), columns)

        def finish(sums: Sequence[ir.Value | None], row: ir.Value, column: ir.Value) -> list[ir.Value]:
            lines = {
                i: [k.at(f"a + b * {size}", start, column) for start in self._lines(view, n, block, row, together)]
                for i, operand in enumerate(epilogue.operands)
                if i not in fixed and (view := operand.view) is not None
            }

            def read(i: int, step: int) -> ir.Value:
                starts = [k.at(f"a + {step * columns * size}", line) for line in lines[i]]
                return k.join([k.load_vector(self.bindings[i], start, columns * size) for start in starts])

            return [
                epilogue.apply(total, [fixed[i] if i in fixed else read(i, step) for i in range(len(self.bindings))])
                for step, total in enumerate(sums)
            ]

        return finish

    def _lines(self, view: Blocked, n: ir.Value, block: ir.Value, row: ir.Value, together: int) -> list[ir.Value]:
        """Where a row begins in each of the blocks; one behind the last is read as the last."""
        blocks = [k.at(f"a + {i}", block) for i in range(together)]
        if self.blocks > view.blocks:
            blocks = [arith.minsi(each, k.index(view.blocks - 1)) for each in blocks]
        return [view.row_offset(n, each, row) for each in blocks]
