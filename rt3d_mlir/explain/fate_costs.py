"""What the fate of an op costs, in memory traffic and estimated time: its kernels, and what is left of it to IREE."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import iree.compiler.ir as ir

from rt3d_mlir.explain import floor_facts
from rt3d_mlir.explain.explanation import INSERTED
from rt3d_mlir.explain.op_work import OpWork, is_at_border
from rt3d_mlir.runtime.artifact import Fate
from rt3d_mlir.targets import Rates


@dataclass(frozen=True)
class FateCosts:
    """Of the ops of one scheduled module, at a target's rates."""

    work: OpWork
    rates: Rates

    def add(self, fate: Fate, kernels: Sequence[ir.OpView], left: Sequence[ir.OpView], winograd: bool) -> Fate:
        """The fate with the costs of the dispatches and of the ops left to IREE that count as its."""
        packed, off = (sum(self.work.of(op).bytes for op in ops) for ops in (kernels, left))
        seconds, seconds_off = 0.0, sum(map(self._seconds, left))
        if kernels:
            rate = self.rates.winograd if winograd else self.rates.packed
            seconds = max((fate.macs - fate.macs_off) / rate, packed / self.rates.copy)
        fast = all(floor_facts.is_matmul(op) for op in left if floor_facts.is_product(op))
        seconds_off = max(seconds_off, fate.macs_off / (self.rates.matmul if fast else self.rates.scalar))
        total = seconds + seconds_off
        return replace(fate, bytes=packed + off, bytes_off=off, seconds=total, seconds_off=seconds_off)

    def conversion(self, op: ir.OpView) -> Fate:
        """The fate of a conversion. One between two layers is there for what is off the packed path, so its time is."""
        ours = floor_facts.is_dispatch(op)
        name, by = ("block_layout", "a kernel") if ours else (op.name, "IREE")
        source = op.operands[0].type if len(op.operands) else None
        moved = self.work.of(op).bytes
        seconds = moved / (self.rates.copy if ours else self.rates.plain)
        why = f"{_short(source)} to {_short(op.results[0].type)}, by {by}"
        off = 0.0 if is_at_border(op) else seconds
        return Fate(name, "conversion", 0, INSERTED, [], why, bytes=moved, seconds=seconds, seconds_off=off)

    def _seconds(self, op: ir.OpView) -> float:
        """Of IREE's code for one op, but for its MACs."""
        work, rates = self.work.of(op), self.rates
        return max(work.bytes / rates.plain, work.steps / rates.scalar, work.gathers / rates.gather)


def _short(kind: ir.Type | None) -> str:
    """1x16x112x112xf32 of tensor<1x16x112x112xf32>."""
    return str(kind).removeprefix("tensor<").removesuffix(">")
