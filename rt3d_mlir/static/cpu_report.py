"""The report: a row a conv, the share of the FMLA peak over all, and the projected times."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.table import Table

from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.errors import TargetError, did_you_mean
from rt3d_mlir.static.assembly import Loop
from rt3d_mlir.static.compiled import compile_static
from rt3d_mlir.static.mca import CORES, find_mca, peak
from rt3d_mlir.static.phones import PHONES, PhoneSpec, published
from rt3d_mlir.static.projection import Projection, project, tap_cycles
from rt3d_mlir.static.work import ConvWork
from rt3d_mlir.targets import CpuTarget, get_target


@dataclass(frozen=True)
class Row:
    """One conv. Counts are those of its inner loop for one tap; `cycles` and `share` are by core, flushes
    of f16 sums included."""

    layer: str
    macs: int
    """Executed: padding skipped, columns computed twice included."""
    taps: int
    fmla: float
    loads: float
    address: float
    instructions: float
    spills: int
    """In the whole loop."""
    cycles: dict[str, float]
    share: dict[str, float]
    memory_bound: bool
    """Uses each weight once; has no part in the share over all layers."""


@dataclass(frozen=True)
class StaticReport:
    """What a model's kernels are by their assembly; all times are projections."""

    model: str
    target: str
    dtype: str
    rows: list[Row]
    projections: list[Projection]
    other_bytes: int

    @property
    def share(self) -> dict[str, float]:
        """Share of the FMLA peak by core, over all convs that are not memory bound: ideal over projected cycles."""
        rows = [row for row in self.rows if not row.memory_bound]
        ideal = {core: sum(row.taps * row.cycles[core] * row.share[core] for row in rows) for core in CORES}
        return {core: ideal[core] / max(1, sum(row.taps * row.cycles[core] for row in rows)) for core in CORES}

    @property
    def spills(self) -> int:
        return sum(row.spills for row in self.rows)

    def table(self) -> Table:
        """A rich table, a row a conv; counts are for one tap of one tile."""
        table = Table(box=None, pad_edge=False, show_footer=True)
        total = sum(row.macs for row in self.rows)
        table.add_column("layer", footer="all, by MACs")
        table.add_column("MACs run", justify="right", footer=f"{total / 1e9:.3f} G")
        for title in ("instr/tap", "fmla", "loads", "address"):
            table.add_column(title, justify="right")
        table.add_column("spills", justify="right", footer=str(self.spills))
        for core in CORES:
            table.add_column(f"{core} cycles/tap", justify="right")
            table.add_column("share of peak", justify="right", footer=f"{self.share[core]:.1%}")
        table.add_column("")
        for row in self.rows:
            by_core = [text for core in CORES for text in (f"{row.cycles[core]:.1f}", f"{row.share[core]:.1%}")]
            counts = [f"{number:g}" for number in (row.instructions, row.fmla, row.loads, row.address)]
            note = "each weight is used once: not in the share" if row.memory_bound else ""
            table.add_row(row.layer, f"{row.macs / 1e9:.3f} G", *counts, str(row.spills), *by_core, note)
        return table

    def projection_table(self) -> Table:
        """The projected times, next to what the paper measured on the Snapdragon 865."""
        table = Table(box=None, pad_edge=False)
        titles = ("one big core", "all cores", "of it memory", "paper, sparse", "paper, dense")
        table.add_column(f"{self.model} {self.dtype} projected, not measured")
        for title in titles:
            table.add_column(f"{title}, ms", justify="right")
        for each in self.projections:
            times = [f"{ms:.0f}" for ms in (each.one_core_ms, each.all_cores_ms, each.memory_ms)]
            table.add_row(each.phone, *times, *published(self.model, each.phone))
        return table

    def to_json(self) -> dict:
        """Plain numbers, for json.dump."""
        return {**asdict(self), "share": self.share, "spills": self.spills}


def analyse(exported: Exported, target: str | CpuTarget, phones: Sequence[str] = ()) -> StaticReport:
    """Compiles for an aarch64 target, reads its assembly, and projects the time on `phones` (default: all known).

    Raises TargetError for a target that is not aarch64 or an unknown phone, VersionError where llvm-mca is missing, and
    CompileError.
    """
    preset = get_target(target) if isinstance(target, str) else target
    if not preset.triple.startswith("aarch64"):
        raise TargetError(f"{preset.name} is {preset.triple}; the static analysis reads aarch64, as of cortex-a76")
    chosen = [_phone(name) for name in phones] or PHONES
    find_mca()
    compiled = compile_static(exported, preset)
    loops = [compiled.loop(work) for work in compiled.work]
    layers = [(work, loop, loop.count("fmla") / work.fmlas) for work, loop in zip(compiled.work, loops, strict=True)]
    return StaticReport(
        exported.source.name,
        preset.name,
        exported.dtype,
        [_row(*layer) for layer in layers],
        [project(phone, layers, compiled.other_bytes) for phone in chosen],
        compiled.other_bytes,
    )


def _phone(name: str) -> PhoneSpec:
    known = {phone.name: phone for phone in PHONES}
    if name not in known:
        raise TargetError(f"no phone is called '{name}'; known: {', '.join(known)}{did_you_mean(name, known)}")
    return known[name]


def _row(work: ConvWork, loop: Loop, taps: float) -> Row:
    by_core = {core: tap_cycles(work, loop, taps, core) for core in CORES}
    fmla = loop.count("fmla")
    return Row(
        layer=work.layer,
        macs=work.macs,
        taps=work.taps,
        fmla=fmla / taps,
        loads=loop.count("load") / taps,
        address=loop.count("address") / taps,
        instructions=len(loop.instructions) / taps,
        spills=loop.spills,
        cycles=by_core,
        share={core: fmla / taps / peak(core) / number for core, number in by_core.items()},
        memory_bound=work.single_use,
    )
