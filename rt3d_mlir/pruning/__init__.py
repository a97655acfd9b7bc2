"""Pruning while training: the masks that rt3d-mlir-compile takes, found by reweighted regularization.

The steps are those of RT3D (AAAI 2021, sec. 4). `prepare` finds the layers and counts their MACs. `step` adds the
penalty that drives weak units to zero. `finalize` removes units until the network has reached its rate, and returns
a MaskSet. Then training goes on under the masks.
"""

from rt3d_mlir.pruning.config import ALGORITHMS, NORMS, PruneConfig
from rt3d_mlir.pruning.prune_report import LayerReport, PruneReport
from rt3d_mlir.pruning.pruner import Pruner, prepare

__all__ = ["ALGORITHMS", "NORMS", "LayerReport", "PruneConfig", "PruneReport", "Pruner", "prepare"]
