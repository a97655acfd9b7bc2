"""rt3d-mlir-compile: a model and its masks become an artifact folder for one target."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.status import Status
from rich.table import Table

from rt3d_mlir import models
from rt3d_mlir.compile.artifact_writer import check_folder, iree_command, write_artifact
from rt3d_mlir.compile.exported import Exported, export_source
from rt3d_mlir.errors import InputError, MaskError
from rt3d_mlir.explain.explanation import Explanation
from rt3d_mlir.frontend.checkpoint import decide_classes, fit_checkpoint, read_checkpoint
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.frontend.source import Source
from rt3d_mlir.iree.command import check_versions
from rt3d_mlir.passes.packing_report import Report
from rt3d_mlir.passes.pipeline import plugins_in
from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.sparsity import GroupSize, MaskSet, load_config, load_masks, masks_for
from rt3d_mlir.targets import (
    DTYPES,
    CpuTarget,
    Target,
    check_dtype,
    doubt,
    find_target,
    get_gpu_target,
    get_target,
    gpu_target_names,
    target_names,
    tiles_path,
)
from rt3d_mlir.tools import console

PROG = "rt3d-mlir-compile"


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    return console.run(lambda: _run(sys.argv[1:] if argv is None else argv), PROG)


def _run(argv: Sequence[str]) -> None:
    args = _parse(argv)
    if args.list_targets:
        console.table(_target_table())
        return
    check_versions()
    target = find_target(args.target)
    check_dtype(target, args.dtype)
    if against := doubt(target, args.dtype):
        console.log.print(f"warning: {against}")
    check_folder(args.output, args.force, args.dump_ir)
    if isinstance(target, CpuTarget) and target.tiles:
        console.log.print(f"note: register tiles of {tiles_path(target.cpu)}")
    started = time.monotonic()
    job = _export(args, target).job(target, args.iree_flags)
    for plugin in plugins_in(job.pipeline()):
        console.log.print(f"note: runs {plugin}")
    with console.log.status("") as status:
        manifest = write_artifact(
            job,
            args.output,
            force=args.force,
            dump_ir=args.dump_ir,
            progress=lambda what: _progress(status, what, args.verbose),
        )
    report, explanation = Report(manifest.layers, []), Explanation(manifest.ops)
    command = shlex.join(iree_command(job, args.output, args.dump_ir))
    if args.json:
        shown: dict[str, object] = {"command": command} if args.print_command else {}
        shown |= {"off_path": explanation.numbers(), "seconds": time.monotonic() - started}
        console.write(console.STDOUT, json.dumps({**asdict(manifest), **shown}, indent=2) + "\n")
    else:
        _print(args, manifest, report, time.monotonic() - started)
        if args.explain:
            _explain(explanation)
        if args.print_command:
            console.out.print(command)
    _warn(manifest, explanation)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Compile a pruned 3D CNN into an IREE module.",
        usage="%(prog)s MODEL -o DIR --target TARGET [options] [-- IREE FLAGS]",
    )
    console.add_common(parser)
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="c3d and other zoo names | file.pt2 | file.onnx | file.mlir"
    )
    parser.add_argument("-o", dest="output", type=Path, metavar="DIR", help="the artifact folder")
    parser.add_argument("--target", help="a preset; see --list-targets")
    parser.add_argument(
        "--weights", metavar="F", help="safetensors, or torch.save of a state_dict (default: a zoo model's are random)"
    )
    parser.add_argument(
        "--classes",
        type=console.positive,
        metavar="N",
        help="of a zoo model (default: those of --weights, or 101; 4 of unet3d, 3 of meshnet)",
    )
    pruning = parser.add_mutually_exclusive_group()
    pruning.add_argument("--masks", metavar="F", help="safetensors masks; without it, zero blocks in the weights count")
    pruning.add_argument("--prune", metavar="NAME", help="magnitude masks by a shipped config or a YAML/JSON file")
    parser.add_argument("--group", type=GroupSize.parse, metavar="8x4", help="default: the masks', or what is fastest")
    parser.add_argument("--dense", action="store_true", help="keep all taps: the baseline of every comparison")
    parser.add_argument("--no-winograd", action="store_true", help="compute dense layers directly, as pruned ones are")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="of weights and activations (default: f32)")
    parser.add_argument("--input-shape", metavar="1x3x16x112x112", type=_shape, help="default: the model's own")
    parser.add_argument(
        "--dump-ir", type=Path, metavar="DIR", help="write the IR after each pass, and iree-compile's input"
    )
    parser.add_argument("--explain", action="store_true", help="say where each op of the model went, and why")
    parser.add_argument("--print-command", action="store_true", help="print the iree-compile line")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    parser.add_argument("--force", action="store_true", help="replace an artifact folder that exists")
    parser.add_argument("-v", "--verbose", action="store_true", help="say each step on stderr")
    parser.add_argument("--list-targets", action="store_true", help="print the presets and stop")
    at = list(argv).index("--") if "--" in argv else len(argv)
    args = parser.parse_args(argv[:at])
    args.iree_flags = list(argv[at + 1 :])
    if not args.list_targets:
        for name, value in (("MODEL", args.model), ("-o DIR", args.output), ("--target TARGET", args.target)):
            if value is None:
                parser.error(f"{name} is missing")
    return args


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(number) for number in text.split("x"))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise InputError(f"--input-shape {text}: expected whole numbers joined by x, as in 1x3x16x112x112")
    return shape


def _export(args: argparse.Namespace, target: Target) -> Exported:
    checkpoint = read_checkpoint(args.weights) if args.weights else None
    classes = decide_classes(args.model, checkpoint, args.weights, args.classes)
    source = open_source(args.model, args.input_shape, classes)
    for note in source.notes:
        console.log.print(f"note: {note}")
    weights = None
    if checkpoint is not None:
        weights = fit_checkpoint(checkpoint, source.parameters, args.weights)
    elif args.model in models.names():
        console.log.print(f"no --weights: {args.model} gets random weights (seed 0); its answers mean nothing")
    group = args.group
    masks = _masks(args, source, {**source.parameters, **(weights or {})}, group or target.group_of(args.dtype))
    if args.masks and group is not None and masks is not None and group != masks.group:
        raise MaskError(f"{args.masks} has masks for groups of {masks.group}, --group says {group}; leave --group out")
    return export_source(source, masks, group, args.dense, weights, args.dtype, not args.no_winograd)


def _masks(args: argparse.Namespace, source: Source, parameters: dict, group: GroupSize) -> MaskSet | None:
    if args.masks:
        return load_masks(args.masks)
    if not args.prune:
        return None
    return masks_for(load_config(args.prune), parameters, group, transposed=source.transposed)


def _progress(status: Status, what: str, verbose: bool) -> None:
    status.update(f"{what} ...")
    if verbose:
        console.log.print(what)


def _print(args: argparse.Namespace, manifest: Manifest, report: Report, seconds: float) -> None:
    console.table(report.table())
    size = (args.output / "module.vmfb").stat().st_size / 2**20
    memory = f", {manifest.arena / 2**20:.1f} MiB for activations" if manifest.arena else ""
    there = f"not run here; check it on the target with --expected_f32_threshold={manifest.tolerance:.2g}"
    checked = "its golden output is right" if manifest.target == "host" else there
    console.out.print(
        f"\n{args.output}: {manifest.model} for {manifest.target} ({manifest.cpu}), groups of "
        f"{manifest.sparsity['group']}, {manifest.dtype}, {size:.1f} MiB{memory}, "
        f"{seconds:.1f} s; {checked}"
    )


def _explain(explanation: Explanation) -> None:
    console.out.print()
    console.table(explanation.table())
    console.out.print(f"\n{explanation}")


def _warn(manifest: Manifest, explanation: Explanation) -> None:
    """Says what did not take the fast path: never in silence."""
    for note in manifest.sparsity["notes"]:
        console.log.print(f"warning: {note['pass_name']}: {note['layer']}: {note['reason']}")
    if explanation.warning:
        console.log.print(f"warning: {explanation.warning}")


def _target_table() -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("target", "chip", "group", "tile", "what it is"):
        table.add_column(title)
    for name in target_names():
        target = get_target(name)
        tile = f"{target.columns} columns x {target.group.m}"
        what = target.description + (f" ({target.cores})" if target.cores else "")
        table.add_row(name, target.cpu, str(target.group), tile, what)
    for name in gpu_target_names():
        target = get_gpu_target(name)
        group = f"{target.group}" + (f", f16 {target.half_group}" if target.half_group else "")
        table.add_row(name, target.cpu, group, f"{target.subgroup} threads in step", target.description)
    return table


if __name__ == "__main__":
    sys.exit(main())
