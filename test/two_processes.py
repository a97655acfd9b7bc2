"""What each process of test_distributed runs, under torchrun: trains, and leaves its weights in the folder named."""

import os
import sys
from pathlib import Path

import small
import torch

from rt3d_mlir.pruning import PruneConfig
from rt3d_mlir.training import Recipe, Trainer
from rt3d_mlir.training.distributed import join

ALGORITHMS = ("reweighted", "heuristic")


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    recipe = Recipe(epochs=2, dense_epochs=1, batch=8, lr=0.01, dense_lr=0.02)
    with join("cpu") as world:
        for algorithm in ALGORITHMS:
            config = PruneConfig(rate=1.6, algorithm=algorithm, strength=0.05, refresh=1)
            trainer = Trainer(small.plain(), small.clips(), recipe, config, world)
            trainer.train()
            torch.save(trainer.state_dict(), folder / f"{algorithm}-{world.size}-{world.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # A thread of gloo that lets go of a tensor while the interpreter ends aborts the process, once in thirty runs.
    left = [Path(f"/proc/self/task/{thread}/comm").read_text().strip() for thread in os.listdir("/proc/self/task")]
    assert not [name for name in left if "gloo" in name], left
