"""The life cycle of pruning: prepare, train with the penalty, finalize, train on under the masks, report.

    pruner = prepare(model, PruneConfig(rate=2.6), (1, 3, 16, 112, 112))
    for each batch:   loss = pruner.step(loss); loss.backward(); pruner.after_backward()
                      optimizer.step(); pruner.after_update()
    for each epoch:   pruner.end_epoch()
    masks = pruner.finalize()

After `finalize` the same loop goes on, and removed weights stay zero.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rt3d_mlir.errors import ConfigError, PruneError
from rt3d_mlir.pruning import select
from rt3d_mlir.pruning.config import PruneConfig
from rt3d_mlir.pruning.energies import UnitEnergies
from rt3d_mlir.pruning.layers import TrainedLayer, find_layers
from rt3d_mlir.pruning.masking import Masking
from rt3d_mlir.pruning.penalty import Penalty
from rt3d_mlir.pruning.prune_report import PruneReport, prune_report
from rt3d_mlir.sparsity import Mask, MaskSet


def prepare(model: nn.Module, config: PruneConfig, input_shape: Sequence[int]) -> "Pruner":
    """A pruner of `model`. The model is on its device and holds the weights to start from; it is not changed.

    `input_shape` is (N, C, T, H, W), as the model takes it: MACs depend on it. Raises ModelError if the model does
    not run on it, WeightError for weights that are not finite, and ConfigError for names that are unknown or cannot
    be pruned, for groups that fit no layer, and for a rate that cannot be reached, saying which one can.
    """
    pruner = Pruner(find_layers(model, config, input_shape), config)
    highest = pruner.highest_rate()
    if config.rate is not None and config.rate > highest:
        raise ConfigError(
            f"rate {config.rate:g} cannot be reached: the layers that can be pruned allow at most "
            f"{math.floor(100 * highest) / 100:.2f}; ask for less, use smaller groups, or exclude fewer layers"
        )
    return pruner


class Pruner:
    """Prunes one model while it trains; made by :func:`prepare`.

    Between calls it holds no graph. `step` and the `after_` calls never wait for a GPU.
    """

    def __init__(self, layers: Sequence[TrainedLayer], config: PruneConfig):
        self.config = config
        self.masks: MaskSet | None = None
        """None before `finalize`."""
        self._all_layers = layers
        self._layers = [layer for layer in layers if not layer.dense_because]
        self._energies = UnitEnergies(self._layers, config.algorithm == "heuristic")
        self.importance = self._energies.importance
        """Heuristic: by parameter name, [units] summed over batches. With several processes, sum it over them."""
        self._penalty = None if config.algorithm == "heuristic" else Penalty(self._layers, config)
        self._masking: Masking | None = None
        self._epochs = 0

    def step(self, loss: torch.Tensor) -> torch.Tensor:
        """`loss` plus the penalty; `loss` itself for the heuristic, and after `finalize`."""
        if self._penalty is None or self.masks is not None:
            return loss
        return loss + self._penalty()

    def after_backward(self) -> None:
        """Heuristic, before `finalize`: gather importance from the gradients of one batch (`UnitEnergies.gather`).

        Gradients must not be scaled: call this after GradScaler.unscale_.
        """
        if self.masks is None:
            self._energies.gather()

    def after_update(self) -> None:
        """After `finalize`: set removed weights to zero again, whatever the optimizer's momentum did."""
        if self._masking is not None:
            self._masking.apply()

    def end_epoch(self) -> None:
        """Count an epoch. Every `config.refresh` epochs the weights of the penalty are computed again."""
        self._epochs += 1
        if self._penalty is not None and self.masks is None and self._epochs % self.config.refresh == 0:
            self._penalty.refresh()

    def finalize(self) -> MaskSet:
        """Remove units until the rate or the ratios are reached, as near as whole units allow; return the masks.

        Weights are masked in place and removed ones get no more gradient. Raises WeightError for weights that are not
        finite, PruneError if it was called before, or if the heuristic saw no gradient.
        """
        if self.masks is not None:
            raise PruneError("finalize was called before: the masks are in pruner.masks")
        candidates = self._energies.candidates(self._energies.energies(), self.config.balanced)
        if self.config.ratios is not None:
            keep = {name: select.by_ratio(layer, self.config.ratios[name]) for name, layer in candidates.items()}
        else:
            assert self.config.rate is not None
            keep = select.by_rate(candidates, self._total_macs(), self.config.rate)
        self._mask({layer.name: layer.units.mask(keep[layer.name]) for layer in self._layers})
        assert self.masks is not None
        return self.masks

    def report(self) -> PruneReport:
        """What `finalize` did. Raises PruneError before."""
        if self.masks is None:
            raise PruneError("there is no report before finalize")
        return prune_report(self._all_layers, self.masks, self.config)

    def histogram(self) -> dict[str, NDArray[np.float64]]:
        """[units] by parameter name: the root mean square of each unit's weights, in memory order."""
        squares = self._energies.squares()
        return {layer.name: np.sqrt(squares[layer.name] / layer.units.sizes.ravel()) for layer in self._layers}

    def current_rate(self, threshold: float = 0.1) -> float:
        """The MACs rate if all units with an rms below `threshold` of their layer's rms were removed now.

        After `finalize`, the rate that was reached.
        """
        if self.masks is not None:
            return self.report().rate_reached
        saved = 0
        for layer, squares in zip(self._layers, self._energies.squares().values(), strict=True):
            sizes = layer.units.sizes.ravel()
            near_zero = squares / sizes <= threshold**2 * squares.sum() / sizes.sum()
            saved += int(sizes[near_zero].sum()) * (layer.macs // layer.weight.numel())
        return self._total_macs() / max(1, self._total_macs() - saved)

    def highest_rate(self) -> float:
        """The largest rate that `finalize` could reach: every layer keeps 2 % of its units, and at least one."""
        candidates = self._energies.candidates(self._energies.squares(), self.config.balanced)
        return select.highest_rate(candidates, self._total_macs())

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values: `torch.load(weights_only=True)` takes them."""
        masks = {} if self.masks is None else {name: torch.from_numpy(m) for name, m in self.masks.masks.items()}
        return {
            "config": self.config.to_dict(),
            "epochs": self._epochs,
            "penalty": {} if self._penalty is None else self._penalty.state_dict(),
            "importance": {name: importance.clone() for name, importance in self.importance.items()},
            "masks": masks,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`. Load the model's own state first.

        Raises PruneError if the state is of another configuration or model; then nothing is changed.
        """
        masks = {layer.name: layer.units.mask_shape for layer in self._layers}
        _check_state(state, self.state_dict(), masks)
        self._epochs = state["epochs"]
        if self._penalty is not None:
            self._penalty.load_state_dict(state["penalty"])
        for name, importance in state["importance"].items():
            self.importance[name].copy_(importance)
        self._unmask()
        if state["masks"]:
            self._mask({name: mask.cpu().numpy() for name, mask in state["masks"].items()})

    def _mask(self, masks: dict[str, Mask]) -> None:
        self.masks = MaskSet(
            group=self.config.group,
            sparsity=self.config.sparsity,
            masks=masks,
            shapes={layer.name: layer.units.shape for layer in self._layers},
            transposed=frozenset(layer.name for layer in self._layers if layer.units.transposed),
        )
        self._masking = Masking({layer.name: layer.weight for layer in self._layers}, self.masks)
        self._masking.apply()

    def _unmask(self) -> None:
        if self._masking is not None:
            self._masking.release()
        self.masks = self._masking = None

    def _total_macs(self) -> int:
        return sum(layer.macs for layer in self._all_layers)


def _check_state(state: Mapping[str, Any], ours: Mapping[str, Any], masks: Mapping[str, tuple[int, ...]]) -> None:
    """Raises PruneError unless `state` is of a run with the options and the shapes of `ours`, its masks of `masks`."""
    if state.keys() != ours.keys():
        raise PruneError(f"the state has {', '.join(map(str, state)) or 'no keys'}: expected {', '.join(ours)}")
    config, theirs = ours["config"], state["config"]
    differing = [key for key in config if config[key] != theirs.get(key)]
    if differing:
        seen = ", ".join(f"{key} {theirs.get(key)!r} instead of {config[key]!r}" for key in differing)
        raise PruneError(f"the state is of another run: {seen}; resume with the options of that run")
    for part in ("penalty", "importance", "masks"):
        expected = masks if part == "masks" else _shapes(ours[part])
        if state[part] and _shapes(state[part]) != expected:
            raise PruneError(f"the state is of another model: its {part} do not fit; load the state of this model")


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
