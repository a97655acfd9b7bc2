"""OpenVINO on its CPU plugin, in the precision that is asked for.

Left alone it runs in bfloat16 where the CPU has it and says nothing, so the two precisions are two engines here.
The model is read by `Core.read_model`; `openvino.convert_model` would load its telemetry.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rt3d_mlir.bench.available import UnavailableError, require
from rt3d_mlir.bench.case import Case
from rt3d_mlir.bench.engine import Engine, Prepared, Run


class OpenVino(Engine):
    """Inference precision f32, forced and checked."""

    name = "openvino"
    title = "OpenVINO, f32 forced"
    package = "openvino"
    hint: ClassVar[str] = "f32"

    def prepare(self, case: Case, folder: Path) -> Prepared:
        ov = require("openvino", "openvino")
        xml = folder / "model.xml"
        ov.save_model(ov.Core().read_model(str(case.onnx())), str(xml), compress_to_fp16=False)
        return Prepared([str(xml), str(xml.with_suffix(".bin"))])

    def load(self, case: Case, folder: Path, threads: int) -> Run:
        compiled = compile_model(folder / "model.xml", self.hint, threads)
        request = compiled.create_infer_request()

        def run(clip: np.ndarray) -> np.ndarray:
            return np.array(request.infer([clip])[0])

        return run


def compile_model(path: Path, hint: str, threads: int) -> Any:
    """OpenVINO's compiled model of an .xml or .onnx, in the precision of `hint`, one call at a time.

    Raises UnavailableError without OpenVINO, and where it runs in another precision than it was told.
    """
    ov = require("openvino", "openvino")
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = ov.Core().compile_model(str(path), "CPU", settings)
    got = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if got != hint:
        raise UnavailableError(f"OpenVINO was told to run in {hint} and says that it runs in {got} on this CPU")
    return compiled


class OpenVinoBf16(OpenVino):
    """What OpenVINO does by default on a CPU with bfloat16: less precise, and marked so wherever it is shown."""

    name = "openvino-bf16"
    title = "OpenVINO, its default bf16"
    precision = "bf16"
    hint = "bf16"

    def prepare(self, case: Case, folder: Path) -> Prepared:
        ov = require("openvino", "openvino")
        if "BF16" not in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise UnavailableError("this CPU has no bfloat16: OpenVINO's default is f32 here, the row above")
        return super().prepare(case, folder)
