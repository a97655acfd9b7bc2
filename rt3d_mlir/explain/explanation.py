"""What `--explain` prints of a compiled model: a row an op, and one line that sums up what is off the packed path."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table

from rt3d_mlir.passes.packing_report import macs_text
from rt3d_mlir.runtime.artifact import Fate

PACKED, FUSED, FOLDED, LEFT, INSERTED = "packed", "fused", "folded", "left", "inserted"
_SHOWN = {PACKED: "packed", FUSED: "fused into", FOLDED: "folded away", LEFT: "left to IREE", INSERTED: "inserted"}
#: Share of the estimated time off the packed path from which a compile warns.
WARN_FROM = 0.05


@dataclass(frozen=True)
class Explanation:
    """The fate of each op of the model, in its order, and of the conversions that were inserted between them.

    Shares are of the whole net, 0 to 1, of what is left to IREE: of MACs, of bytes read and written in memory, and of
    the time that is estimated by rt3d_mlir.targets.rates, where a conversion between two layers counts too.
    """

    fates: list[Fate]

    def count(self, where: str) -> int:
        return sum(fate.where == where for fate in self.fates)

    @property
    def in_part(self) -> int:
        """Ops that a kernel computes, but not all of: the rest is left to IREE."""
        return sum(fate.in_part for fate in self.fates)

    @property
    def off_path(self) -> float:
        """Share of the remaining MACs."""
        return _share((fate.macs_off for fate in self.fates), (fate.macs for fate in self.fates))

    @property
    def off_path_traffic(self) -> float:
        """Share of the memory traffic."""
        return _share((fate.bytes_off for fate in self.fates), (fate.bytes for fate in self.fates))

    @property
    def off_path_time(self) -> float:
        """Share of the estimated time."""
        return _share((fate.seconds_off for fate in self.fates), (fate.seconds for fate in self.fates))

    @property
    def conversion_bytes(self) -> int:
        """Bytes that conversions of the layout or the element type read and write."""
        return sum(fate.bytes for fate in self.fates if fate.where == INSERTED)

    @property
    def warning(self) -> str | None:
        """What a compile warns of; None where as good as nothing is off the packed path."""
        if self.off_path_time <= WARN_FROM:
            return None
        shares = f"{self.off_path:.1%} of the MACs, {self.off_path_traffic:.1%} of the memory traffic"
        return (
            f"{self.off_path_time:.0%} of the estimated time ({shares}) is off the packed path and will be slow; "
            "--explain lists the ops"
        )

    def numbers(self) -> dict[str, float]:
        """The last line's numbers, for machines; shares are from 0 to 1."""
        return {
            "left": self.count(LEFT),
            "left_in_part": self.in_part,
            "macs": self.off_path,
            "memory_traffic": self.off_path_traffic,
            "estimated_time": self.off_path_time,
            "conversions": self.count(INSERTED),
            "conversion_bytes": self.conversion_bytes,
        }

    def __str__(self) -> str:
        """`22 ops: 11 packed, 9 fused, 2 folded, 0 left to IREE (0.0% of the MACs); off the packed path: ...`."""
        counts = ", ".join(f"{self.count(where)} {where}" for where in (PACKED, FUSED, FOLDED))
        left = f"{self.count(LEFT)} left to IREE ({self.off_path:.1%} of the MACs)"
        part = f" and {self.in_part} in part" if self.in_part else ""
        shares = f"{self.off_path_traffic:.1%} of the memory traffic, {self.off_path_time:.1%} of the estimated time"
        inserted = self.count(INSERTED)
        moved = f"{self.conversion_bytes / 2**20:.1f} MiB"
        conversions = f"; {inserted} conversion{'s'[: inserted > 1]} inserted ({moved})" if inserted else ""
        ops = len(self.fates) - inserted
        return f"{ops} ops: {counts}, {left}{part}; off the packed path: {shares}{conversions}"

    def table(self) -> Table:
        """A rich table, a row an op."""
        table = Table(box=None, pad_edge=False)
        right = ("MACs", "memory")
        for title in ("op", "kind", *right, "where", "why"):
            table.add_column(title, justify="right" if title in right else "left")
        for fate in self.fates:
            where = f"{_SHOWN[fate.where]} {', '.join(fate.into)}".rstrip() + (" in part" if fate.in_part else "")
            macs = macs_text(fate.macs) if fate.macs else ""
            table.add_row(fate.name, fate.kind, macs, _bytes_text(fate.bytes), where, fate.reason)
        return table


def _share(some: Iterable[float], all_of_it: Iterable[float]) -> float:
    total = sum(all_of_it)
    return sum(some) / total if total else 0.0


def _bytes_text(count: int) -> str:
    """4.59 MiB, 1.5 KiB, 960 B, or nothing of none."""
    if count < 1024:
        return f"{count} B" if count else ""
    return f"{count / 2**20:.2f} MiB" if count >= 2**16 else f"{count / 2**10:.1f} KiB"
