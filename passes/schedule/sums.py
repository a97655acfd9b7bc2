"""Each sum on a GPU is in memory before it is read.

IREE makes one dispatch of a reduction and of what reads its results. If positions do not fill a workgroup's tile, the
shaders that iree-compile 3.13 makes of that for Vulkan read sums that nothing has computed: a layer norm over the
channels of [2, 2, 3, 3] has a wrong last position, without a word. So a clone follows each reduction.

    %m = linalg.generic { sum over the channels } ins(%x) -> tensor<2x9xf32>
    %y = linalg.generic { subf } ins(%x, %m)
becomes
    %m = linalg.generic { sum over the channels } ins(%x) -> tensor<2x9xf32>
    %c = flow.tensor.clone %m
    %y = linalg.generic { subf } ins(%x, %c)
"""

import iree.compiler.ir as ir

from rt3d_mlir.passes.ir.build import clone_for_readers
from rt3d_mlir.passes.ir.match import is_parallel, ops_named, static_shape


def hold_sums(module: ir.Module) -> None:
    """Clones the results of all reductions that are left to IREE and read by other ops; static shapes only."""
    for op in ops_named(module, "linalg.generic"):
        if is_parallel(op.opview):
            continue
        for value in op.results:
            readers = {use.owner.name for use in value.uses} - {"func.return"}
            if readers and static_shape(value) is not None:
                clone_for_readers(value)
