"""Group lasso, fixed and reweighted (RT3D, AAAI 2021, sec. 4), as one differentiable term of the loss.

    R(W) = strength * sum over layers l of  c_l s_l^2  sum over units u of  n_u P_u h(r_u / s_l)

    r_u   norm of a unit per weight: l2 ||w_u|| / sqrt(n_u), l1 |w_u| / n_u, or mixed, the mean of both
    n_u   its number of weights: this is the paper's ||P o W||_g, each group scaled with its size as group lasso does
    s_l   root mean square of the layer's weights: the unit of measure of its norms
    P_u   1 for fixed; 1 / ((r_u / s_l)^2 + epsilon) at the last refresh for reweighted, where s_l is taken anew too
    c_l   MACs of the layer / mean MACs of the pruned layers; or 1
    h     the norm itself, rounded to a square below d = sqrt(epsilon):  x - d/2,  or x^2 / 2d where x < d

The gradient says what it does. A weight of an l2 unit with x = r_u / s_l >= d is pulled to zero like this:

    dR/dw = strength * c_l * P_u / x * w            x:             0.1    0.5    1     2      (epsilon = 0.01)
                                                    P_u / x:       500    7.7    1.0   0.12

So the penalty is a weight decay that every unit has of its own, `strength` for a unit of average size: weak
units die, strong ones are let go. That holds for every layer and unit size, whatever the scale of its weights,
and shrinking all of a layer's weights (batch norm undoes it) makes no unit's P larger. Without h the pull would
jump at zero, and SGD would hop around it in steps of lr * strength / epsilon instead of arriving.

Left to the penalty alone, SGD takes about 1 / (3 * strength) of training length, which is lr / (1 - momentum) * steps,
to bring an average unit to zero (1 / strength if fixed). So a strength near 1 / length fits: the paper's 2e-4,
momentum 0.9 and 150 epochs of UCF101 are a length of 90, and 0.005 to 0.025 is the range to try. Optimizers that
divide by the gradient's size, as Adam does, divide the penalty by it too and blur the difference between units.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional as F

from rt3d_mlir.pruning.config import PruneConfig
from rt3d_mlir.pruning.layers import TrainedLayer

_TINY = 1e-12  # the scale of a layer that is all zeros


class Penalty:
    """R(W) of `layers`. Its tensors live on the weights' device, one value for each unit of all layers."""

    def __init__(self, layers: Sequence[TrainedLayer], config: PruneConfig):
        self._layers = layers
        self._config = config
        self._counts = [layer.units.sizes.size for layer in layers]
        mean = sum(layer.macs for layer in layers) / len(layers)
        costs = [layer.macs / mean if config.flops_weighted else 1.0 for layer in layers]
        self._sizes = self._vector(np.concatenate([layer.units.sizes.ravel() for layer in layers]))
        self._costs = self._by_unit(self._vector(costs))
        self._set(self._rms(), torch.ones_like(self._sizes))
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        """Reweighted: take s_l and P_u from the weights as they are now. Fixed: nothing."""
        if self._config.algorithm == "reweighted":
            self._set(self._rms(), self._factors)
            self._set(self._scales, 1 / (self._relative_norms().square() + self._config.epsilon))

    def __call__(self) -> torch.Tensor:
        """R(W), a scalar of at least float32 with a gradient in the weights."""
        norms = self._relative_norms()
        rounded = F.smooth_l1_loss(norms, torch.zeros_like(norms), reduction="none", beta=self._config.epsilon**0.5)
        return (self._pull * rounded).sum()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """scales: s_l [layers], factors: P_u [units of all layers]."""
        return {"scales": self._scales.clone(), "factors": self._factors.clone()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        self._set(state["scales"].to(self._sizes), state["factors"].to(self._sizes))

    def _set(self, scales: torch.Tensor, factors: torch.Tensor) -> None:
        self._scales, self._factors = scales, factors
        by_unit = self._by_unit(scales)
        self._pull = self._config.strength * self._costs * by_unit.square() * self._sizes * factors
        self._per_l1 = 1 / (by_unit * self._sizes)
        self._per_l2 = 1 / (by_unit * self._sizes.sqrt())

    def _rms(self) -> torch.Tensor:
        squares = [layer.weight.detach().double().square().mean() for layer in self._layers]
        return torch.stack(squares).sqrt().clamp(min=_TINY).to(self._sizes.dtype)

    def _relative_norms(self) -> torch.Tensor:
        """[units of all layers]: r_u / s_l."""
        # One long vector: a few kernel launches for the whole network beside one a layer for the norms.
        with torch.autocast(self._sizes.device.type, enabled=False):
            if self._config.norm == "l2":
                return self._norms(2) * self._per_l2
            if self._config.norm == "l1":
                return self._norms(1) * self._per_l1
            return (self._norms(2) * self._per_l2 + self._norms(1) * self._per_l1) / 2

    def _norms(self, order: int) -> torch.Tensor:
        dtype = self._sizes.dtype
        return torch.cat([layer.units.norms(layer.weight.to(dtype), order) for layer in self._layers])

    def _by_unit(self, by_layer: torch.Tensor) -> torch.Tensor:
        counts = torch.tensor(self._counts, device=by_layer.device)
        return by_layer.repeat_interleave(counts, output_size=sum(self._counts))

    def _vector(self, values: Sequence[float] | np.ndarray) -> torch.Tensor:
        """`values` on the weights' device: float64 for double weights, else float32."""
        weight = self._layers[0].weight
        return torch.tensor(values, dtype=torch.promote_types(weight.dtype, torch.float32), device=weight.device)
