"""The states of all global random generators that a model may draw from. The order of clips needs none: see data."""

from typing import Any

import numpy as np
import torch


def seed(value: int) -> None:
    """Seeds PyTorch (all devices) and NumPy."""
    torch.manual_seed(value)
    np.random.seed(value % 2**32)


def get(device: torch.device) -> dict[str, Any]:
    """Tensors and plain values."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "numpy": (str(kind), torch.from_numpy(np.asarray(keys).astype(np.int64)), *map(float, rest)),
    }


def set(state: dict[str, Any], device: torch.device) -> None:
    """Back to what `get` gave."""
    kind, keys, place, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), int(place), int(has_gauss), gauss))
    torch.set_rng_state(state["torch"].cpu())
    if device.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)
