"""The GPU kernel of elementwise arithmetic that no other kernel took: a thread an output vector."""

from dataclasses import dataclass

import iree.compiler.ir as ir

from rt3d_mlir.passes.gpu.epilogue import GpuFinisher
from rt3d_mlir.passes.gpu.pointwise import PointwiseKernel
from rt3d_mlir.passes.ops.activation import Blocked
from rt3d_mlir.passes.ops.epilogue import Epilogue


@dataclass(frozen=True)
class GpuElementwiseKernel(PointwiseKernel):
    """Writes `out`; all inputs are the epilogue's operands."""

    out: Blocked

    def body(self, bindings: list[ir.Value], ids: list[ir.Value], epilogue: Epilogue) -> None:
        """Bindings: the operands, the output."""
        *operands, target = bindings
        finisher = GpuFinisher(epilogue, operands, self.out, target)
        self.points.body(target, ids, lambda n, block, position: finisher.value(None, n, block, position))
