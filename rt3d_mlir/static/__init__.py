"""Static analysis of compiled aarch64 kernels: what the inner loops cost by llvm-mca, and a projected time on a phone.

report = rt3d_mlir.static.analyse(exported, "cortex-a76")
print(report.share, report.spills, [p.all_cores_ms for p in report.projections])

Nothing is run: every time is a projection, by the formula of docs/projection.md.
"""

from rt3d_mlir.static.mca import CORES, find_mca
from rt3d_mlir.static.phones import PHONES
from rt3d_mlir.static.projection import Projection
from rt3d_mlir.static.report import Row, StaticReport, analyse

__all__ = ["CORES", "PHONES", "Projection", "Row", "StaticReport", "analyse", "find_mca"]
