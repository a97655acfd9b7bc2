"""An epilogue inside a CPU kernel: which numbers of its operands belong to a vector of sums."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, vector

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.epilogue import Epilogue, Operand

#: The results for the sums of neighbouring columns of a row, from a column on: finish(sums, row, column).
#: Sums are None where the kernel computes none.
Finish = Callable[[Sequence[ir.Value | None], ir.Value, ir.Value], list[ir.Value]]


@dataclass(frozen=True, eq=False)
class Finisher:
    """Builds `epilogue`, if there is one, on vectors of channels: some blocks of one column, or columns of one block.

    `bindings` are those of its operands, `blocks` the channel blocks that the kernel computes, which may be more than
    there are. Rows are the activation's, d * H + h. `held` are operands that the kernel has computed: their vectors of
    neighbouring columns, and no bindings.
    """

    epilogue: Epilogue | None
    bindings: Sequence[ir.Value]
    blocks: int
    held: Mapping[ir.Value, Sequence[ir.Value]] = field(default_factory=dict)

    def of(self, n: ir.Value, block: ir.Value, together: int = 1, columns: int = 1) -> Finish:
        """For vectors of `together` blocks from `block` on, or of `columns` columns of it.

        Constants and gates are loaded here, once for all positions, residuals with the sums that they go to.
        """
        if self.epilogue is None:
            return lambda sums, _row, _column: list(sums)
        epilogue, size = self.epilogue, self.epilogue.result.type.shape[5]
        bindings = iter(self.bindings)
        bound = {i: next(bindings) for i, each in enumerate(epilogue.operands) if each.value not in self.held}
        fixed = {
            i: value
            for i, binding in bound.items()
            if (value := self._fixed(epilogue.operands[i], binding, n, block, together, columns)) is not None
        }

        def finish(sums: Sequence[ir.Value | None], row: ir.Value, column: ir.Value) -> list[ir.Value]:
            lines = {
                i: [k.at(f"a + b * {size}", start, column) for start in self._lines(each, n, block, row, together)]
                for i, each in enumerate(epilogue.operands)
                if i in bound and i not in fixed
            }

            def read(i: int, step: int) -> ir.Value:
                operand = epilogue.operands[i]
                if operand.value in self.held:
                    value = self.held[operand.value][step]
                else:
                    starts = [k.at(f"a + {step * columns * size}", line) for line in lines[i]]
                    value = k.join([k.load_vector(bound[i], start, columns * size) for start in starts])
                return _spread(value, size) if operand.spread else value

            every = range(len(epilogue.operands))
            return [
                epilogue.apply(total, [fixed[i] if i in fixed else read(i, step) for i in every])
                for step, total in enumerate(sums)
            ]

        return finish

    def _fixed(
        self, operand: Operand, binding: ir.Value, n: ir.Value, block: ir.Value, together: int, columns: int
    ) -> ir.Value | None:
        """What an operand is at all positions; None for one that differs."""
        assert self.epilogue is not None
        size = self.epilogue.result.type.shape[5]
        if operand.view is None:
            return k.repeat(k.load_vector(binding, k.at(f"a * {size}", block), together * size), columns)
        if operand.view.rows * operand.view.size[2] > 1:
            return None
        starts = self._lines(operand, n, block, k.index(0), together)
        value = k.repeat(k.join([k.load_vector(binding, start, size) for start in starts]), columns)
        return _spread(value, size) if operand.spread else value

    def _lines(self, operand: Operand, n: ir.Value, block: ir.Value, row: ir.Value, together: int) -> list[ir.Value]:
        """Where a row begins in each of the blocks; one behind the last is read as the last."""
        view = operand.view
        assert view is not None
        if operand.spread:
            return [view.row_offset(n, k.index(0), row)] * together
        blocks = [k.at(f"a + {i}", block) for i in range(together)]
        if self.blocks > view.blocks:
            blocks = [arith.minsi(each, k.index(view.blocks - 1)) for each in blocks]
        return [view.row_offset(n, each, row) for each in blocks]


def _spread(value: ir.Value, size: int) -> ir.Value:
    """The first channel of each column, of `size` lanes, in all of its lanes."""
    lanes = ir.VectorType(value.type).shape[0]
    return vector.shuffle(value, value, [i // size * size for i in range(lanes)])
