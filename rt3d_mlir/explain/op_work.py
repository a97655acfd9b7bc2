"""What the ops of a scheduled module move through memory and compute, as far as types and uses tell.

A dispatch reads its operands and writes its result. Of what is left to IREE, an op that works element by element has no
result in memory where IREE is sure to fuse it into the ops that read it; those then read what it reads. A slice is read
in place by IREE's code. Constants are read; what depends on constants alone is evaluated when the module is compiled.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir

from rt3d_mlir.explain import floor_facts
from rt3d_mlir.explain.floor_facts import RESHAPES
from rt3d_mlir.frontend.model_ops import NO_OPS
from rt3d_mlir.iree import internals
from rt3d_mlir.passes.framework.provenance import tensor_ops
from rt3d_mlir.passes.ir.match import body_ops, defining_op, is_parallel

#: Named ops that IREE turns into generics, which it fuses as such.
_NAMED = ("linalg.transpose", "linalg.broadcast", "linalg.map")
_SLICE, _INSERT = "tensor.extract_slice", "tensor.insert_slice"


@dataclass(frozen=True)
class Work:
    """`bytes` read and written in memory, `steps` of windows (positions x window), `gathers` through an index."""

    bytes: int = 0
    steps: int = 0
    gathers: int = 0


class OpWork:
    """Of the ops of one module."""

    def __init__(self, module: ir.Module) -> None:
        self._variable = floor_facts.variable(module)
        self._links = Counter(_first_link(op) for op in tensor_ops(module) if floor_facts.is_dispatch(op))
        self._fused: dict[ir.Value, bool] = {}
        self._summed: dict[ir.Value, bool] = {}
        self._read: dict[ir.Value, frozenset[ir.Value]] = {}
        for op in tensor_ops(module):
            for value in op.results:
                self._leaves(value)  # in order, so that what an op reads is known before it: no deep recursion

    def is_constant(self, op: ir.OpView) -> bool:
        """Whether an op's results are known when the module is compiled."""
        return len(op.results) > 0 and not any(value in self._variable for value in op.results)

    def of(self, op: ir.OpView) -> Work:
        """What one op, or the dispatch of a kernel, does; nothing for an op that is constant or moves no data."""
        if floor_facts.is_dispatch(op):
            return Work(self._dispatch_bytes(op))
        if self.is_constant(op) or not (floor_facts.is_left(op) or floor_facts.is_conversion(op)):
            return Work()
        return Work(self._bytes(op), _steps(op), _gathers(op))

    def _dispatch_bytes(self, op: ir.OpView) -> int:
        """What it updates in place is written once by all dispatches that do so."""
        tied = _tied(op)
        read = {*op.operands} - ({tied} if tied is not None else set())
        return sum(map(_bytes, read)) + sum(map(_bytes, op.results)) // self._links[_first_link(op)]

    def _bytes(self, op: ir.OpView) -> int:
        if all(self._is_fused(value) for value in op.results) or _is_stored_already(op):
            return 0
        if op.name == _INSERT:
            into = defining_op(op.operands[1])
            written = op.results[0] if into is not None and into.name in NO_OPS else op.operands[0]
            return _bytes(written) + sum(map(_bytes, self._leaves(op.operands[0])))
        read = {leaf for value in _operands(op) for leaf in self._leaves(value)}
        return sum(map(_bytes, read)) + sum(map(_bytes, op.results))

    def _leaves(self, value: ir.Value) -> frozenset[ir.Value]:
        """What is read in memory for a value that an op of IREE's uses."""
        if value not in self._read:
            self._read[value] = self._find_leaves(value)
        return self._read[value]

    def _find_leaves(self, value: ir.Value) -> frozenset[ir.Value]:
        op = defining_op(value)
        if op is not None and op.name in RESHAPES:
            return self._leaves(op.operands[0])
        if op is None or op.name == "arith.constant":
            return frozenset([value])
        if op.name in NO_OPS:
            return frozenset()
        if op.name == _SLICE or not self._is_fused(value):
            return frozenset([value])
        return frozenset().union(*map(self._leaves, _operands(op)))

    def _is_fused(self, value: ir.Value) -> bool:
        """Whether IREE surely keeps a value of an op that is left to it out of memory."""
        if value not in self._fused:
            self._fused[value] = self._find_fused(value)
        return self._fused[value]

    def _find_fused(self, value: ir.Value) -> bool:
        op = defining_op(value)
        if op is None or not floor_facts.is_left(op) or not isinstance(value.type, ir.RankedTensorType):
            return False
        users = list(_users(value))
        if op.name == _SLICE:
            return bool(users) and all(floor_facts.is_left(user) and user.name != "func.return" for user in users)
        if _is_parallel(op) and not self._is_summed(value):
            return bool(users) and all(_is_generic(user) for user in users)
        epilogue = len(users) == 1 and op.name.startswith("linalg.") and _is_parallel(users[0])
        return epilogue and _elements(users[0].results[0]) == _elements(value)

    def _is_summed(self, value: ir.Value) -> bool:
        """Whether a value is a reduction's, or made of one in the same dispatch: nobody computes that again."""
        if value not in self._summed:
            self._summed[value] = self._find_summed(value)
        return self._summed[value]

    def _find_summed(self, value: ir.Value) -> bool:
        op = defining_op(value)
        if op is not None and op.name in RESHAPES:
            return self._is_summed(op.operands[0])
        if op is None or not floor_facts.is_left(op) or op.name == _SLICE:
            return False
        read = [operand for operand in _operands(op) if self._is_fused(_behind_reshapes(operand))]
        return not _is_parallel(op) or any(map(self._is_summed, read))


def is_at_border(conversion: ir.OpView) -> bool:
    """Whether a conversion is one of an input or an output of the model, which every packed net has."""
    if not floor_facts.is_entry(conversion):
        return any(user.name == "func.return" for user in _users(conversion.results[0]))
    return defining_op(_behind_reshapes(conversion.operands[0])) is None


def _behind_reshapes(value: ir.Value) -> ir.Value:
    while (op := defining_op(value)) is not None and op.name in RESHAPES:
        value = op.operands[0]
    return value


def _is_stored_already(op: ir.OpView) -> bool:
    """Whether an op is unfuse-norms' clone, by which a dispatch ends: what another dispatch reads is what it stored."""
    source = defining_op(op.operands[0]) if op.name == internals.CLONE else None
    return source is not None and source.name == "linalg.generic"


def _is_parallel(op: ir.OpView) -> bool:
    return op.name in _NAMED or (op.name == "linalg.generic" and is_parallel(op))


def _is_generic(op: ir.OpView) -> bool:
    return op.name == "linalg.generic" or op.name in _NAMED


def _users(value: ir.Value) -> Iterator[ir.OpView]:
    """The ops that use a value, those inside of others too, behind reshapes."""
    for use in value.uses:
        user = use.owner.opview
        if user.operation.name in RESHAPES:
            yield from _users(user.operation.results[0])
        else:
            yield user


def _operands(op: ir.OpView) -> list[ir.Value]:
    """What an op reads, or an op inside it that is defined outside of it."""
    found = dict.fromkeys(op.operands)

    def visit(inner: ir.Operation) -> ir.WalkResult:
        found.update(dict.fromkeys(value for value in inner.operands if isinstance(value.type, ir.RankedTensorType)))
        return ir.WalkResult.ADVANCE

    op.operation.walk(visit)
    return list(found)


def _tied(op: ir.OpView) -> ir.Value | None:
    """The tensor that a dispatch updates in place."""
    if "tied_operands" not in op.attributes:
        return None
    position = ir.IntegerAttr(ir.ArrayAttr(op.attributes["tied_operands"])[0]).value
    return op.operands[position]


def _first_link(op: ir.OpView) -> ir.Value:
    """The result of the first of the dispatches that update one tensor."""
    tied = _tied(op)
    before = None if tied is None else defining_op(tied)
    return _first_link(before) if before is not None and floor_facts.is_dispatch(before) else op.results[0]


def _steps(op: ir.OpView) -> int:
    """Of a pool or another reduction over windows that is no sum of products; those are MACs."""
    if op.name.startswith("linalg.pooling"):
        return _elements(op.results[0]) * _elements(op.operands[1])
    if op.name != "linalg.generic" or floor_facts.multiplies_and_sums(op) or not floor_facts.has_windows(op):
        return 0
    return prod(floor_facts.loops(op))


def _gathers(op: ir.OpView) -> int:
    if op.name != "linalg.generic":
        return 0
    return sum(inner.name == "tensor.extract" for inner in body_ops(op)) * prod(floor_facts.loops(op))


def _elements(value: ir.Value) -> int:
    """0 where the shape is known at run time only."""
    kind = value.type
    if not isinstance(kind, ir.RankedTensorType):
        return 1
    shape = ir.RankedTensorType(kind)
    return prod(shape.shape) if shape.has_static_shape else 0


def _bytes(value: ir.Value) -> int:
    """Of a tensor; a scalar is in a register."""
    if not isinstance(value.type, ir.RankedTensorType):
        return 0
    element = ir.RankedTensorType(value.type).element_type
    known = isinstance(element, ir.IntegerType | ir.F16Type | ir.BF16Type | ir.F32Type)
    return _elements(value) * (max(1, element.width // 8) if known else 8)
