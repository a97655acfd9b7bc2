import pytest

from rt3d_mlir.errors import ConfigError
from rt3d_mlir.training import Recipe


def lengths(recipe: Recipe, algorithm: str = "reweighted") -> list[tuple[str, int, int]]:
    return [(stage.name, stage.first, stage.epochs) for stage in recipe.stages(algorithm)]


def test_the_papers_epochs():
    assert lengths(Recipe()) == [("prune", 0, 150), ("retrain", 150, 90)]
    assert lengths(Recipe(dense_epochs=30))[0] == ("dense", 0, 30)
    assert lengths(Recipe(), "heuristic") == [("prune", 0, 1), ("retrain", 1, 239)]


@pytest.mark.parametrize("algorithm", ["reweighted", "fixed", "heuristic"])
@pytest.mark.parametrize("epochs", range(2, 12))
def test_all_algorithms_have_the_same_epochs(algorithm: str, epochs: int):
    stages = Recipe(epochs, 3).stages(algorithm)
    assert [stage.name for stage in stages] == ["dense", "prune", "retrain"]
    assert sum(stage.epochs for stage in stages) == epochs + 3


def test_dense_only():
    assert lengths(Recipe(0, 5)) == [("dense", 0, 5)]


def test_learning_rates():
    dense, prune, retrain = Recipe(8, 4, lr=2e-4, dense_lr=5e-3).stages("fixed")
    assert [dense.rate(share) for share in (0, 0.5)] == pytest.approx([5e-3, 2.5e-3])
    assert dense.rate(1) == pytest.approx(0, abs=1e-12)
    assert prune.rate(0) == prune.rate(0.9) == 2e-4
    assert retrain.rate(0) == 2e-4
    assert retrain.rate(0.5) == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "0 dense and 0 pruning epochs"),
        ({"epochs": 1}, "1 epoch cannot be divided"),
        ({"batch": 0}, "batches of 0"),
        ({"lr": 0.0}, "lr 0.0: expected a number above 0"),
        ({"dense_lr": float("nan")}, "dense_lr nan"),
        ({"momentum": 1.0}, "momentum 1.0"),
    ],
)
def test_nonsense(values: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        Recipe(**values)
