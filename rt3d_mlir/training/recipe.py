"""The hyperparameters of RT3D (AAAI 2021, sec. 5), and the stages of a training.

    dense      `dense_epochs` at `dense_lr`, cosine to 0       skipped if weights are given
    prune      the penalty drives groups to zero, lr fixed     5/8 of `epochs`; then the hard prune
    retrain    the masked model, lr by cosine to 0             3/8 of `epochs`

The paper gives 240 epochs to each algorithm and does not say how they are divided; 150 and 90 is what its authors'
later code does (github.com/mengshus/conv3d_rew_prune). The heuristic has no penalty to wait for: it gathers its scores
in one epoch and retrains in all others, so that all algorithms have seen the data equally often.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rt3d_mlir.errors import ConfigError


@dataclass(frozen=True)
class Stage:
    """Consecutive epochs with one purpose and one schedule."""

    name: str
    """dense, prune or retrain."""
    first: int
    epochs: int
    lr: float
    cosine: bool

    def rate(self, progress: float) -> float:
        """The learning rate after the share `progress` of the stage, in [0, 1]."""
        return self.lr * 0.5 * (1 + math.cos(math.pi * progress)) if self.cosine else self.lr


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters; the defaults are the paper's. Raises ConfigError for values that make no sense."""

    epochs: int = 240
    """Pruning and masked retraining together."""
    dense_epochs: int = 0
    """Before them; 0 where the model is trained already."""
    batch: int = 32
    lr: float = 2e-4
    dense_lr: float = 5e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    distill: bool = False
    """Retraining learns from the dense model's answers too (temperature 3, half of the loss)."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.dense_epochs < 0 or self.epochs + self.dense_epochs == 0:
            raise ConfigError(f"{self.dense_epochs} dense and {self.epochs} pruning epochs: expected at least one")
        if self.epochs == 1:
            raise ConfigError("1 epoch cannot be divided into pruning and retraining: expected 2 or more")
        if self.batch < 1:
            raise ConfigError(f"batches of {self.batch}: expected at least one clip")
        for name in ("lr", "dense_lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} {getattr(self, name)}: expected a number above 0")
        if not 0 <= self.momentum < 1 or self.weight_decay < 0:
            raise ConfigError(
                f"momentum {self.momentum}, weight decay {self.weight_decay}: expected [0, 1) and 0 or more"
            )

    def stages(self, algorithm: str) -> list[Stage]:
        """The stages that have epochs, in order."""
        prune = 1 if algorithm == "heuristic" else min(self.epochs - 1, round(self.epochs * 5 / 8))
        prune = min(prune, self.epochs)
        lengths = [
            ("dense", self.dense_epochs, self.dense_lr, True),
            ("prune", max(prune, 0), self.lr, False),
            ("retrain", self.epochs - max(prune, 0), self.lr, True),
        ]
        stages, first = [], 0
        for name, epochs, lr, cosine in lengths:
            if epochs:
                stages.append(Stage(name, first, epochs, lr, cosine))
                first += epochs
        return stages

    def to_dict(self) -> Mapping[str, Any]:
        """Plain values, for reports."""
        return asdict(self)
