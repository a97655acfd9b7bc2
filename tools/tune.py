"""rt3d-mlir-tune: measures register tiles for the layers of a model and writes the table that a preset reads."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from rt3d_mlir.compile.exported import export_config
from rt3d_mlir.targets import get_target, read_tiles, tiles_path
from rt3d_mlir.tools import console
from rt3d_mlir.tune.group_sweep import sweep_groups
from rt3d_mlir.tune.tiles import Tuned, to_json, tune

PROG = "rt3d-mlir-tune"


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    return console.run(lambda: _run(_parse(argv)), PROG)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROG, description="Measure register tiles and the group size for a target.")
    console.add_common(parser)
    parser.add_argument("target", metavar="TARGET", help="host is timed here; aarch64 by static analysis (llvm-mca)")
    parser.add_argument("--model", default="c3d", help="MODEL of rt3d-mlir-compile (default: c3d)")
    parser.add_argument("--configs", default="dense,c3d-3.57x", help="pruning configs, dense among them")
    parser.add_argument("--rounds", type=console.positive, default=6, help="tiles tried for each layer (default: 6)")
    parser.add_argument(
        "-o", dest="output", metavar="F.json", help="default: in the user's data, where compiles find it; - is stdout"
    )
    return parser.parse_args(argv)


def _run(args: argparse.Namespace) -> None:
    target = get_target(args.target)
    configs = args.configs.split(",")
    path = Path(args.output or tiles_path(target.cpu))
    old = read_tiles(path)
    with console.progress() as progress:
        progress(f"reading {args.model}")
        exported = [export_config(args.model, config, target, winograd=False) for config in configs]  # all have a tile
        tuned = tune(exported, target, args.rounds, progress)
        groups = sweep_groups(target, progress)
    shown = console.log if args.output == console.STDOUT else console.out
    unit = "ms" if target.name == "host" else "Mcycles (static)"
    console.table(_table(tuned, unit), to=shown)
    table = Table(box=None, pad_edge=False)
    table.add_column("group")
    table.add_column(
        "GFLOP/s of kept work" if target.name == "host" else "share of the FMA peak (static)", justify="right"
    )
    for each in groups:
        table.add_row(str(each.group), f"{each.speed:.0f}" if target.name == "host" else f"{each.speed:.0%}")
    console.table(table, to=shown)
    if args.output is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    console.write(args.output or str(path), to_json(tuned, target, old))
    shown.print(f"\n{sum(each.worth_it for each in tuned)} of {len(tuned)} kinds of layers changed in {path}")


def _table(tuned: Sequence[Tuned], unit: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("layers", "kind", "model's tile", unit, "best tile", unit, "gain"):
        table.add_column(title, justify="left" if title in ("layers", "kind") else "right", no_wrap=True)
    for each in tuned:
        table.add_row(
            ", ".join(each.layers),
            each.key,
            "x".join(map(str, each.model)),
            f"{each.model_time:.2f}",
            "x".join(map(str, each.best)),
            f"{each.best_time:.2f}",
            f"{1 - each.best_time / each.model_time:.0%}" + ("" if each.worth_it else " (kept)"),
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
