"""Training around `rt3d_mlir.pruning`: data, the loop through its stages, checkpoints, results.

The usual order of calls: `open_data` -> `open_model` -> `Trainer(model, data, recipe, prune_config).train(save)` ->
`write_results`. Training needs neither the compiler nor its runtime, except to decode videos.
"""

from rt3d_mlir.training.checkpoint import RunFolder
from rt3d_mlir.training.data import ClipData, open_data
from rt3d_mlir.training.distributed import World
from rt3d_mlir.training.model import open_model
from rt3d_mlir.training.recipe import Recipe, Stage
from rt3d_mlir.training.results import write_results
from rt3d_mlir.training.trainer import Epoch, Trainer

__all__ = [
    "ClipData",
    "Epoch",
    "Recipe",
    "RunFolder",
    "Stage",
    "Trainer",
    "World",
    "open_data",
    "open_model",
    "write_results",
]
