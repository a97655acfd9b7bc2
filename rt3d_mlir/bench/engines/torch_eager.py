"""PyTorch as most people run it."""

from pathlib import Path

import numpy as np

from rt3d_mlir.bench.case import Case
from rt3d_mlir.bench.engine import Engine, Prepared, Run


class TorchEager(Engine):
    """Eager mode without autograd; the masked weights are dense to it."""

    name = "torch"
    title = "PyTorch eager"
    package = "torch"

    def prepare(self, case: Case, folder: Path) -> Prepared:
        return Prepared([str(case.weights_file)])

    def load(self, case: Case, folder: Path, threads: int) -> Run:
        import torch

        torch.set_num_threads(threads)
        model = case.model()

        def run(clip: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return model(torch.from_numpy(clip)).numpy()

        return run
