"""Adaptive average pools on their way through torch-mlir, which writes all but the global ones with unequal windows.

Where the input's size is a multiple of the output's, an adaptive pool is a plain one whose windows are as long as its
strides, and passes know those; the others keep torch-mlir's form:

    torch.aten.adaptive_avg_pool3d(x [N, C, 4, 6, 8], [2, 3, 4]) = torch.aten.avg_pool3d(x, kernel = stride = [2, 2, 2])
"""

import re
from collections.abc import Sequence

from torch_mlir import ir

_ADAPTIVE = re.compile(r"torch\.aten\._?adaptive_avg_pool([123])d$")
_SHAPE = re.compile(r"!torch\.vtensor<\[([\d,]+)\],")


def lower_adaptive_pools(module: ir.Module) -> None:
    """Replaces each adaptive average pool of equal windows in a module of torch-mlir's backend form, in place."""
    found: list[tuple[ir.Operation, int]] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if (match := _ADAPTIVE.match(op.name)) is not None:
            found.append((op, int(match[1])))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op, rank in found:
        size, out = (_shape(value)[-rank:] for value in (op.operands[0], op.results[0]))
        if size and out and not any(extent % count for extent, count in zip(size, out, strict=True)):
            _replace(op, rank, [extent // count for extent, count in zip(size, out, strict=True)])


def _shape(value: ir.Value) -> list[int]:
    """[1, 4, 3, 5, 6] of !torch.vtensor<[1,4,3,5,6],f32>; empty where a size is dynamic."""
    match = _SHAPE.match(str(value.type))
    return [] if match is None else [int(size) for size in match[1].split(",")]


def _replace(op: ir.Operation, rank: int, kernel: Sequence[int]) -> None:
    """Puts an average pool of windows side by side in place of `op`."""
    with op.context, ir.InsertionPoint(op), op.location:
        windows, none = _integers(kernel), _integers([0] * rank)
        false, true = _constant("bool", "false"), _constant("bool", "true")
        operands = [op.operands[0], windows, windows, none, false, true]
        if rank > 1:
            operands.append(ir.Operation.create("torch.constant.none", [ir.Type.parse("!torch.none")]).result)
        pool = ir.Operation.create(f"torch.aten.avg_pool{rank}d", [op.results[0].type], operands)
    op.results[0].replace_all_uses_with(pool.result)
    op.erase()


def _integers(numbers: Sequence[int]) -> ir.Value:
    """A !torch.list<int> of constants."""
    items = [_constant("int", f"{number} : i64") for number in numbers]
    return ir.Operation.create("torch.prim.ListConstruct", [ir.Type.parse("!torch.list<int>")], items).result


def _constant(kind: str, text: str) -> ir.Value:
    attributes = {"value": ir.Attribute.parse(text)}
    return ir.Operation.create(f"torch.constant.{kind}", [ir.Type.parse(f"!torch.{kind}")], [], attributes).result
