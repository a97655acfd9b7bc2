"""What each process of test_distributed runs, under torchrun: trains, and leaves its weights in the folder named."""

import sys
from pathlib import Path

import small
import torch

from rt3d_mlir.pruning import PruneConfig
from rt3d_mlir.training import Recipe, Trainer
from rt3d_mlir.training.distributed import join


def main(folder: Path, algorithm: str) -> None:
    torch.set_num_threads(1)
    recipe = Recipe(epochs=2, dense_epochs=1, batch=8, lr=0.01, dense_lr=0.02)
    config = PruneConfig(rate=1.6, algorithm=algorithm, strength=0.05, refresh=1)
    with join("cpu") as world:
        trainer = Trainer(small.plain(), small.clips(), recipe, config, world)
        trainer.train()
        state = trainer.state_dict()
        torch.save(state, folder / f"{algorithm}-{world.size}-{world.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
