"""The loop through the stages of a recipe: dense training, pruning, masked retraining."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from rt3d_mlir.errors import TrainingError
from rt3d_mlir.pruning import PruneConfig, Pruner, prepare
from rt3d_mlir.training import random_state
from rt3d_mlir.training.data import ClipData, split_batches
from rt3d_mlir.training.distributed import World
from rt3d_mlir.training.forward import accuracy, forward, frozen_copy, in_format, is_finite
from rt3d_mlir.training.loss import cross_entropy, distillation
from rt3d_mlir.training.recipe import Recipe, Stage

_CHECKED = 50  # batches between two looks at the loss, each of which waits for the device


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; `number` counts from 1 through all stages."""

    number: int
    stage: str
    lr: float
    """At its end."""
    loss: float
    """Mean over the training clips, without the penalty."""
    penalty: float
    accuracy: float
    """Share of the test clips (of their positions, if these have the labels), in [0, 1], that the model as it stands
    classifies rightly, in float32."""
    rate: float
    """Dense MACs / MACs if all that has come near zero were removed."""
    seconds: float


class Observer(Protocol):
    """Told what happens, in the first process only."""

    def step(self, stage: str, epoch: int, batch: int, batches: int, loss: float | None) -> None:
        """After each batch; the loss is known for some."""
        ...

    def epoch(self, epoch: Epoch) -> None:
        """After each epoch."""
        ...


class Silent:
    """Observes nothing."""

    def step(self, stage: str, epoch: int, batch: int, batches: int, loss: float | None) -> None: ...

    def epoch(self, epoch: Epoch) -> None: ...


class Trainer:
    """Trains `model` in place on `data`; with a `config`, prunes it.

    On CUDA, forward and backward run in bfloat16 (autocast) and channels last; weights, penalty and tests are float32.
    Nothing is chosen by the test clips: the result is the model after the last epoch. On CPU the same seed and the same
    number of threads give the same bits. Raises ConfigError, before any training, for a config that the model cannot
    meet.
    """

    def __init__(
        self,
        model: nn.Module,
        data: ClipData,
        recipe: Recipe,
        config: PruneConfig | None = None,
        world: World | None = None,
        observer: Observer | None = None,
    ):
        self.data, self.recipe, self.config = data, recipe, config
        self.world = world or World(torch.device("cpu"))
        self.stages = recipe.stages(config.algorithm if config else "")
        if config is None:
            self.stages = [stage for stage in self.stages if stage.name == "dense"]
        self.epochs: list[Epoch] = []
        self.accuracy: dict[str, float] = {}
        """Of the test clips at the turns: dense, hard_pruned (before any retraining), final."""
        self.teacher: nn.Module | None = None
        self._observer = observer if observer and self.world.is_first else Silent()
        self.model = model.to(self.world.device)
        if self.world.device.type == "cuda":
            in_format(self.model, torch.channels_last_3d)
            torch.backends.cudnn.benchmark = True
        self.pruner: Pruner | None = self._prepare()
        self._optimizer = _optimizer(self.model, recipe, self.stages[0])
        random_state.seed(recipe.seed + self.world.rank)

    def train(self, save: Callable[["Trainer"], None] = lambda trainer: None) -> None:
        """Runs all epochs that are left. `save` is called at the start and after each epoch, in every process.

        Raises TrainingError when the loss or a weight is no longer finite; nothing is saved from then on.
        """
        net = self.world.wrap(self.model)
        save(self)
        for stage in self.stages:
            while stage.first <= len(self.epochs) < stage.first + stage.epochs:
                if len(self.epochs) == stage.first:
                    self._enter(stage)
                self._epoch(net, stage)
                if len(self.epochs) == stage.first + stage.epochs:
                    self._leave(stage)
                save(self)

    def evaluate(self) -> float:
        """The share of test clips, or of their positions, that are classified rightly."""
        return accuracy(self.model, self.data, 4 * self.recipe.batch, self.world)

    def state_dict(self) -> dict[str, Any]:
        """All that the epochs to come depend on, as tensors and plain values. Every process has to call it."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "pruner": self.pruner.state_dict() if self.pruner else None,
            "teacher": self.teacher.state_dict() if self.teacher else None,
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "accuracy": dict(self.accuracy),
            "skipped": list(self.data.skipped),
            "random": self.world.gather(random_state.get(self.world.device)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes back to where `state_dict` was called; the trainer must have been made alike."""
        self.model.load_state_dict(state["model"])
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self.accuracy = dict(state["accuracy"])
        self.data.skipped[:] = state["skipped"]
        if state["teacher"] is not None:
            self.teacher = frozen_copy(self.model, state["teacher"])
        if self.pruner:
            self.pruner.load_state_dict(state["pruner"])
        self._optimizer.load_state_dict(state["optimizer"])
        random_state.set(state["random"][self.world.rank], self.world.device)

    @property
    def _lr(self) -> float:
        return self._optimizer.param_groups[0]["lr"]

    def _prepare(self) -> Pruner | None:
        return prepare(self.model, self.config, (1, *self.data.shape)) if self.config else None

    def _enter(self, stage: Stage) -> None:
        self._optimizer = _optimizer(self.model, self.recipe, stage)
        if stage.name == "prune":
            self.pruner = self._prepare()  # anew: the weights are those of the trained model now
            self.accuracy["dense"] = self.evaluate()
            if self.recipe.distill:
                self.teacher = frozen_copy(self.model, self.model.state_dict())

    def _leave(self, stage: Stage) -> None:
        if stage.name == "prune":
            assert self.pruner is not None
            for scores in self.pruner.importance.values():
                self.world.sum(scores)
            self.pruner.finalize()
            self.accuracy["hard_pruned"] = self.evaluate()
        if stage is self.stages[-1]:
            self.accuracy["final"] = self.epochs[-1].accuracy

    def _epoch(self, net: nn.Module, stage: Stage) -> None:
        started, number = time.monotonic(), len(self.epochs) + 1
        seed = (self.recipe.seed, number)
        batches = split_batches(self.data.train_size, self.recipe.batch, seed, self.world.rank, self.world.size)
        self.model.train()
        sums = torch.zeros(3, device=self.world.device)  # loss, penalty, clips
        for i, (clips, labels) in enumerate(self.data.train_batches(batches, seed)):
            for group in self._optimizer.param_groups:
                group["lr"] = stage.rate((number - 1 - stage.first + i / len(batches)) / stage.epochs)
            loss, penalty = self._step(net, stage, clips, labels)
            sums += torch.stack([loss, penalty, torch.ones_like(loss)]) * len(labels)
            shown = float(loss) if i % _CHECKED == 0 else None
            if shown is not None and not np.isfinite(shown):
                raise _diverged(stage, number, self._lr)
            self._observer.step(stage.name, number, i + 1, len(batches), shown)
        if self.pruner and stage.name == "prune":
            self.pruner.end_epoch()
        total, penalties, count = self.world.sum(sums).tolist()
        if not np.isfinite(total + penalties) or not is_finite(self.model):
            raise _diverged(stage, number, self._lr)
        epoch = Epoch(
            number,
            stage.name,
            self._lr,
            total / count,
            penalties / count,
            self.evaluate(),
            float(self.pruner.current_rate()) if self.pruner and stage.name != "dense" else 1.0,
            time.monotonic() - started,
        )
        self.epochs.append(epoch)
        self._observer.epoch(epoch)

    def _step(
        self, net: nn.Module, stage: Stage, clips: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One update; the loss and the penalty before it, on the device."""
        pruner = self.pruner if stage.name != "dense" else None
        loss = _loss(net, clips, labels, self.teacher if stage.name == "retrain" else None)
        whole = pruner.step(loss) if pruner else loss
        _update(self._optimizer, whole, pruner)
        return loss.detach(), (whole - loss).detach()


def _optimizer(model: nn.Module, recipe: Recipe, stage: Stage) -> torch.optim.Optimizer:
    """A fresh one: no momentum of the stage before."""
    return torch.optim.SGD(model.parameters(), stage.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)


def _loss(net: nn.Module, clips: torch.Tensor, labels: torch.Tensor, teacher: nn.Module | None) -> torch.Tensor:
    """Of the labels, and of the teacher's answers where there is one."""
    logits = forward(net, clips, mixed=True)
    loss = cross_entropy(logits, labels)
    if teacher is None:
        return loss
    with torch.no_grad():
        answers = forward(teacher, clips, mixed=True)
    return distillation(loss, logits, answers)


def _update(optimizer: torch.optim.Optimizer, loss: torch.Tensor, pruner: Pruner | None) -> None:
    """One step of the optimizer, and what the pruner does around it."""
    optimizer.zero_grad()
    loss.backward()
    if pruner:
        pruner.after_backward()
    optimizer.step()
    if pruner:
        pruner.after_update()


def _diverged(stage: Stage, number: int, lr: float) -> TrainingError:
    return TrainingError(
        f"the loss or a weight is NaN or infinite in epoch {number} ({stage.name}, learning rate {lr:.3g}); "
        f"what epoch {number - 1} left is kept. Train again with a lower learning rate"
    )
