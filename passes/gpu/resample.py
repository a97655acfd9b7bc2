"""The GPU kernel of a blocked resampling: a thread an output vector, which reads its taps by tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.dialects import arith, memref

from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.gpu import vectors as gpu
from rt3d_mlir.passes.gpu.epilogue import GpuFinisher
from rt3d_mlir.passes.gpu.pointwise import PointwiseKernel
from rt3d_mlir.passes.gpu.vectors import LANES
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue
from rt3d_mlir.passes.ops.separable import Separable


@dataclass(frozen=True)
class GpuResampleKernel(PointwiseKernel):
    """Writes `out`, the map of `source`."""

    separable: Separable
    source: Blocked
    out: Blocked

    @cached_property
    def positions(self) -> np.ndarray:
        """The taps of D, of H and of W, one behind the other, i32; -1 for those of a position that is outside."""
        return np.concatenate([axis.full.reshape(-1) for axis in self.separable.axes]).astype(np.int32)

    @cached_property
    def weights(self) -> np.ndarray:
        """Their weights, f32."""
        return np.concatenate([axis.weights.reshape(-1) for axis in self.separable.axes]).astype(np.float32)

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue | None) -> None:
        """Bindings: input, positions, weights, then the epilogue's inputs, then the output."""
        x, positions, weights, *operands, target = bindings
        finisher = GpuFinisher(epilogue, operands, self.out, target)

        def compute(n: ir.Value, block: ir.Value, position: list[ir.Value]) -> ir.Value:
            value = self._value(x, positions, weights, n, block, position)
            return finisher.value(value, n, block, position)

        self.points.body(target, ids, compute)

    def _value(
        self, x: ir.Value, positions: ir.Value, weights: ir.Value, n: ir.Value, block: ir.Value, out_at: Sequence
    ) -> ir.Value:
        """An output vector: f32, or the input's type where numbers only move."""
        axes, first, places = self.separable.axes, 0, []
        for axis, at in zip(axes, out_at, strict=True):
            places.append([k.at(f"a * {axis.taps} + {first + tap}", at) for tap in range(axis.taps)])
            first += axis.outputs * axis.taps
        taps = [[k.load_index(positions, place) for place in line] for line in places]
        there = [gpu.below(line[0], axis.size) for axis, line in zip(axes, taps, strict=True) if axis.outside.any()]
        inside = reduce(arith.andi, there) if there else None
        if inside is not None:  # else a vector is read that is not there
            taps = [[arith.select(inside, at, k.index(0)) for at in line] for line in taps]
        values = [memref.load(x, [gpu.place(self.source, n, block, *at)]) for at in product(*taps)]
        value = values[0] if self.separable.moves else self._sum(values, weights, places)
        if inside is None:
            return value
        element = ir.VectorType(value.type).element_type
        return gpu.select(inside, value, k.splat(self.separable.fill, LANES, element))

    def _sum(self, values: Sequence[ir.Value], weights: ir.Value, places: Sequence[Sequence[ir.Value]]) -> ir.Value:
        """The taps in the order of `product`, each times its weights."""
        factors = [[memref.load(weights, [place]) for place in line] for line in places]
        terms = []
        for value, by_axis in zip(values, product(*factors), strict=True):
            factor = k.broadcast(reduce(arith.mulf, by_axis), LANES)
            terms.append(arith.mulf(k.widen(value), factor))
        return reduce(arith.addf, terms)
