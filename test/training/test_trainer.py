from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import small
import torch
from torch.nn import functional as F

from rt3d_mlir.errors import ConfigError, TrainingError
from rt3d_mlir.pruning import PruneConfig
from rt3d_mlir.sparsity import GroupSize, from_zeros
from rt3d_mlir.training import Recipe, Trainer
from rt3d_mlir.training.data import ClipArrays
from rt3d_mlir.training.loss import distillation

RECIPE = Recipe(epochs=4, dense_epochs=2, batch=8, lr=0.01, dense_lr=0.02)
CONFIG = PruneConfig(rate=2.0, strength=0.05, refresh=1)


def trained(recipe: Recipe = RECIPE, config: PruneConfig | None = CONFIG, **options: Any) -> Trainer:
    torch.manual_seed(5)
    trainer = Trainer(small.Small(), small.clips(), recipe, config, **options)
    trainer.train()
    return trainer


def test_the_stages():
    seen = small.Seen()
    trainer = trained(observer=seen)
    assert [epoch.stage for epoch in seen.epochs] == ["dense"] * 2 + ["prune"] * 2 + ["retrain"] * 2
    assert [epoch.number for epoch in seen.epochs] == list(range(1, 7))
    assert trainer.epochs == seen.epochs
    assert [epoch.penalty > 0 for epoch in seen.epochs] == [False] * 2 + [True] * 2 + [False] * 2
    assert seen.epochs[2].lr == seen.epochs[3].lr == 0.01
    assert 0 < seen.epochs[5].lr < seen.epochs[4].lr < 0.01
    assert seen.epochs[0].rate == 1
    assert seen.epochs[5].rate >= 1.9
    assert trainer.accuracy.keys() == {"dense", "hard_pruned", "final"}
    assert trainer.accuracy["final"] == seen.epochs[-1].accuracy == trainer.evaluate()


def test_it_learns():
    assert trained(Recipe(0, 6, batch=8, dense_lr=0.02), None).epochs[-1].accuracy == 1
    assert trained(Recipe(6, 6, batch=8, lr=0.01, dense_lr=0.02)).accuracy["final"] == 1


def test_it_learns_to_segment():
    """Labels by position; the accuracy is the share of positions."""
    torch.manual_seed(5)
    data, recipe = ClipArrays("volumes", small.volumes()), Recipe(6, 6, batch=8, lr=0.05, dense_lr=0.3, distill=True)
    trainer = Trainer(small.Segmenting(), data, recipe, PruneConfig(rate=1.3, strength=0.05, refresh=1))
    trainer.train()
    assert trainer.pruner is not None
    assert trainer.pruner.masks is not None
    assert trainer.pruner.masks.transposed == {"up.weight"}
    ((clips, labels),) = data.test_batches([np.arange(12)])
    with torch.no_grad():
        right = (trainer.model(clips).argmax(1) == labels).float().mean().item()
    assert trainer.accuracy["final"] == pytest.approx(right, abs=1e-6)
    assert right > 0.95


@pytest.mark.parametrize("algorithm", ["heuristic", "fixed", "reweighted"])
@pytest.mark.parametrize("sparsity", ["filter", "vanilla", "kgs"])
def test_removed_weights_stay_zero_and_the_rate_is_reached(sparsity: str, algorithm: str):
    trainer = trained(config=PruneConfig(sparsity, GroupSize(4, 4), rate=1.6, algorithm=algorithm, strength=0.05))
    assert trainer.pruner is not None
    assert trainer.pruner.report().rate_reached == pytest.approx(1.6, rel=0.15)
    masks = trainer.pruner.masks
    assert masks is not None
    parameters = dict(trainer.model.named_parameters())
    for name, mask in masks.masks.items():
        kept = from_zeros(parameters[name].detach().numpy(), masks.group)
        np.testing.assert_array_equal(kept, mask)


def test_an_unreachable_rate_is_refused_before_training():
    with pytest.raises(ConfigError, match="rate 1000 cannot be reached"):
        Trainer(small.Small(), small.clips(), RECIPE, PruneConfig(rate=1000))


class StoppedError(Exception):
    pass


def stop_after(number: int):
    def after(epoch: Any) -> None:
        if epoch.number == number + 1:  # in the middle of the next one, as far as checkpoints go
            raise StoppedError

    return after


def weights(trainer: Trainer) -> Mapping[str, torch.Tensor]:
    return trainer.model.state_dict()


@pytest.mark.parametrize("algorithm", ["heuristic", "reweighted"])
@pytest.mark.parametrize("epoch", range(6))
def test_resuming_changes_no_bit(tmp_path, epoch: int, algorithm: str):
    config = PruneConfig(rate=2.0, strength=0.05, refresh=1, algorithm=algorithm)
    recipe = Recipe(4, 2, batch=8, lr=0.01, dense_lr=0.02, distill=True)
    straight = trained(recipe, config)

    def save(trainer: Trainer) -> None:
        torch.save(trainer.state_dict(), tmp_path / "state.pt")

    torch.manual_seed(5)
    first = Trainer(small.Small(), small.clips(), recipe, config, observer=small.Seen(stop_after(epoch)))
    with pytest.raises(StoppedError):
        first.train(save)
    torch.manual_seed(77)
    second = Trainer(small.Small(), small.clips(), recipe, config)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert len(second.epochs) == epoch
    second.train()
    assert len(second.epochs) == 6
    for name, tensor in weights(straight).items():
        assert torch.equal(tensor, weights(second)[name]), name
    assert [e.loss for e in straight.epochs] == [e.loss for e in second.epochs]
    assert straight.accuracy == second.accuracy


def test_another_seed_is_another_run():
    first, other = trained(), trained(Recipe(4, 2, batch=8, lr=0.01, dense_lr=0.02, seed=1))
    assert not torch.equal(first.model.conv2.weight, other.model.conv2.weight)


def test_nan_stops_and_is_not_saved():
    torch.manual_seed(5)
    saved: list[int] = []
    trainer = Trainer(small.Small(), small.clips(), Recipe(0, 4, batch=8, dense_lr=0.02), observer=small.Seen())

    def save(trainer: Trainer) -> None:
        saved.append(len(trainer.epochs))
        assert all(bool(tensor.isfinite().all()) for tensor in weights(trainer).values())
        if len(trainer.epochs) == 2:
            with torch.no_grad():
                trainer.model.conv2.weight[0, 0, 0, 0, 0] = torch.nan

    with pytest.raises(TrainingError, match=r"NaN or infinite in epoch 3 \(dense, .*what epoch 2 left is kept"):
        trainer.train(save)
    assert saved == [0, 1, 2]


def test_too_high_a_learning_rate_is_noticed():
    torch.manual_seed(5)
    with pytest.raises(TrainingError, match="Train again with a lower learning rate"):
        Trainer(small.Plain(), small.clips(), Recipe(0, 3, batch=4, dense_lr=1e12)).train()


def test_distillation_against_the_definition():
    logits, teacher = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.arange(20.0).view(5, 4).sin()
    p, q = F.softmax(teacher / 3, 1), F.softmax(logits / 3, 1)
    kl = (p * (p / q).log()).sum(1).mean()
    loss = torch.tensor(2.0)
    assert distillation(loss, logits, teacher).item() == pytest.approx((0.5 * loss + 0.5 * 9 * kl).item(), rel=1e-5)
    # Where each position has a class, it is the mean over them.
    by_position = [rows.view(1, 5, 1, 1, 4).movedim(-1, 1) for rows in (logits, teacher)]
    assert distillation(loss, *by_position).item() == pytest.approx(
        distillation(loss, logits, teacher).item(), rel=1e-5
    )
    assert distillation(loss, teacher, teacher).item() == pytest.approx(1.0)


def test_distillation_uses_the_dense_model():
    trainer = trained(Recipe(4, 2, batch=8, lr=0.01, dense_lr=0.02, distill=True))
    assert trainer.teacher is not None
    assert not trainer.teacher.training
    assert from_zeros(trainer.teacher.conv2.weight.detach().numpy(), CONFIG.group).all()
    assert not from_zeros(trainer.model.conv2.weight.detach().numpy(), CONFIG.group).all()
    assert not torch.equal(trainer.model.fc.weight, trained().model.fc.weight)
