"""unfuse-norms: values that are computed element by element and then normalized go through memory, not the stack.

    s = a + b
    y = (s - mean(s)) / std(s)    and s is read again, as a residual sum before a layer norm is

IREE makes one dispatch of this. Where s is a result of the dispatch beside y, or cannot be computed once for each of
its readers since it reads by indices, iree-compile 3.13 keeps as much of s on the stack as a workgroup normalizes: 32
rows of 768 numbers are 96 KiB. It refuses more than 32 KiB ("exceeded stack allocation limit"), which is all that a
worker thread is sure to have; in front of a softmax it may fail otherwise ("restricted to workgroup distributed
contexts"). A clone between s and all that read it ends the dispatch with s. It is no copy at run time: s is stored, and
its readers read what is stored.

A value is cloned if it is normalized by two sums, the second of which depends on the first (layer, batch and instance
norm, softmax). A value that is summed up once is cloned if it reads by indices. The exponentials within a softmax are
neither.

Given:
    %s = linalg.generic { addf } ins(%a, %b)
    %m = linalg.generic { sum of s along a row } ins(%s)
    %v = linalg.generic { sum of (s - m) * (s - m) along a row } ins(%s, %m)
    %y = linalg.generic { (s - m) * rsqrt(v) } ins(%s, %m, %v)
Result:
    %s = linalg.generic { addf } ins(%a, %b)
    %c = flow.tensor.clone %s
    %m = linalg.generic { sum of c along a row } ins(%c)
    ...
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir

from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.ir.build import clone_for_readers
from rt3d_mlir.passes.ir.match import body_ops, is_parallel, ops_named, static_shape

#: What computes, and what moves numbers without computing; IREE fuses beyond it.
_FUSABLE = ("linalg.generic", "tensor.expand_shape", "tensor.collapse_shape", "linalg.transpose", "linalg.broadcast")
_INDEXED = ("linalg.index", "tensor.extract")


@dataclass(frozen=True)
class UnfuseNorms(Pass):
    """Clones what is normalized and has several readers; static shapes only. Runs last: what is left is IREE's."""

    name: ClassVar[str] = "unfuse-norms"

    def run(self, module: ir.Module, state: State) -> None:
        ops = ops_named(module, *_FUSABLE)
        sums, indexed = _sums_ahead(ops), _read_by_index(ops)
        for op in ops:
            for value in op.results:
                if _may_fuse(op) and len(list(value.uses)) > 1 and sums[value] >= (1 if value in indexed else 2):
                    clone_for_readers(value)


def _may_fuse(op: ir.Operation) -> bool:
    """Whether IREE may put an op, of static shape, into the dispatch of a reduction that reads it."""
    return op.name == "linalg.generic" and is_parallel(op.opview) and static_shape(op.results[0]) is not None


def _sums_ahead(ops: Sequence[ir.Operation]) -> dict[ir.Value, int]:
    """How many reductions follow each value, one on the result of the other; `ops` are in the module's order."""
    ahead: dict[ir.Value, int] = {}
    for op in reversed(ops):
        for value in op.results:
            readers = [use.owner.operation for use in value.uses]
            ahead[value] = max(
                (_is_sum(r) + max(ahead[v] for v in r.results) for r in readers if r.name in _FUSABLE), default=0
            )
    return ahead


def _read_by_index(ops: Sequence[ir.Operation]) -> set[ir.Value]:
    """Results of generics that read at computed indices, as a flip does, or into which IREE fuses one that does."""
    found: set[ir.Value] = set()
    for op in ops:
        if not _is_sum(op) and (any(value in found for value in op.operands) or _has_index(op)):
            found.update(op.results)
    return found


def _is_sum(op: ir.Operation) -> bool:
    return op.name == "linalg.generic" and not is_parallel(op.opview)


def _has_index(op: ir.Operation) -> bool:
    return op.name == "linalg.generic" and any(inner.name in _INDEXED for inner in body_ops(op.opview))
