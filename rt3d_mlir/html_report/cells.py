"""The cells of the page's tables; what is not known is "-"."""

from dataclasses import dataclass

from rt3d_mlir.bench.page import milliseconds
from rt3d_mlir.html_report.artifacts import Artifact, Group
from rt3d_mlir.html_report.speed import Speed, Time, faster

UNKNOWN = "-"


@dataclass(frozen=True)
class Cell:
    """A number with its bar, a share in [0, 1]; `projected` ones look other than measured ones."""

    text: str
    bar: float | None = None
    projected: bool = False


def share_cell(share: float | None, digits: int = 1, projected: bool = False) -> Cell:
    """A share as percents, with its bar."""
    if share is None:
        return Cell(UNKNOWN)
    return Cell(f"{share:.{digits}%}", min(1.0, max(0.0, share)), projected)


@dataclass(frozen=True)
class TimeCells:
    """A time, who says so, and how many times faster than dense that is."""

    ms: Cell
    source: str
    faster: Cell


def time_cells(group: Group, artifact: Artifact, time: Time, speed: Speed) -> TimeCells:
    ratio = faster(group, artifact, time, speed)
    return TimeCells(
        Cell(milliseconds(time.ms), projected=time.projected),
        time.source,
        Cell(f"{ratio:.2f}x" if ratio else UNKNOWN, projected=time.projected),
    )
