"""`make nets`: compiles nets of other people's packages as a user would, and prints what came of each.

make nets                                   all of them, timed beside PyTorch and OpenVINO
make nets ARGS="--no-time monai gninatorch" those whose names begin so, not timed
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from elsewhere import environment
from elsewhere.check import Outcome, check
from elsewhere.registry import all_nets
from elsewhere.timing import OPENVINO, OURS, TORCH, Times
from rich import box
from rich.table import Table

from rt3d_mlir.bench import machine
from rt3d_mlir.bench.engines import get_engine
from rt3d_mlir.tools import console

MEANING = """
error: the largest from PyTorch in float64, in shares of the output's largest number; left: ops off the packed path,
in part too; MACs, traffic: the shares of them off it; PyTorch, OpenVINO: our time over theirs, one thread, float32
"""


def main(argv: Sequence[str] | None = None) -> int:
    """0 where every net that torch can export compiles and is right."""
    parser = argparse.ArgumentParser(
        prog="make nets", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="package, package/net, or how they begin")
    parser.add_argument("--no-time", action="store_true", help="only whether each compiles and is right")
    args = parser.parse_args(argv)
    names = [name for name in all_nets() if name.startswith(tuple(args.names or [""]))]
    if not names:
        parser.error(f"no net is called so; there are {', '.join(all_nets())}")
    work = environment.PYTHON.parents[1]
    with tempfile.TemporaryDirectory(dir=work, prefix="work.") as folder:
        rows = _rows(names, Path(folder), not args.no_time)
    _print(rows)
    return any(not outcome.right for _, outcome, _ in rows)


def _rows(names: Sequence[str], folder: Path, timed: bool) -> list[tuple[str, Outcome, Times]]:
    console.log.print(f"exporting {len(names)} nets ...")
    environment.export(names, folder)
    rows = []
    for i, name in enumerate(names):
        outcome = check(folder / name)
        times = _times(name, folder / name) if timed and outcome.right else {}
        rows.append((name, outcome, times))
        console.log.print(f"{i + 1}/{len(names)} {name}: {outcome.reason or f'error {outcome.error:.1e}'}")
    return rows


def _times(name: str, folder: Path) -> Times:
    """What was timed; packages print lines of their own before it."""
    return json.loads(environment.run("timing", name, folder).splitlines()[-1])


def _print(rows: Sequence[tuple[str, Outcome, Times]]) -> None:
    table = Table(box=box.MARKDOWN)
    table.add_column("net")
    for title in ("error", "ops", "left", "MACs", "traffic", "conversions", "compile s", "PyTorch", "OpenVINO"):
        table.add_column(title, justify="right")
    console.out.print(MEANING)
    for name, outcome, times in rows:
        table.add_row(name, *_cells(outcome), _ratio(times, TORCH), _ratio(times, OPENVINO))
    console.table(table)
    for name, outcome, times in rows:
        if outcome.reason:
            console.out.print(f"{name}: {outcome.reason}")
        if refusal := all_nets()[name].refusal:
            console.out.print(f"{name}: as ONNX, for torch.export refuses it: {refusal}")
        for engine, reason in times.items():
            if isinstance(reason, str):
                console.out.print(f"{name}: {engine}: {reason}")
    right = sum(outcome.right for _, outcome, _ in rows)
    here = machine.describe([get_engine(name) for name in ("rt3d", "torch")], sys.argv)
    versions = ", ".join(f"{package} {version}" for package, version in here.versions.items())
    console.out.print(f"{len(rows)} nets: {right} compile and are right. {here.cpu}, {here.date}; {versions}")


def _cells(outcome: Outcome) -> list[str]:
    if outcome.reason:
        return ["no", *[""] * 6]
    numbers = outcome.explanation.numbers()
    ops = len(outcome.explanation.fates) - numbers["conversions"]
    left = numbers["left"] + numbers["left_in_part"]
    return [
        f"{outcome.error:.0e}" if outcome.right else f"WRONG: {outcome.error:.0e}",
        f"{ops:.0f}",
        f"{left:.0f}",
        f"{numbers['macs']:.1%}",
        f"{numbers['memory_traffic']:.1%}",
        f"{numbers['conversions']:.0f}",
        f"{outcome.seconds:.0f}",
    ]


def _ratio(times: Times, engine: str) -> str:
    """Our median over the engine's, where both were timed."""
    ours, theirs = times.get(OURS), times.get(engine)
    return f"{ours / theirs:.2f}" if isinstance(ours, float) and isinstance(theirs, float) else ""


if __name__ == "__main__":
    sys.exit(main())
