"""How a row of a blocked activation is cut: vectors of neighbouring columns, and tiles of some vectors."""

from math import ceil

from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.targets import CpuTarget


def vector_columns(target: CpuTarget, out: Blocked) -> int:
    """Columns of a vector, a power of two: as many as a register holds, or a row has."""
    fit = min(target.lanes // out.block, out.size[2])
    return 1 << max(1, fit).bit_length() - 1


def tile_vectors(width: int, columns: int) -> int:
    """Vectors of a tile, up to 4: with the fewest of them in a row, and few tiles."""
    fit = [v for v in range(1, 5) if v * columns <= width]
    return min(fit, key=lambda v: ceil(width / (v * columns)) * (v + 0.5))
