"""Which ops of the model an op of the IR stands for: their keys, which the frontend writes as locations.

A pass keeps them by building an op at the location of the one it replaces, or at `build.fused_location` of several.
"""

from collections.abc import Iterator

import iree.compiler.ir as ir


def keys(op: ir.OpView) -> set[str]:
    """The names in an op's location and in those of the ops inside it; file locations count by their file's name."""
    found: set[str] = set()

    def visit(inner: ir.Operation) -> ir.WalkResult:
        found.update(_names(inner.location))
        return ir.WalkResult.ADVANCE

    op.operation.walk(visit)
    return found


def function_blocks(module: ir.Module) -> Iterator[ir.Block]:
    """The blocks that functions consist of, in order."""
    for function in module.body.operations:
        if function.operation.name == "func.func":
            yield from function.operation.regions[0]


def tensor_ops(module: ir.Module) -> Iterator[ir.OpView]:
    """The ops that functions consist of, in order, without what is inside them and without returns."""
    for block in function_blocks(module):
        yield from (op for op in block.operations if op.operation.name != "func.return")


def _names(location: ir.Location) -> Iterator[str]:
    if isinstance(location, ir.NameLoc):
        yield location.name_str
    elif isinstance(location, ir.FileLineColLoc):
        yield location.filename
    elif isinstance(location, ir.FusedLoc):
        for each in location.locations:
            yield from _names(each)
    elif isinstance(location, ir.CallSiteLoc):
        yield from _names(location.callee)
        yield from _names(location.caller)
