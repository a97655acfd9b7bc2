"""rt3d-mlir-bench: our modules beside other engines on the same pruned weights, on this CPU or a GPU, by layer, and by
their code alone.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rt3d_mlir import models
from rt3d_mlir.bench.case import CaseSpec, case_specs
from rt3d_mlir.bench.engines import ENGINES, get_engine
from rt3d_mlir.bench.gpu import gpu_tables
from rt3d_mlir.bench.gpu.measure import CALLS, check_engines
from rt3d_mlir.bench.gpu.measure import measure as measure_gpu
from rt3d_mlir.bench.gpu.prepare import prepare
from rt3d_mlir.bench.gpu.results import ENGINES as GPU_ENGINES
from rt3d_mlir.bench.layer_report import layers_json, layers_markdown, write_layers
from rt3d_mlir.bench.layers import profile_layers
from rt3d_mlir.bench.machine import cores
from rt3d_mlir.bench.measure import BenchPlan, measure
from rt3d_mlir.bench.tables import to_json, to_markdown, write
from rt3d_mlir.compile.exported import export_config
from rt3d_mlir.errors import ConfigError, InputError
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.static import analyse, analyse_gpu
from rt3d_mlir.targets import DTYPES, GpuTarget, check_dtype, find_target
from rt3d_mlir.tools import console

PROG = "rt3d-mlir-bench"
#: Timed runs on a CPU where nothing else is asked for.
ROUNDS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    return console.run(lambda: _run(sys.argv[1:] if argv is None else argv), PROG)


def _run(argv: Sequence[str]) -> int:
    args = _parse(argv)
    if args.static:
        return _static(args)
    command = [PROG, *argv]
    target = find_target(args.target or "host")
    for dtype in args.dtypes:
        check_dtype(target, dtype)
    group = args.group or target.group
    specs = case_specs(args.models, args.configs, str(group), _model_options(args))
    if args.output.exists() and not args.output.is_dir():
        raise InputError(f"{args.output} is a file; expected a folder to write the report to")
    if isinstance(target, GpuTarget):
        return _gpu(args, target, specs, command)
    if target.name != "host" or args.dtypes != ["f32"]:
        raise ConfigError(
            f"on a CPU this machine is measured, in f32; for {target.name}, {', '.join(args.dtypes)}, name a GPU's "
            "--target, or --static"
        )
    return _layers(args, specs, command) if args.per_layer else _engines(args, specs, command)


def _engines(args: argparse.Namespace, specs: list[CaseSpec], command: list[str]) -> int:
    engines = args.engines or list(ENGINES)
    for engine in engines:
        get_engine(engine)
    plan = BenchPlan(specs, engines, args.threads, args.rounds or ROUNDS)
    with _progress() as progress:
        results = measure(plan, args.output, command, progress)
    for problem in write(results, args.output):
        console.log.print(f"warning: {problem}")
    _show(to_json(results) if args.json else to_markdown(results))
    console.log.print(f"{args.output}: bench.json, bench.md, bench.png")
    return 130 if results.interrupted else 0


def _layers(args: argparse.Namespace, specs: list[CaseSpec], command: list[str]) -> int:
    with _progress() as progress:
        results = profile_layers(specs, args.rounds or ROUNDS, args.output, command, progress)
    write_layers(results, args.output)
    _show(layers_json(results) if args.json else layers_markdown(results))
    console.log.print(f"{args.output}: layers.json, layers.md")
    return 130 if results.interrupted else 0


def _gpu(args: argparse.Namespace, target: GpuTarget, specs: list[CaseSpec], command: list[str]) -> int:
    """Compiles, and measures unless that is left to another machine; see rt3d_mlir.bench.gpu."""
    engines = args.engines or list(GPU_ENGINES)
    check_engines(engines)
    if args.compile_only:
        with _progress() as progress:
            skips = prepare(specs, target, args.dtypes, engines, args.output, args.group, progress)
        for skip in skips:
            console.log.print(f"warning: {skip.case}, {skip.title}: {skip.reason}")
        console.log.print(f"to measure it where the GPU is: python -m rt3d_mlir.bench.gpu {args.output}")
        return 0
    args.output.mkdir(parents=True, exist_ok=True)
    with _progress() as progress, tempfile.TemporaryDirectory(dir=args.output, prefix=".work.") as work:
        skips = prepare(specs, target, args.dtypes, engines, Path(work), args.group, progress)
        results = measure_gpu(Path(work), engines, args.rounds or CALLS, args.peak, command, progress)
    results.skips += skips
    gpu_tables.write(results, args.output)
    _show(gpu_tables.to_json(results) if args.json else gpu_tables.to_markdown(results))
    console.log.print(f"{args.output}: gpu.json, gpu.md")
    return 130 if results.interrupted else 0


def _static(args: argparse.Namespace) -> int:
    target = find_target(args.target or "cortex-a76")
    for dtype in args.dtypes:
        check_dtype(target, dtype)
    model = "by its SPIR-V" if isinstance(target, GpuTarget) else "by llvm-mca's models"
    found = []
    specs = case_specs(args.models, args.configs, str(target.group))
    for spec, dtype in [(spec, dtype) for spec in specs for dtype in args.dtypes]:
        what = f"{spec.model} {spec.config}"
        console.log.print(f"{what}: compiling for {target.name}, {dtype}")
        exported = export_config(spec.model, spec.config, target, dtype, num_classes=args.classes, group=args.group)
        report = analyse_gpu(exported, target) if isinstance(target, GpuTarget) else analyse(exported, target)
        found.append({"config": spec.config, **report.to_json()})
        if not args.json:
            console.table(report.table(), f"{what}, compiled for {target.name}, {dtype}, {model}")
            console.table(report.projection_table())
    if args.json:
        _show(json.dumps(found, indent=2) + "\n")
    return 0


def _model_options(args: argparse.Namespace) -> dict[str, int]:
    return {} if args.classes is None else {"num_classes": args.classes}


def _show(text: str) -> None:
    console.write(console.STDOUT, text)


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
    console.add_common(parser)
    parser.add_argument("--models", type=_words, default=["c3d"], help=f"of {','.join(models.names())} (default: c3d)")
    parser.add_argument(
        "--configs",
        type=_words,
        help="dense, shipped ones, files (default: dense, and those of the models that the docs compare)",
    )
    parser.add_argument(
        "--classes", type=console.positive, metavar="N", help="of the models (default: 101, of unet3d 4, of meshnet 3)"
    )
    parser.add_argument(
        "--engines",
        type=_words,
        help=f"default: all of {','.join(ENGINES)}; on a GPU of {','.join(GPU_ENGINES)}",
    )
    parser.add_argument("--threads", type=_threads, default=[1, cores()], help="default: 1,all")
    parser.add_argument(
        "--rounds",
        type=console.positive,
        metavar="N",
        help=f"timed runs an engine (default: {ROUNDS}, on a GPU {CALLS})",
    )
    parser.add_argument("--group", type=GroupSize.parse, metavar="16x4", help="of pruning (default: the target's)")
    parser.add_argument(
        "-o", dest="output", type=Path, metavar="DIR", default=Path("rt3d-bench"), help="default: rt3d-bench"
    )
    parser.add_argument("--per-layer", action="store_true", help="profile our own dispatches on one thread instead")
    parser.add_argument(
        "--static", action="store_true", help="read the code of kernels, aarch64 or SPIR-V; nothing is run"
    )
    parser.add_argument(
        "--target",
        help="a GPU's, to measure there; or of --static (default: this machine; of --static cortex-a76)",
    )
    parser.add_argument(
        "--dtype",
        dest="dtypes",
        type=_words,
        default=["f32"],
        help=f"of {','.join(DTYPES)}, on a GPU and of --static (default: f32)",
    )
    parser.add_argument("--compile-only", action="store_true", help="for a GPU elsewhere: leave the artifacts in DIR")
    parser.add_argument("--peak", type=float, metavar="TFLOPS", help="of the GPU in f32, to state shares of it")
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
