"""Marks on ops: an attribute that says what a linalg.generic is, with the facts that cannot be read off its body."""

from collections.abc import Sequence

import iree.compiler.ir as ir


def mark(op: ir.OpView, name: str, **facts: str | Sequence[int]) -> None:
    """Gives an op the attribute `name = {fact = "text", fact = array<i64: ...>}`."""
    attributes = {
        key: ir.StringAttr.get(fact) if isinstance(fact, str) else ir.DenseI64ArrayAttr.get(list(fact))
        for key, fact in facts.items()
    }
    op.operation.attributes[name] = ir.DictAttr.get(attributes)
