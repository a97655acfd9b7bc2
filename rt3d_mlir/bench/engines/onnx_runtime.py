"""onnxruntime on its CPU provider."""

from pathlib import Path

import numpy as np

from rt3d_mlir.bench.available import require
from rt3d_mlir.bench.case import Case
from rt3d_mlir.bench.engine import Engine, Prepared, Run


class OnnxRuntime(Engine):
    """All graph optimizations; masked weights are dense to it."""

    name = "onnxruntime"
    title = "onnxruntime"
    package = "onnxruntime"

    def prepare(self, case: Case, folder: Path) -> Prepared:
        require("onnxruntime", "onnxruntime")
        return Prepared([str(case.onnx())])

    def load(self, case: Case, folder: Path, threads: int) -> Run:
        ort = require("onnxruntime", "onnxruntime")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = ort.InferenceSession(str(case.onnx()), options, providers=["CPUExecutionProvider"])

        def run(clip: np.ndarray) -> np.ndarray:
            return session.run(None, {"x": clip})[0]

        return run
