"""Masked training: removed weights are zero, get no gradient, and stay zero whatever the optimizer does."""

from collections.abc import Mapping

import torch
from torch import nn

from rt3d_mlir.sparsity import MaskSet


class Masking:
    """Masks of `weights`, both by parameter name. Gradients are masked from now on, weights at each `apply`."""

    def __init__(self, weights: Mapping[str, nn.Parameter], masks: MaskSet):
        self._weights = list(weights.values())
        self._removed = [torch.from_numpy(~masks.keeps(name)).to(weight.device) for name, weight in weights.items()]
        # Without a gradient, an optimizer that starts now keeps no state for removed weights, and clipping by norm
        # does not see them.
        self._hooks = [
            weight.register_hook(lambda gradient, removed=removed: gradient.masked_fill(removed, 0))
            for weight, removed in zip(self._weights, self._removed, strict=True)
        ]

    @torch.no_grad()
    def apply(self) -> None:
        """Set removed weights to +0, in place."""
        for weight, removed in zip(self._weights, self._removed, strict=True):
            weight.masked_fill_(removed, 0)

    def release(self) -> None:
        """Let gradients through again."""
        for hook in self._hooks:
            hook.remove()
