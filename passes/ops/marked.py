"""Marked ops: what passes leave for each other, and how it is read back, by name.

A pass that builds an op of its own kind marks it: one attribute says what the op is, what its inputs are called, and
the facts that cannot be read off its body. A body also reads tensors that are no inputs, and names each at the read:

    %y = linalg.generic ... ins(%window : tensor<1x2x2xf32>) outs(...)
        attrs = {max_pool = {ins = ["window"], kernel = array<i64: 1, 2, 2>, low = ..., strides = ...}} {
      %v = tensor.extract %x[...] {operand = "x"} : tensor<1x2x4x8x8x4xf32>

A kind of op is a subclass of Marked, whose fields say what its mark has. `mark` writes it, `match` reads it back:

    class MaxPool(Marked):
        name: ClassVar[str] = "max_pool"
        x: ir.Value                       an operand
        kernel: tuple[int, ...]           a fact

A builder may then order what it reads as it likes. Who matches decides what to do with an op, and says why in its own
name; `match` refuses nothing.
"""

import functools
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, ClassVar, Self, get_type_hints

import iree.compiler.ir as ir
from iree.compiler.dialects import arith, tensor

from rt3d_mlir.errors import PassError
from rt3d_mlir.passes.ir.match import body_ops, integers, only_user

_INPUTS, _OPERAND = "ins", "operand"


@dataclass(frozen=True, eq=False)
class Marked:
    """A marked op. A subclass sets `name`, the attribute's, and has a field for each operand and each fact.

    A field of type ir.Value is an operand; a fact is a `str`, `bool`, `tuple[int, ...]` or dataclass of whole numbers.
    """

    name: ClassVar[str]
    op: ir.OpView

    @classmethod
    def marks(cls, op: ir.OpView | ir.Operation) -> bool:
        """Whether an op has this mark."""
        return cls.name in op.attributes

    @classmethod
    def match(cls, op: ir.OpView) -> Self | None:
        """The op as its mark describes it; None for one without this mark. Raises PassError for a mark that lacks
        something, which only IR that was written by hand has."""
        if not cls.marks(op):
            return None
        try:
            facts = ir.DictAttr(op.attributes[cls.name])
            known = _named_operands(op, facts) if ir.Value in _fields(cls).values() else {}
            return cls(op, **{key: _read(kind, key, known, facts) for key, kind in _fields(cls).items()})
        except (TypeError, ValueError) as error:
            reason = f"a {op.name} is marked as {cls.name}, but its mark cannot be read: {error}"
            raise PassError(f"{reason}; expected {', '.join(_fields(cls))}, as passes/ops describes them") from None

    @classmethod
    def mark(cls, op: ir.OpView | ir.Operation, ins: Sequence[str] = (), **facts: Any) -> None:
        """Marks an op; `ins` are the names of its inputs, in order, and `facts` what the subclass has fields for."""
        expected = {key for key, kind in _fields(cls).items() if kind is not ir.Value}
        assert facts.keys() == expected, f"{cls.name} has the facts {expected}, not {facts.keys()}"
        attributes = {key: _attribute(fact) for key, fact in facts.items()}
        if ins:
            attributes[_INPUTS] = ir.ArrayAttr.get([ir.StringAttr.get(each) for each in ins])
        op.attributes[cls.name] = ir.DictAttr.get(attributes)

    @classmethod
    def unmark(cls, op: ir.OpView | ir.Operation) -> None:
        """Takes the mark off an op that has it."""
        del op.attributes[cls.name]


def read(name: str, source: ir.Value, at: Sequence[ir.Value]) -> ir.Value:
    """In a marked op's body: the number at `at` of a tensor, which is the op's operand `name`."""
    extract = tensor.ExtractOp(source, list(at))
    extract.operation.attributes[_OPERAND] = ir.StringAttr.get(name)
    return extract.result


def read_index(name: str, table: ir.Value, *at: ir.Value) -> ir.Value:
    """The same of a table of whole numbers, as an index."""
    return arith.index_cast(ir.IndexType.get(), read(name, table, at))


def gathering_user(value: ir.Value) -> ir.OpView | None:
    """The only user of a value, if its body reads it by `read`."""
    user = only_user(value)
    return None if user is None else gathering_op(user)


def gathering_op(read: ir.OpView) -> ir.OpView | None:
    """The op whose body has a `read`; None for an op that is none."""
    if read.name != "tensor.extract" or read.operation.parent is None:
        return None
    return read.operation.parent.opview


@functools.cache
def _fields(cls: type[Marked]) -> dict[str, Any]:
    """The operands and facts of a kind of op, each with its type."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls) if field.name != "op"}


def _named_operands(op: ir.OpView, facts: ir.DictAttr) -> dict[str, ir.Value]:
    """Inputs as the mark names them, and what the body reads by name."""
    names = [ir.StringAttr(name).value for name in ir.ArrayAttr(facts[_INPUTS])] if _INPUTS in facts else []
    reads = [inner for inner in body_ops(op) if inner.name == "tensor.extract" and _OPERAND in inner.attributes]
    found = {ir.StringAttr(inner.attributes[_OPERAND]).value: inner.operands[0] for inner in reads}
    return found | dict(zip(names, op.operands, strict=False))


def _read(kind: Any, key: str, operands: dict[str, ir.Value], facts: ir.DictAttr) -> Any:
    if key not in (operands if kind is ir.Value else facts):
        raise ValueError(f"'{key}' is missing")
    if kind is ir.Value:
        return operands[key]
    if kind is str:
        return ir.StringAttr(facts[key]).value
    if kind is bool:
        return ir.BoolAttr(facts[key]).value
    numbers = integers(facts[key])
    return tuple(numbers) if kind == tuple[int, ...] else kind(*numbers)


def _attribute(fact: Any) -> ir.Attribute:
    if isinstance(fact, str):
        return ir.StringAttr.get(fact)
    if isinstance(fact, bool):
        return ir.BoolAttr.get(fact)
    return ir.DenseI64ArrayAttr.get(list(fact if isinstance(fact, Sequence) else astuple(fact)))
