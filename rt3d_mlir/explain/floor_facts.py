"""What `--explain` reads off the IR at each floor: MACs, what is constant, the part of an op, who computes it."""

from collections.abc import Callable
from math import prod

import iree.compiler.ir as ir
from iree.compiler.passmanager import PassManager

from rt3d_mlir.frontend.model_ops import NO_OPS
from rt3d_mlir.frontend.random_numbers import is_random
from rt3d_mlir.iree import internals
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.emit.dispatch import kernel_name
from rt3d_mlir.passes.framework.provenance import tensor_ops
from rt3d_mlir.passes.ir.match import body_ops, generic_body, reads_any
from rt3d_mlir.passes.ops.avg_pool import AvgPool
from rt3d_mlir.passes.ops.channel_gather import ChannelGather
from rt3d_mlir.passes.ops.channel_reduction import ChannelReduction
from rt3d_mlir.passes.ops.depthwise_conv import DepthwiseConv
from rt3d_mlir.passes.ops.interleave import Interleave
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.ops.resample import Resample
from rt3d_mlir.passes.ops.winograd_steps import Step

#: Parts of an op at floor 2, of the least first: one that a generic has and that is a conv's weights, too, is weights.
ROLES = {
    "": "in its kernel",
    "written": "written in place by its producers",
    "epilogue": "in its epilogue",
    "pool": "in its kernel: its output is never in memory",
    "interleave": "in its kernel, which writes each phase to its places",
    "weights": "in its weights and epilogue",
}
#: What moves no data.
RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape", "tensor.cast")
_VIEWS = (*NO_OPS, *RESHAPES)
#: How kernels of a GPU write the parts of a concatenation into one tensor.
_PLACES = (internals.ALLOCA, internals.UPDATE, internals.SLICE)
_CONVERSIONS = ("linalg.pack", "linalg.unpack", "arith.truncf", "arith.extf")
#: The kernels of the layout's conversions; where there are several, block_layout_1 and so on.
_CONVERSION_KERNELS = ("block_layout", "channel_layout")

Keys = Callable[[ir.OpView], list[str]]


def macs_by_op(module: ir.Module, keys: Keys) -> dict[str, int]:
    """Dense MACs of floor 1 by key: of all that multiplies two values and sums, be it a layer, a matmul or attention.

    It counts what is computed: a transposed conv is one over a stretched input, zeros included.
    """
    copy = ir.Module.parse(module.operation.get_asm(enable_debug_info=True, large_resource_limit=0))
    PassManager.parse(internals.GENERALIZE).run(copy.operation)
    macs: dict[str, int] = {}
    for op in tensor_ops(copy):
        standing = keys(op)
        if op.name == "linalg.generic" and standing and multiplies_and_sums(op):
            macs[standing[0]] = macs.get(standing[0], 0) + prod(loops(op))
    return macs


def folding(module: ir.Module, keys: Keys) -> dict[str, str]:
    """By key, why nothing can be left of an op of floor 1."""
    values = variable(module)
    kinds: dict[str, set[str]] = {}
    for op in tensor_ops(module):
        depends = is_random(op) or reads_any(op, values)
        kind = "constant" if not depends else "view" if op.name in _VIEWS else "computed"
        for key in keys(op):
            kinds.setdefault(key, set()).add(kind if op.name not in NO_OPS else "constant")
    said = {"computed": "nothing of it is left", "view": "moves no data", "constant": "evaluated when compiled"}
    return {key: next(said[kind] for kind in said if kind in found) for key, found in kinds.items()}


def variable(module: ir.Module) -> set[ir.Value]:
    """The values that are not the same in each call: what depends on the inputs, or on random numbers."""
    values = {argument for function in module.body.operations for argument in _arguments(function)}
    for op in tensor_ops(module):
        values.update(op.results if is_random(op) or reads_any(op, values) else ())
    return values


def role(op: ir.OpView) -> str:
    """The part of an op at floor 2, one of ROLES."""
    if layer_of(op) is not None:
        return "weights"
    if MaxPool.marks(op) or AvgPool.marks(op):
        return "pool"
    if Interleave.marks(op):
        return "interleave"
    if Resample.marks(op) or ChannelGather.marks(op) or ChannelReduction.marks(op):
        return ""
    return {"linalg.generic": "epilogue", "tensor.insert_slice": "written"}.get(op.name, "")


def layer_of(op: ir.OpView) -> str | None:
    """The layer that a packed conv at floor 2 computes."""
    found = PackedConv.match(op) or DepthwiseConv.match(op) or Step.match(op)
    return None if found is None else found.layer


def is_kernel_of(op: ir.OpView, layer: str) -> bool:
    """Whether a dispatch is called like a layer, or a step of it."""
    symbol = symbol_of(layer)
    return kernel_name(op) == symbol or kernel_name(op).startswith(f"{symbol}_")


def is_dispatch(op: ir.OpView) -> bool:
    """Whether an op at floor 3 is a dispatch of a kernel of ours."""
    return op.name == internals.DISPATCH


def is_kernel(op: ir.OpView) -> bool:
    """Whether an op at floor 3 is a dispatch of a kernel that computes what the model does."""
    return is_dispatch(op) and not is_conversion(op)


def is_conversion(op: ir.OpView) -> bool:
    """Whether an op at floor 3 only changes the layout or the element type, for the ops around it."""
    if op.name == internals.DISPATCH:
        return kernel_name(op).startswith(_CONVERSION_KERNELS)
    return op.name in _CONVERSIONS


def is_left(op: ir.OpView) -> bool:
    """Whether IREE has to find code for an op at floor 3."""
    return not is_dispatch(op) and not is_conversion(op) and op.name not in (*_VIEWS, *_PLACES)


def is_entry(op: ir.OpView) -> bool:
    """Whether a conversion is one into the kernels' form."""
    if is_dispatch(op):
        return kernel_name(op).startswith(_CONVERSION_KERNELS[0])
    return op.name in ("linalg.pack", "arith.truncf")


def _arguments(function: ir.OpView) -> list[ir.Value]:
    return [value for region in function.operation.regions for block in region for value in block.arguments]


def multiplies_and_sums(op: ir.OpView) -> bool:
    """Whether a generic sums products of two of its inputs along some loop."""
    if "reduction" not in str(op.attributes["iterator_types"]):
        return False
    names = {inner.name for inner in body_ops(op)}
    products = [inner for inner in body_ops(op) if inner.name in ("arith.mulf", "arith.muli")]
    distinct = any(inner.operands[0] != inner.operands[1] for inner in products)
    return distinct and bool(names & {"arith.addf", "arith.addi"}) and len(generic_body(op).arguments) > 2


def has_windows(op: ir.OpView) -> bool:
    """Whether a generic reads an operand at positions that two of its loops make up, as convs and pools do."""
    maps = [ir.AffineMapAttr(attribute).value for attribute in op.attributes["indexing_maps"]]
    return any(isinstance(result, ir.AffineAddExpr) for affine_map in maps for result in affine_map.results)


def is_product(op: ir.OpView) -> bool:
    """Whether an op sums products: a conv, a product of matrices, or a generic that is one."""
    if op.name == "linalg.generic":
        return multiplies_and_sums(op)
    return "matmul" in op.name or "conv" in op.name


def is_matmul(op: ir.OpView) -> bool:
    """Whether such an op is one that IREE has fast code for: of matrices, or a conv of two dimensions."""
    return "conv_2d" in op.name or not (has_windows(op) if op.name == "linalg.generic" else "conv" in op.name)


def loops(op: ir.OpView) -> list[int]:
    """The extents of a generic's loops, as its operands' shapes say; 0 for one that is known at run time only."""
    extents: dict[int, int] = {}
    indexing = [ir.AffineMapAttr(attribute).value for attribute in op.attributes["indexing_maps"]]
    for operand, affine_map in zip(op.operands, indexing, strict=True):
        for axis, expression in enumerate(affine_map.results):
            if isinstance(expression, ir.AffineDimExpr):
                kind = ir.RankedTensorType(operand.type)
                extents[expression.position] = 0 if kind.is_dynamic_dim(axis) else kind.shape[axis]
    return [extents.get(loop, 0) for loop in range(indexing[0].n_dims)]
