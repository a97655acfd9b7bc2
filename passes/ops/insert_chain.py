"""Chains of tensor.insert_slice: the parts of a concatenation, or one tensor in a padded one."""

import iree.compiler.ir as ir

from rt3d_mlir.passes.ir.match import defining_op


def insert_chain(value: ir.Value) -> tuple[ir.Value, list[ir.OpView]]:
    """What the blocked value at the end of a chain of insert_slices starts from, and its links, the first one first."""
    links = []
    op = defining_op(value)
    while op is not None and op.name == "tensor.insert_slice" and len(op.operands) == 2:
        links.append(op)
        value = op.operands[1]
        op = defining_op(value)
    return value, links[::-1]
