"""The blocks that each layer kept, read off the packed module: what an artifact's `kept` file holds."""

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.match import ops_named
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.sparsity.groups import shape_5d
from rt3d_mlir.sparsity.kept_file import Kept


def kept_by_layer(module: ir.Module, state: State) -> dict[str, Kept]:
    """Of each layer that pack-kgs left less of than all: its blocks, from the tap list that the kernel will follow."""
    found: dict[str, Kept] = {}
    for op in ops_named(module, "linalg.generic"):
        conv = PackedConv.match(op.opview)
        facts = state.layers.get(conv.layer) if conv is not None else None
        constants = conv.constants(state.weights) if conv is not None else None
        if conv is None or facts is None or constants is None or facts.kept_share == 1:
            continue
        packed, _ = constants
        kernel = shape_5d(facts.weight_shape)[2:]
        channels = conv.x.type.shape[1] * conv.x.type.shape[5]
        mask = np.zeros((len(packed.ptr) - 1, channels // conv.group.n, *kernel), np.bool_)
        rows = np.repeat(np.arange(len(mask)), np.diff(packed.ptr))
        mask[(rows, *packed.taps[: len(rows)].T)] = True  # a layer without a tap has a list of one all the same
        found[conv.layer] = Kept(conv.group, mask)
    return found
