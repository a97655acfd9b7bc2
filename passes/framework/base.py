"""What every pass is: a frozen dataclass with a kebab-case name, typed options, and `run(module, state)`.

The contract: a pass takes a module that verifies and leaves one that verifies. Where its conditions do not hold, it
leaves the IR as it was and says why with `state.refuse`. The numbers of constants are in `state.weights`, never in the
IR.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import iree.compiler.ir as ir
from iree.compiler import rewrite

from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.passes.framework.provenance import keys

Failure = object
"""The type of what a pattern returns for a match failure. By MLIR's convention it is truthy; None says "rewritten"."""
NO_MATCH = True
"""A match failure without a reason."""


@dataclass(frozen=True)
class Note:
    """One refusal, or remark: which pass left which layer alone, and why."""

    pass_name: str
    layer: str
    reason: str

    def __str__(self) -> str:
        return f"{self.pass_name}: {self.layer}: {self.reason}"


@dataclass(frozen=True)
class LayerFacts:
    """What a pass that packs a layer tells the report. MACs are those of a whole batch."""

    parameter: str | None
    """The model's parameter that the weights come from; None where they have no name."""
    weight_shape: tuple[int, ...]
    macs_before: int
    macs_after: int
    kept_share: float
    """The share of the weights that the packed layer multiplies by."""
    how: str = ""
    """What was chosen for this layer alone: groups of its own, or Winograd."""

    @property
    def by_winograd(self) -> bool:
        return self.how.startswith("Winograd")


@dataclass
class State:
    """What passes share besides the IR: the side table of weights, the refusals, and facts for the report."""

    weights: WeightTable = field(default_factory=WeightTable)
    """The numbers of all constants, by the name that the IR has for them."""
    notes: list[Note] = field(default_factory=list)
    """The refusals, in the order in which they came."""
    layers: dict[str, LayerFacts] = field(default_factory=dict)
    """Of each packed layer, by its name, in the order in which they were packed."""

    tiles: dict[str, tuple[str, list[tuple[int, int]]]] = field(default_factory=dict)
    """For each conv that was scheduled its cpu_tile.tile_key and the tiles it can have, the model's choice first."""

    reasons: dict[str, str] = field(default_factory=dict)
    """Why an op of the model was refused first, by its key (passes.framework.provenance)."""

    def refuse(self, pass_name: str, layer: str, reason: str, op: ir.OpView | None = None) -> Failure:
        """Records why a layer is left alone, once, and returns a match failure.

        `op` is the op that was refused; `--explain` then shows the reason beside it.
        """
        note = Note(pass_name, layer, reason)
        if note not in self.notes:
            self.notes.append(note)
        for key in keys(op) if op is not None else ():
            self.reasons.setdefault(key, f"{pass_name}: {reason}")
        return NO_MATCH


@dataclass(frozen=True)
class Pass:
    """Base of all passes; a subclass sets `name` and implements `run`. Its dataclass fields are its options."""

    name: ClassVar[str]
    after: ClassVar[str | None] = None
    """For passes of other packages (rt3d_mlir.passes.plugins): after which of our passes it runs in each compile."""

    def run(self, module: ir.Module, state: State) -> None:
        """Rewrites `module` in place."""
        raise NotImplementedError


Pattern = Callable[[ir.OpView, rewrite.PatternRewriter], Failure | None]
"""Called with an op of one name; rewrites it and returns None, or changes nothing and returns a match failure."""


def first_match(*patterns: Pattern) -> Pattern:
    """One pattern of several, for ops of one name: they are tried in order, up to the first that rewrites the op."""

    def tried(op: ir.OpView, rewriter: rewrite.PatternRewriter) -> Failure | None:
        return NO_MATCH if all(pattern(op, rewriter) for pattern in patterns) else None

    return tried


def apply_patterns(module: ir.Module, patterns: Mapping[str, Pattern]) -> None:
    """Applies a pattern for each op name, greedily to a fixed point, and drops ops whose results nobody uses.

    MLIR's own folding stays off, because it would fold masked weights before a pattern sees them.
    """
    pattern_set = rewrite.RewritePatternSet()
    for op_name, pattern in patterns.items():
        pattern_set.add(op_name, pattern)
    config = rewrite.GreedyRewriteConfig()
    config.enable_folding = False
    rewrite.apply_patterns_and_fold_greedily(module.operation, pattern_set.freeze(), config)
