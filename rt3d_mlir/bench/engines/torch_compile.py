"""torch.compile with frozen weights: what PyTorch itself offers against eager's slow convolutions."""

import os
import shutil
from pathlib import Path

import numpy as np

from rt3d_mlir.bench.available import UnavailableError
from rt3d_mlir.bench.case import Case
from rt3d_mlir.bench.engine import Engine, Prepared, Run


class TorchCompile(Engine):
    """Inductor with freezing. Its load time holds the compilation: PyTorch has no file to keep it in."""

    name = "torch-compile"
    title = "torch.compile, freezing"
    package = "torch"

    def prepare(self, case: Case, folder: Path) -> Prepared:
        compiler = os.environ.get("CXX") or "g++"
        if shutil.which(compiler) is None:
            raise UnavailableError(
                f"torch.compile needs a C++ compiler, and {compiler} is not there: install g++, or set CXX"
            )
        return Prepared([str(case.weights_file)])

    def load(self, case: Case, folder: Path, threads: int) -> Run:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / f"inductor-{threads}")
        import torch
        from torch._inductor import config

        config.freezing = True
        torch.set_num_threads(threads)
        compiled = torch.compile(case.model())

        def run(clip: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return compiled(torch.from_numpy(clip)).numpy()

        run(case.input)
        return run
