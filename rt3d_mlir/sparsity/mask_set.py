"""The masks of a whole model, by parameter name, and how they are laid over its weights."""

# pyright: strict

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt3d_mlir.errors import MaskError, WeightError, did_you_mean
from rt3d_mlir.sparsity.groups import GroupSize, filters_first
from rt3d_mlir.sparsity.masks import Mask, check_mask, expand, kept_share
from rt3d_mlir.sparsity.patterns import Sparsity


@dataclass(frozen=True, eq=False)
class MaskSet:
    """Masks keep[P, Q, Kd, Kh, Kw] of the pruned layers; a layer that is not named stays dense.

    Raises MaskError, naming the layer, for a mask that does not fit its weight shape and the group, and
    ConfigError for an unknown sparsity.
    """

    group: GroupSize
    sparsity: str
    masks: dict[str, Mask]
    """By parameter name, as in "conv2.weight"."""
    shapes: dict[str, tuple[int, ...]]
    """The shape of each masked weight, by the same names, as the model has it."""
    transposed: frozenset[str] = frozenset()
    """The layers whose weights are [N, M, Kd, Kh, Kw], channels first, as those of transposed convolutions."""

    def __post_init__(self) -> None:
        Sparsity.parse(self.sparsity)
        object.__setattr__(self, "transposed", frozenset(self.transposed))
        if lost := sorted(self.transposed - self.masks.keys()):
            raise MaskError(f"{', '.join(lost)}: transposed, but without a mask: expected names of masked layers")
        if self.masks.keys() != self.shapes.keys():
            lone = sorted(self.masks.keys() ^ self.shapes.keys())
            raise MaskError(f"{', '.join(lone)}: expected a mask and a weight shape for every layer, saw one")
        for name, mask in self.masks.items():
            try:
                check_mask(mask, self._filters_first(name), self.group)
            except (MaskError, WeightError) as error:
                raise MaskError(f"{name}: {error}") from error

    def keeps(self, name: str) -> Mask:
        """One bit for each weight of a layer, in the weight's own shape: True where it is kept."""
        bits = expand(self.masks[name], self._filters_first(name), self.group)
        return bits.swapaxes(0, 1) if name in self.transposed else bits

    def kept_share(self, name: str) -> float:
        """The share of a layer's weights kept, in [0, 1]: the MACs left of its dense MACs."""
        return kept_share(self.masks[name], self._filters_first(name), self.group)

    def _filters_first(self, name: str) -> tuple[int, ...]:
        return filters_first(self.shapes[name], name in self.transposed)


def apply_masks(weights: Mapping[str, NDArray[Any]], mask_set: MaskSet) -> dict[str, NDArray[Any]]:
    """All of `weights`, in their order; masked ones are new arrays with zeros where removed.

    Raises MaskError for a mask whose layer is not in `weights`, or whose weights have another shape.
    """
    for name, shape in mask_set.shapes.items():
        if name not in weights:
            raise MaskError(
                f"the masks name layer {name!r}, which the model does not have{did_you_mean(name, weights)}"
            )
        if weights[name].shape != shape:
            raise MaskError(
                f"{name}: weights of shape {weights[name].shape}, but the mask was made for {shape}; "
                "use the masks of this model, or prune it again"
            )
    return {
        name: np.where(mask_set.keeps(name), weight, weight.dtype.type(0)) if name in mask_set.masks else weight
        for name, weight in weights.items()
    }
