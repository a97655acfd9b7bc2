"""MNN on its CPU backend, dense; it runs 3x3 convolutions as Winograd, which its error shows.

The converter is called as `_tools.mnnconvert`. The command `mnnconvert` and the package `MNN.tools` are never touched:
on import they install another package with pip and send statistics out.
"""

from pathlib import Path

import numpy as np

from rt3d_mlir.bench.available import UnavailableError, require
from rt3d_mlir.bench.case import Case
from rt3d_mlir.bench.engine import Engine, Prepared, Run

FILE = "model.mnn"


class Mnn(Engine):
    """Precision "high": float32 throughout."""

    name = "mnn"
    title = "MNN"
    package = "MNN"

    def prepare(self, case: Case, folder: Path) -> Prepared:
        return Prepared([str(convert(case.onnx(), folder / FILE))])

    def load(self, case: Case, folder: Path, threads: int) -> Run:
        require("MNN", "MNN")
        nn, expr = require("MNN.nn", "MNN"), require("MNN.expr", "MNN")
        runtime = nn.create_runtime_manager(({"backend": 0, "precision": "high", "numThread": threads},))
        net = nn.load_module_from_file(str(folder / FILE), ["x"], ["y"], runtime_manager=runtime)
        shape = case.reference.shape

        def run(clip: np.ndarray) -> np.ndarray:
            outputs = net.forward([expr.const(clip, list(clip.shape), expr.NCHW)])
            return np.array(outputs[0].read()).reshape(shape)

        return run


def convert(onnx: Path, target: Path, *flags: str) -> Path:
    """ONNX to MNN's own file. Raises UnavailableError where MNN is missing or writes none."""
    require("MNN", "MNN")  # it brings _tools
    tools = require("_tools", "MNN")
    tools.mnnconvert(
        ["", "-f", "ONNX", "--modelFile", str(onnx), "--MNNModel", str(target), "--bizCode", "bench", *flags]
    )
    if not target.exists():
        raise UnavailableError("MNN's converter wrote no file; its log is above")
    return target
