"""What pruning did: the rate asked for and the one reached, layer by layer."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rt3d_mlir.pruning.config import PruneConfig
from rt3d_mlir.pruning.layers import TrainedLayer
from rt3d_mlir.sparsity import MaskSet


@dataclass(frozen=True)
class LayerReport:
    """A convolution or linear layer. MACs are of one forward pass."""

    name: str
    """Of the parameter."""
    shape: tuple[int, ...]
    kept_share: float
    macs_before: int
    macs_after: int
    dense_because: str
    """Why the layer was left dense; empty if it was pruned."""


@dataclass(frozen=True)
class PruneReport:
    """The layers in the order they run.

    MACs are those of the layers' own masks: where whole filters went, the next layer could also drop the channels
    that they filled, and that is not counted, for it is not what the compiled module does.
    """

    sparsity: str
    group: str
    algorithm: str
    rate_asked: float | None
    """None if ratios were asked for."""
    layers: list[LayerReport]

    @property
    def macs_before(self) -> int:
        return sum(layer.macs_before for layer in self.layers)

    @property
    def macs_after(self) -> int:
        return sum(layer.macs_after for layer in self.layers)

    @property
    def rate_reached(self) -> float:
        return self.macs_before / max(1, self.macs_after)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        sums = {"rate_reached": self.rate_reached, "macs_before": self.macs_before, "macs_after": self.macs_after}
        values = asdict(self)
        return {**values, **sums, "layers": [{**row, "shape": list(row["shape"])} for row in values["layers"]]}


def prune_report(layers: Sequence[TrainedLayer], masks: MaskSet, config: PruneConfig) -> PruneReport:
    """The report of `layers` under `masks`."""
    return PruneReport(
        sparsity=config.sparsity,
        group=str(config.group),
        algorithm=config.algorithm,
        rate_asked=config.rate,
        layers=[_row(layer, masks) for layer in layers],
    )


def _row(layer: TrainedLayer, masks: MaskSet) -> LayerReport:
    share = masks.kept_share(layer.name) if layer.name in masks.masks else 1.0
    return LayerReport(layer.name, layer.units.shape, share, layer.macs, round(share * layer.macs), layer.dense_because)
