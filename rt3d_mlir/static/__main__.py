"""python -m rt3d_mlir.static: the static analysis of zoo models. Results on stdout, progress on stderr."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rt3d_mlir import models
from rt3d_mlir.exported import Exported, export_source
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.sparsity import load_config, masks_for
from rt3d_mlir.static.report import StaticReport, analyse
from rt3d_mlir.targets import Target, get_target
from rt3d_mlir.tools import console

PROG = "python -m rt3d_mlir.static"


def main(argv: Sequence[str] | None = None) -> int:
    """The entry; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    return console.run(lambda: _run(argv), PROG)


def _run(argv: Sequence[str] | None) -> None:
    parser = argparse.ArgumentParser(prog=PROG, description="Analyse compiled aarch64 kernels; project their time.")
    parser.add_argument("--target", default="cortex-a76", help="an aarch64 preset (default: cortex-a76)")
    parser.add_argument("--models", nargs="+", default=["c3d"], choices=models.names(), metavar="MODEL")
    parser.add_argument("--configs", nargs="+", default=["dense"], metavar="NAME", help="dense | c3d-3.57x | ...")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers too")
    args = parser.parse_args(argv)
    target = get_target(args.target)
    found = []
    for model in args.models:
        for config in args.configs:
            console.log.print(f"{model} {config}: compiling for {target.name}")
            report = analyse(_export(model, config, target), target)
            _print(report, config)
            found.append({"config": config, **report.to_json()})
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


def _export(model: str, config: str, target: Target) -> Exported:
    source = open_source(model)
    if config == "dense":
        return export_source(source, dense=True)
    return export_source(source, masks_for(load_config(config), source.parameters, target.group))


def _print(report: StaticReport, config: str) -> None:
    if not console.out.is_terminal:
        console.out.width = 1000
    console.out.print(f"{report.model} {config}, compiled for {report.target}, by llvm-mca's models")
    console.out.print(report.table())
    console.out.print()
    console.out.print(report.projection_table())


if __name__ == "__main__":
    sys.exit(main())
