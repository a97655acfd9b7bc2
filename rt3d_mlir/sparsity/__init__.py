"""Sparsity of 3-D convolutions in groups of kernels: masks, magnitude pruning, packing, files. No torch.

The usual order of calls: `load_config` -> `masks_for` -> `save_masks` / `load_masks` -> `apply_masks` -> `pack`.
"""

import warnings

from rt3d_mlir.sparsity.configs import PruneRatios, config_names, load_config, masks_for
from rt3d_mlir.sparsity.files import check_finite, load_masks, load_weights, save_masks, save_weights
from rt3d_mlir.sparsity.grouped import pack_grouped
from rt3d_mlir.sparsity.groups import GroupSize, as_5d
from rt3d_mlir.sparsity.magnitude import magnitude_mask
from rt3d_mlir.sparsity.mask_set import MaskSet, apply_masks
from rt3d_mlir.sparsity.masks import Mask, apply, expand, from_zeros, kept_share
from rt3d_mlir.sparsity.packing import Packed, offsets, pack, unpack
from rt3d_mlir.sparsity.patterns import Sparsity
from rt3d_mlir.sparsity.zeros import by_pattern, kept_blocks, live_weights

__all__ = [
    "GroupSize",
    "Mask",
    "MaskSet",
    "Packed",
    "PruneRatios",
    "Sparsity",
    "apply",
    "apply_masks",
    "as_5d",
    "by_pattern",
    "check_finite",
    "config_names",
    "expand",
    "from_zeros",
    "kept_blocks",
    "kept_share",
    "live_weights",
    "load_config",
    "load_masks",
    "load_weights",
    "magnitude_mask",
    "masks_for",
    "offsets",
    "pack",
    "pack_grouped",
    "save_masks",
    "save_weights",
    "unpack",
]


def __getattr__(name: str) -> object:
    """Deprecated: the old name of PruneRatios, which rt3d_mlir.pruning has for something else. It goes with 0.3."""
    if name == "PruneConfig":
        warnings.warn("rt3d_mlir.sparsity.PruneConfig is PruneRatios now", DeprecationWarning, stacklevel=2)
        return PruneRatios
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
