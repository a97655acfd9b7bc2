"""Results side by side: ours over the other engines' dense times, pruned over dense, threads, memory."""

from rt3d_mlir.bench.case import DENSE
from rt3d_mlir.bench.page import table
from rt3d_mlir.bench.results import OUR_ENGINES, OURS, EngineRun, Results


def compare(results: Results) -> list[str]:
    """The tables as lines of Markdown; one that has no rows is left out."""
    return _ours_over_dense(results) + _pruned_over_dense(results) + _scaling(results) + _memory(results)


def _ours_over_dense(results: Results) -> list[str]:
    """Each row of ours over the dense run of each f32 engine, which masked weights would not make faster."""
    lines = []
    engines = {row.engine: row.title for row in results.rows if _is_dense_rival(row)}
    for row in results.rows:
        rivals = {
            rival.engine: rival.latency.median
            for rival in results.rows
            if _is_dense_rival(rival) and (rival.model, rival.threads) == (row.model, row.threads)
        }
        if row.engine in OUR_ENGINES and rivals:
            own, fastest = row.latency.median, min(rivals, key=lambda engine: rivals[engine])
            ratios = [f"{own / rivals[engine]:.2f}" if engine in rivals else "-" for engine in engines]
            where = [f"{row.label}, {row.title}", engines[fastest], str(row.threads)]
            lines.append([*where, f"{own / rivals[fastest]:.2f}", *ratios])
    if not lines:
        return []
    columns = ("ours over dense", "the fastest", "threads", "over it", *(f"over {title}" for title in engines.values()))
    return ["", "## Ours over the dense engines", "", *table(columns, lines, words=2)]


def _is_dense_rival(row: EngineRun) -> bool:
    return row.config == DENSE and row.engine not in OUR_ENGINES and row.precision == "f32"


def _pruned_over_dense(results: Results) -> list[str]:
    pairs = [(row, dense) for row in results.rows if (dense := results.dense_of(row))]
    if not pairs:
        return []
    lines = []
    for row, dense in pairs:
        faster = dense.latency.median / row.latency.median
        rate = results.facts(row.label).rate
        lines.append(
            [f"{row.label}, {row.title}", str(row.threads), *(f"{x:.2f}" for x in (faster, rate, faster / rate))]
        )
    columns = ("pruned over dense", "threads", "times faster", "times fewer MACs", "share of that")
    return ["", "## Pruned over dense", "", *table(columns, lines)]


def _scaling(results: Results) -> list[str]:
    pairs = [
        (row, one)
        for row in results.rows
        if row.threads > 1 and (one := results.find(row.model, row.config, 1, row.engine))
    ]
    if not pairs:
        return []
    lines = [
        [f"{row.label}, {row.title}", str(row.threads), f"{one.latency.median / row.latency.median:.2f}"]
        for row, one in pairs
    ]
    return ["", "## Threads", "", *table(("engine", "threads", "times faster than one"), lines)]


def _memory(results: Results) -> list[str]:
    lines = [
        [
            row.label,
            str(row.threads),
            f"{row.peak_bytes / 1e6:.0f}",
            f"{row.load_peak_bytes / 1e6:.0f}",
            f"{results.facts(row.label).memory_bound / 1e6:.0f}",
        ]
        for row in results.rows
        if row.engine == OURS
    ]
    if not lines:
        return []
    bound = "1.3 x (kept weights + two largest activations + 50 MB)"
    return ["", "## Memory of rt3d_mlir", "", *table(("case", "threads", "peak MB", "load MB", bound), lines)]
