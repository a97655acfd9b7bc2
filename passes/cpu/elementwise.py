"""The CPU kernel of elementwise arithmetic that no other kernel took: on vectors of neighbouring columns x channels."""

from dataclasses import dataclass
from functools import cached_property

import iree.compiler.ir as ir

from rt3d_mlir.passes.cpu.epilogue import Finisher
from rt3d_mlir.passes.cpu.row_tile import tile_vectors, vector_columns
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.targets import CpuTarget


@dataclass(frozen=True)
class ElementwiseKernel:
    """A workgroup computes one depth plane of one channel block, or writes its border."""

    target: CpuTarget
    epilogue: Epilogue
    out: Blocked

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.out.plane_grid

    @cached_property
    def columns(self) -> int:
        """Columns of a vector, a power of two."""
        return vector_columns(self.target, self.out)

    @cached_property
    def vectors(self) -> int:
        """Vectors of a tile."""
        return tile_vectors(self.out.size[2], self.columns)

    def body(self, bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        """Bindings: the epilogue's inputs, then the output."""
        *operands, target = bindings
        d, block, n = ids
        _, height, width = self.out.size
        finisher = Finisher(self.epilogue, operands, self.out.blocks)

        def plane() -> None:
            finish = finisher.of(n, block, columns=self.columns)
            with k.loop(k.index(0), k.index(height)) as h, k.tiles(width, self.vectors * self.columns) as w:
                row = k.at(f"a * {height} + b", d, h)
                line = k.at(f"a + b * {self.out.block}", self.out.row_offset(n, block, row), w)
                for v, result in enumerate(finish([None] * self.vectors, row, w)):
                    k.store_vector(result, target, k.at(f"a + {v * self.columns * self.out.block}", line))

        self.out.plane_or_border(target, ids, plane)
