"""Run with MONAI in sight: what its sliding_window_inference gives for the cases of a folder, [volume, options]."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from monai.data.utils import compute_importance_map  # pyright: ignore[reportMissingImports]
from monai.inferers import sliding_window_inference  # pyright: ignore[reportMissingImports]

folder = Path(sys.argv[1])
for name, options in json.loads((folder / "cases.json").read_text()).items():
    window = options.pop("window")
    ramp = torch.from_numpy(np.load(folder / f"{name}-ramp.npy"))

    def net(x: torch.Tensor, ramp: torch.Tensor = ramp) -> torch.Tensor:
        return torch.cat([x * ramp, x.square().sum(1, keepdim=True) + ramp], 1)

    volume = torch.from_numpy(np.load(folder / f"{name}.npy"))
    batch = options.pop("batch")
    np.save(folder / f"{name}-monai.npy", sliding_window_inference(volume, window, batch, net, **options).numpy())
    weights = compute_importance_map(tuple(window), options["mode"], options["sigma_scale"])
    np.save(folder / f"{name}-weights.npy", weights.numpy())
