"""What a unit is worth: the square of its weights' norm, or the importance that the loss's gradients give it."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rt3d_mlir.errors import PruneError, WeightError
from rt3d_mlir.pruning.layers import TrainedLayer
from rt3d_mlir.pruning.select import Candidates

#: [units] by parameter name.
ByLayer = Mapping[str, NDArray[np.float64]]


class UnitEnergies:
    """Of the layers that are pruned; by importance where `heuristic`."""

    def __init__(self, layers: Sequence[TrainedLayer], heuristic: bool):
        self._layers = layers
        self._heuristic = heuristic
        self.importance: dict[str, torch.Tensor] = {
            layer.name: torch.zeros(layer.units.sizes.size, device=layer.weight.device)
            for layer in (layers if heuristic else ())
        }
        """By parameter name, [units], summed over batches."""

    @torch.no_grad()
    def gather(self) -> None:
        """Adds the importance that the gradients of one batch tell.

        I_u = (sum over u of w dL/dw)^2: the square of the loss's change, to first order, were u removed (Molchanov
        et al., CVPR 2019). It takes the place of the paper's ThiNet- and NISP-like scores, which propagate
        reconstruction errors and final responses back layer by layer, and are defined for channels, not for
        locations of groups. Infinite gradients count 0.
        """
        for layer in self._layers if self._heuristic else ():
            if layer.weight.grad is not None:
                change = layer.units.sums((layer.weight.detach() * layer.weight.grad).float())
                self.importance[layer.name] += change.square().nan_to_num(nan=0.0, posinf=0.0)

    def squares(self) -> dict[str, NDArray[np.float64]]:
        """[units] by parameter name: squared norms. Raises WeightError for weights that are not finite."""
        squares = {
            layer.name: layer.units.sums(layer.weight.detach().double().square()).cpu().numpy()
            for layer in self._layers
        }
        for name, values in squares.items():
            if not np.isfinite(values).all():
                raise WeightError(f"{name}: NaN or infinite weights: go back to the last good checkpoint")
        return squares

    def energies(self) -> dict[str, NDArray[np.float64]]:
        """[units] by parameter name. Raises PruneError where the heuristic saw no gradient."""
        squares = self.squares()
        if not self._heuristic:
            return squares
        energies = {name: importance.double().cpu().numpy() for name, importance in self.importance.items()}
        if not any(energy.any() for energy in energies.values()):
            raise PruneError("no importance was gathered: call after_backward after loss.backward, at least once")
        return energies

    def candidates(self, energies: ByLayer, balanced: bool) -> dict[str, Candidates]:
        """The units of each layer, to choose from by these energies."""
        return {
            layer.name: Candidates(
                energies=energies[layer.name].reshape(layer.units.sizes.shape),
                sizes=layer.units.sizes,
                macs_per_weight=layer.macs // layer.weight.numel(),
                balanced=balanced,
            )
            for layer in self._layers
        }
