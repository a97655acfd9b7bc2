"""rt3d-mlir-bench: our modules beside other engines on the same pruned weights, or layer by layer."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rt3d_mlir import models
from rt3d_mlir.bench.case import CaseSpec, case_specs
from rt3d_mlir.bench.engines import ENGINES, get_engine
from rt3d_mlir.bench.layer_report import layers_json, layers_markdown, write_layers
from rt3d_mlir.bench.layers import profile_layers
from rt3d_mlir.bench.machine import cores
from rt3d_mlir.bench.measure import Plan, measure
from rt3d_mlir.bench.report import to_json, to_markdown, write
from rt3d_mlir.errors import ConfigError, InputError
from rt3d_mlir.exported import export_config
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.static import analyse
from rt3d_mlir.targets import DTYPES, check_dtype, get_target
from rt3d_mlir.tools import console

PROG = "rt3d-mlir-bench"


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    return console.run(lambda: _run(sys.argv[1:] if argv is None else argv), PROG)


def _run(argv: Sequence[str]) -> int:
    args = _parse(argv)
    if args.static:
        return _static(args)
    command = [PROG, *argv]
    group = args.group or get_target("host").group
    specs = case_specs(args.models, args.configs, str(group), _model_options(args))
    if args.output.exists() and not args.output.is_dir():
        raise InputError(f"{args.output} is a file; expected a folder to write the report to")
    return _layers(args, specs, command) if args.per_layer else _engines(args, specs, command)


def _engines(args: argparse.Namespace, specs: list[CaseSpec], command: list[str]) -> int:
    for engine in args.engines:
        get_engine(engine)
    plan = Plan(specs, args.engines, args.threads, args.rounds)
    with _progress() as progress:
        results = measure(plan, args.output, command, progress)
    for problem in write(results, args.output):
        console.log.print(f"warning: {problem}")
    _show(to_json(results) if args.json else to_markdown(results))
    console.log.print(f"{args.output}: bench.json, bench.md, bench.png")
    return 130 if results.interrupted else 0


def _layers(args: argparse.Namespace, specs: list[CaseSpec], command: list[str]) -> int:
    with _progress() as progress:
        results = profile_layers(specs, args.rounds, args.output, command, progress)
    write_layers(results, args.output)
    _show(layers_json(results) if args.json else layers_markdown(results))
    console.log.print(f"{args.output}: layers.json, layers.md")
    return 130 if results.interrupted else 0


def _static(args: argparse.Namespace) -> int:
    target = get_target(args.target)
    check_dtype(target, args.dtype)
    found = []
    for spec in case_specs(args.models, args.configs, str(target.group)):
        what = f"{spec.model} {spec.config}"
        console.log.print(f"{what}: compiling for {target.name}, {args.dtype}")
        report = analyse(export_config(spec.model, spec.config, target, args.dtype, num_classes=args.classes), target)
        found.append({"config": spec.config, **report.to_json()})
        if not args.json:
            console.table(report.table(), f"{what}, compiled for {target.name}, {args.dtype}, by llvm-mca's models")
            console.table(report.projection_table())
    if args.json:
        _show(json.dumps(found, indent=2) + "\n")
    return 0


def _model_options(args: argparse.Namespace) -> dict[str, int]:
    return {} if args.classes is None else {"num_classes": args.classes}


def _show(text: str) -> None:
    print(text, end="", flush=True)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on stderr that is drawn between the measurements only: no thread of ours runs beside an engine."""
    columns = (BarColumn(bar_width=20), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console.log, auto_refresh=False, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def show(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)
            bar.refresh()

        yield show


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROG, description="Measure our modules beside other engines.")
    parser.add_argument("--models", type=_words, default=["c3d"], help=f"of {','.join(models.names())} (default: c3d)")
    parser.add_argument(
        "--configs",
        type=_words,
        help="dense, shipped ones, files (default: dense, and those of the models that the docs compare)",
    )
    parser.add_argument("--classes", type=console.positive, metavar="N", help="of the models (default: 101)")
    parser.add_argument("--engines", type=_words, default=list(ENGINES), help=f"default: all of {','.join(ENGINES)}")
    parser.add_argument("--threads", type=_threads, default=[1, cores()], help="default: 1,all")
    parser.add_argument(
        "--rounds", type=console.positive, default=10, metavar="N", help="timed runs an engine (default: 10)"
    )
    parser.add_argument("--group", type=GroupSize.parse, metavar="16x4", help="of pruning (default: this machine's)")
    parser.add_argument(
        "-o", dest="output", type=Path, metavar="DIR", default=Path("rt3d-bench"), help="default: rt3d-bench"
    )
    parser.add_argument("--per-layer", action="store_true", help="profile our own dispatches on one thread instead")
    parser.add_argument("--static", action="store_true", help="analyse aarch64 kernels with llvm-mca; nothing is run")
    parser.add_argument("--target", default="cortex-a76", help="of --static (default: cortex-a76)")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="of --static (default: f32)")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout instead of Markdown")
    args = parser.parse_args(argv)
    args.threads = list(dict.fromkeys(args.threads))
    return args


def _words(text: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise ConfigError(f"{text!r}: expected names joined by commas")
    return words


def _threads(text: str) -> list[int]:
    return [cores() if word == "all" else console.positive(word) for word in _words(text)]


if __name__ == "__main__":
    sys.exit(main())
