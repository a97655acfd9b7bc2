"""The per-layer profile of our own modules: each dispatch's time, next to its source layer and the roofs."""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from statistics import median

import iree.compiler.ir as ir

from rt3d_mlir.bench import machine
from rt3d_mlir.bench.case import DENSE, Case, CaseSpec, write_case
from rt3d_mlir.bench.engines import get_engine
from rt3d_mlir.bench.engines.rt3d import compile_case, export_case
from rt3d_mlir.bench.machine import Machine
from rt3d_mlir.bench.process import WorkerProcess
from rt3d_mlir.bench.profiler import Call, profile_calls
from rt3d_mlir.bench.results import OURS
from rt3d_mlir.bench.roofs import Roofs, measure_roofs
from rt3d_mlir.bench.work import LayerWork, ModelWork
from rt3d_mlir.iree import internals
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.pipeline import default_pipeline, run_pipeline
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.static.work import equal_kernels
from rt3d_mlir.targets import get_target


@dataclass(frozen=True)
class LayerRow:
    """One dispatch. `kind`: conv, Winograd transform, fully connected, pool, elementwise (residual adds and gates that
    no conv took), norm (means and variances), layout entry, other (exit, IREE's own).

    kept_gflops    GFLOP/s of kept work, 2 * kept MACs / time; convs and fully connected layers only
    kept_share     that over the FMA roof; above 1 where padding taps are skipped
    needed_share   the same without the taps that fall on padding for a whole output row
    gbytes         10^9 bytes of operands and results / time; not convs
    stream_share   that over the copy roof; above 1 where a cache holds them
    """

    dispatch: str
    source: str
    kind: str
    ms: float
    min_ms: float
    share: float
    kept_gflops: float | None = None
    kept_share: float | None = None
    needed_share: float | None = None
    gbytes: float | None = None
    stream_share: float | None = None


@dataclass(frozen=True)
class LayerProfile:
    """One case. `whole_ms` is what shares refer to: the sum of all rows, and what runs `outside_ms` of any dispatch.

    `call_ms` is the median of whole calls; on a quiet machine the two agree. Memory in bytes.
    """

    label: str
    rate: float
    whole_ms: float
    outside_ms: float
    call_ms: float
    rows: list[LayerRow]
    peak_bytes: int
    memory_bound: int


@dataclass
class LayerResults:
    """All cases and the roofs, measured before and after; the better one counts."""

    machine: Machine
    rounds: int
    group: str
    roofs: Roofs
    profiles: list[LayerProfile] = field(default_factory=list)
    interrupted: bool = False


def profile_layers(
    specs: Sequence[CaseSpec],
    rounds: int,
    folder: Path,
    argv: Sequence[str] = (),
    progress: Callable[[str, float], None] = lambda _what, _share: None,
) -> LayerResults:
    """Compiles and profiles each case on one thread. After Ctrl-C the results hold the cases that were finished."""
    progress("measuring the roofs", 0)
    results = LayerResults(machine.describe([get_engine(OURS)], argv), rounds, specs[0].group, measure_roofs())
    measured: list[_Measured] = []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".work.") as work:
        try:
            for i, spec in enumerate(specs):
                progress(f"{spec.label}: compiling and profiling", i / len(specs))
                measured.append(_measure(spec, Path(work, spec.folder_name), rounds))
        except KeyboardInterrupt:
            results.interrupted = True
    again = measure_roofs()
    results.roofs = Roofs(max(results.roofs.fma, again.fma), max(results.roofs.stream, again.stream))
    results.profiles = [_profile(entry, results.roofs) for entry in measured]
    return results


@dataclass(frozen=True)
class _Measured:
    """Raw numbers of a case; by dispatch `bytes`, and in `equal` those with the same code, in the order they run."""

    label: str
    work: ModelWork
    calls: list[Call]
    bytes: dict[str, int]
    equal: dict[str, list[str]]
    peak_bytes: int


def _measure(spec: CaseSpec, folder: Path, rounds: int) -> _Measured:
    case = write_case(spec, folder)
    engine_folder = folder / OURS
    engine_folder.mkdir()
    compile_case(case, engine_folder / "artifact")
    with WorkerProcess(OURS, case.folder, engine_folder, 1) as worker:
        worker.ask("load")
        peak = max(worker.ask("run")["peak_bytes"] for _ in range(2))
    calls = profile_calls(engine_folder / "artifact" / "module.vmfb", folder / "input.npy", rounds)
    return _Measured(spec.label, case.work(), calls, *_dispatches(case), peak)


def _dispatches(case: Case) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Read from the IR: the bytes of operands and results of each dispatch that our passes make, and for each those
    with the same code, in the order they run."""
    exported, target = export_case(case), get_target("host")
    passes = default_pipeline(GroupSize.parse(case.spec.group), target, case.spec.config == DENSE)
    found: dict[str, int] = {}

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == internals.DISPATCH:
            symbol = str(op.attributes["entry_points"]).rpartition("@")[2].rstrip("]")
            moved = op.operands if "tied_operands" in op.attributes else [*op.operands, *op.results]
            found[symbol] = sum(_tensor_bytes(value.type) for value in moved)
        return ir.WalkResult.ADVANCE

    with ir.Context(), ir.Location.unknown():
        module, table = exported.floor1.parse()
        run_pipeline(module, passes, State(table))
        module.operation.walk(visit)
        order = {symbol: place for place, symbol in enumerate(found)}
        equal = {symbol: sorted(group, key=order.__getitem__) for symbol, group in equal_kernels(module).items()}
    return found, equal


def by_dispatch(call: Call, equal: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Seconds of a call by dispatch: the n-th run of a kernel is the n-th dispatch of those with its code."""
    runs: Counter[str] = Counter()
    found: dict[str, float] = {}
    for kernel, seconds in call.dispatches:
        group = equal.get(kernel, [kernel])  # IREE's own kernels are known by their names only
        dispatch = group[min(runs[group[0]], len(group) - 1)]
        found[dispatch] = found.get(dispatch, 0.0) + seconds
        runs[group[0]] += 1
    return found


def _tensor_bytes(kind: ir.Type) -> int:
    return prod(kind.shape) * kind.element_type.width // 8 if isinstance(kind, ir.RankedTensorType) else 0


def _profile(measured: _Measured, roofs: Roofs) -> LayerProfile:
    calls, work = measured.calls, measured.work
    split = [by_dispatch(call, measured.equal) for call in calls]
    times = {name: [seconds[name] for seconds in split] for name in split[0]}
    outside = max(0.0, median(call.outside for call in calls))
    whole = outside + sum(median(seconds) for seconds in times.values())
    by_symbol = {symbol_of(layer.name): layer for layer in work.layers}
    rows, last = [], "the input"
    for dispatch, seconds in times.items():
        layer = by_symbol.get(dispatch)
        source = layer.name if layer else _source(dispatch, by_symbol, last)
        last = f"after {layer.name}" if layer else last
        rows.append(_row(dispatch, source, layer, seconds, whole, measured.bytes.get(dispatch), roofs))
    return LayerProfile(
        label=measured.label,
        rate=work.rate,
        whole_ms=1e3 * whole,
        outside_ms=1e3 * outside,
        call_ms=1e3 * median(call.wall for call in calls),
        rows=rows,
        peak_bytes=measured.peak_bytes,
        memory_bound=work.memory_bound,
    )


def _source(dispatch: str, by_symbol: dict[str, LayerWork], last: str) -> str:
    """The layer whose name a dispatch's begins with, else where in the network it runs."""
    near = [symbol for symbol in by_symbol if dispatch.startswith(f"{symbol}_")]
    return by_symbol[max(near, key=len)].name if near else last


def _row(
    dispatch: str,
    source: str,
    layer: LayerWork | None,
    seconds: list[float],
    whole: float,
    size: int | None,
    roofs: Roofs,
) -> LayerRow:
    time = median(seconds)
    kind = layer.kind if layer else _kind(dispatch)
    kept = 2 * layer.kept / time if layer else None
    needed = 2 * layer.needed / time if layer else None
    rate = size / time if size is not None and kind != "conv" else None
    return LayerRow(
        dispatch=dispatch,
        source=source,
        kind=kind,
        ms=1e3 * time,
        min_ms=1e3 * min(seconds),
        share=time / whole,
        kept_gflops=kept and kept / 1e9,
        kept_share=kept and kept / roofs.fma,
        needed_share=needed and needed / roofs.fma,
        gbytes=rate and rate / 1e9,
        stream_share=rate and rate / roofs.stream,
    )


def _kind(dispatch: str) -> str:
    if dispatch.endswith(("_winograd_input", "_winograd_output")):
        return "Winograd transform"
    return next((kind for start, kind in _KINDS.items() if dispatch.startswith(start)), "other")


_KINDS = {
    "max_pool": "pool",
    "avg_pool": "pool",
    "resample": "resampling",
    "elementwise": "elementwise",
    "norm": "norm",
    "interleave": "interleave",
    "channel_gather": "channel gather",
    "block_layout": "layout entry",
}
