"""Static analysis of compiled kernels: what the inner loops cost, and a projected time on a phone.

report = rt3d_mlir.static.analyse(exported, "cortex-a76")
print(report.share, report.spills, [p.all_cores_ms for p in report.projections])

`analyse` reads aarch64 assembly by llvm-mca's models of the cores, `analyse_gpu` the SPIR-V of a GPU's shaders.
Nothing is run: every time is a projection, by the formulas of docs/projection.md.
"""

from rt3d_mlir.static.cpu_report import Row, StaticReport, analyse
from rt3d_mlir.static.gpu_report import GpuReport, analyse_gpu
from rt3d_mlir.static.mca import CORES, find_mca
from rt3d_mlir.static.phones import PHONES
from rt3d_mlir.static.projection import Projection

__all__ = [
    "CORES",
    "PHONES",
    "GpuReport",
    "Projection",
    "Row",
    "StaticReport",
    "analyse",
    "analyse_gpu",
    "find_mca",
]
