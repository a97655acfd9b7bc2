"""What became of each layer: kept share, MACs before and after, packed or why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from rich.table import Table

from rt3d_mlir.passes.framework.base import LayerFacts, Note, State
from rt3d_mlir.runtime.artifact import Layer


@dataclass(frozen=True)
class Report:
    """The layers in the order they run, and what the passes refused."""

    layers: list[Layer]
    notes: list[Note]

    @property
    def macs_before(self) -> int:
        return sum(layer.macs_before for layer in self.layers)

    @property
    def macs_after(self) -> int:
        return sum(layer.macs_after for layer in self.layers)

    @property
    def rate(self) -> float:
        """MACs before over MACs after: what the speedup is measured against."""
        return self.macs_before / max(1, self.macs_after)

    def table(self) -> Table:
        """A rich table, a row a layer and the sum below."""
        table = Table(box=None, pad_edge=False, show_footer=True)
        table.add_column("layer", footer="all")
        table.add_column("weights", footer="")
        table.add_column("kept", justify="right", footer=f"{self.macs_after / max(1, self.macs_before):.1%}")
        table.add_column("MACs before", justify="right", footer=macs_text(self.macs_before))
        table.add_column("MACs after", justify="right", footer=macs_text(self.macs_after))
        table.add_column("", footer=f"{self.rate:.2f}x fewer")
        for layer in self.layers:
            table.add_row(
                layer.name,
                "x".join(map(str, layer.weight_shape)),
                f"{layer.kept_share:.1%}",
                macs_text(layer.macs_before),
                macs_text(layer.macs_after),
                (layer.reason or "packed") if layer.packed else f"not packed: {layer.reason}",
            )
        return table


def build_report(state: State, dense_macs: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]) -> Report:
    """The report of a pipeline that ran.

    `dense_macs` are the model's own MACs by parameter name: a layer in it that was not packed still has its row.
    """
    packed: dict[str, list[tuple[str, LayerFacts]]] = {}  # a parameter that two layers share has two entries
    for name, facts in state.layers.items():
        packed.setdefault(facts.parameter or name, []).append((name, facts))
    # Patterns do not run in the order of the layers; the model's parameters are the nearest to it there is.
    uncounted = sorted((key for key in packed if key not in dense_macs), key=[*shapes, *packed].index)
    layers = []
    for parameter in [*dense_macs, *uncounted]:
        for name, facts in packed.get(parameter, []):
            shape = shapes.get(parameter, facts.weight_shape)
            before, after, kept = facts.macs_before, facts.macs_after, facts.kept_share
            if len(packed[parameter]) == 1 and dense_macs.get(parameter, before) < before:
                # a transposed conv, in whose packed form each phase has zeros for the taps of the others, and whose
                # border has positions of which most taps read padding
                before, kept = dense_macs[parameter], min(1.0, kept * prod(facts.weight_shape) / prod(shape))
                after = round(kept * before)
            layers.append(Layer(name, shape, before, after, kept, True, facts.how))
        if parameter not in packed:
            name, macs = parameter.removesuffix(".weight"), dense_macs[parameter]
            layers.append(Layer(name, shapes[parameter], macs, macs, 1.0, False, _reason(state, name)))
    return Report(layers, list(state.notes))


def _reason(state: State, layer: str) -> str:
    said = [note.reason for note in state.notes if note.layer == layer]
    return said[0] if said else "no pass knows this form of it; IREE compiles it as it is"


def macs_text(macs: int) -> str:
    """1.039 G, 0.517 M or 960."""
    return f"{macs / 1e9:.3f} G" if macs >= 1e7 else f"{macs / 1e6:.3f} M" if macs >= 1e4 else str(macs)
