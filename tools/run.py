"""rt3d-mlir-run: runs a compiled network on a video, an array or its golden input, here or on a phone."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from rt3d_mlir.errors import ArtifactError, InputError
from rt3d_mlir.phone import PhoneOptions, make_runtime, run_on_phone
from rt3d_mlir.phone.cores import CHOICES
from rt3d_mlir.phone.runtime_folder import SYSROOT
from rt3d_mlir.runtime import Module, load, read_clip, read_frames
from rt3d_mlir.runtime.golden import golden_error, golden_limit
from rt3d_mlir.runtime.module import DEVICES
from rt3d_mlir.runtime.timing import Latency, measure
from rt3d_mlir.runtime.vulkan import VULKAN

from . import console

PROG = "rt3d-mlir-run"


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    return console.run(lambda: _run(argv), PROG)


def _run(argv: Sequence[str] | None) -> None:
    args = _parse(argv)
    if args.make_runtime:
        make_runtime(args.make_runtime, metadata.version("iree-base-runtime"), args.sysroot or SYSROOT)
        console.out.print(f"wrote {args.make_runtime}: IREE for --runtime, to run on the CPU of a 64-bit Android phone")
    elif args.adb:
        _run_on_phone(args)
    else:
        _run_here(args)


def _run_on_phone(args: argparse.Namespace) -> None:
    options = PhoneOptions(args.serial, args.runtime, args.cores or "big", args.threads, args.repeat, args.cool)
    record = run_on_phone(args.artifact, options, console.log.print)
    _report(args.json, record.json(), lambda: console.out.print("\n".join(record.lines())))


def _run_here(args: argparse.Namespace) -> None:
    module = load(args.artifact, device=args.device, threads=args.threads)
    if args.top and not _gives_logits(module):
        gives = ", ".join(map(str, module.manifest.outputs))
        raise InputError(f"the network gives {gives}, not the logits of one clip (1xC); leave --top out")
    inputs, source = _inputs(args, module)
    outputs = _outputs(module, inputs)
    result: dict[str, Any] = {
        "model": module.manifest.model,
        "target": module.manifest.target,
        "dtype": module.manifest.dtype,
        "device": module.device,
        "threads": module.threads,
        "input": source,
        "repeat": args.repeat,
        "latency_ms": asdict(measure(lambda: module(*inputs), args.repeat)),
        "outputs": [{"shape": list(y.shape), "dtype": str(y.dtype)} for y in outputs],
        "top": _top(outputs[0], args.top or 5) if _gives_logits(module) else [],
    }
    error, limit = _golden_error(args.artifact, module) if args.check else (0.0, np.inf)
    if args.check:
        result["check"] = {"largest_error": error, "limit": limit, "ok": error <= limit}
    _report(args.json, json.dumps(result, indent=2), lambda: _print(result))
    if not error <= limit:  # a NaN is not
        raise ArtifactError(
            f"the golden input gives a wrong output: its largest error is {error:.3g} of the golden output's "
            f"range, the limit is {limit:g}; compile again, and report it if it stays"
        )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROG, description="Run a compiled network and time it.")
    console.add_common(parser)
    parser.add_argument("artifact", metavar="DIR", type=Path, nargs="?", help="what rt3d-mlir-compile -o wrote")
    parser.add_argument(
        "--threads", metavar="N", type=console.positive, help="of a CPU (default: IREE's choice, or --cores)"
    )
    parser.add_argument("--repeat", metavar="N", type=console.positive, default=10, help="timed runs (default: 10)")
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const=console.STDOUT, help="the result as JSON (on stdout without FILE)"
    )
    here = parser.add_argument_group("on this machine")
    source = here.add_mutually_exclusive_group()
    source.add_argument("--video", metavar="FILE", help="a video, read as one clip")
    source.add_argument("--input", metavar="X.npy", action="append", help="once per input of the network")
    here.add_argument("--device", choices=DEVICES, help="default: what it was compiled for")
    here.add_argument("--top", metavar="K", type=console.positive, help="classes shown (default: 5)")
    here.add_argument("--check", action="store_true", help="compare with the golden output, exit 1 if it is wrong")
    phone = parser.add_argument_group("on a phone", "The golden input, always compared with the golden output.")
    phone.add_argument("--adb", action="store_true", help="run on the phone that adb sees")
    phone.add_argument("--serial", metavar="S", help="which phone, where there are several")
    phone.add_argument("--cores", choices=CHOICES, help="pin to these (default: big, all but the slowest)")
    phone.add_argument("--cool", metavar="C", type=float, help="before timing wait for so many degrees Celsius")
    phone.add_argument("--runtime", metavar="PATH", type=Path, help="IREE's programs (default: made from the wheel)")
    phone.add_argument("--make-runtime", metavar="DIR", type=Path, help="make a folder for --runtime, and stop")
    phone.add_argument("--sysroot", metavar="DIR", type=Path, help=f"glibc for --make-runtime (default: {SYSROOT})")
    args = parser.parse_args(argv)
    _check_arguments(parser, args)
    return args


def _check_arguments(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if args.make_runtime is None and args.artifact is None:
        parser.error("DIR is missing" + (f"; '{args.json}' was taken for --json's FILE" if args.json else ""))
    if args.make_runtime is None and args.sysroot:
        parser.error("--sysroot needs --make-runtime")
    if args.make_runtime and (args.adb or args.artifact):
        parser.error("--make-runtime stands alone, with --sysroot at most")
    foreign = ("video", "input", "device", "top", "check") if args.adb else ("serial", "cores", "cool", "runtime")
    for name in foreign:
        if getattr(args, name) not in (None, False):
            parser.error(f"--{name} {'goes not with' if args.adb else 'needs'} --adb")
    if args.device == "local-sync" and args.threads not in (None, 1):
        parser.error(f"local-sync has one thread, --threads {args.threads} needs --device local-task")


def _report(file: str | None, text: str, show: Callable[[], None]) -> None:
    """The result as JSON on stdout; or shown, and as JSON in a file where one is named."""
    if file != console.STDOUT:
        show()
    if file:
        console.write(file, text + "\n")


def _inputs(args: argparse.Namespace, module: Module) -> tuple[list[np.ndarray], str]:
    """The arrays to run on, and where they come from."""
    if args.video:
        shape = module.inputs[0].shape
        if len(module.inputs) != 1 or len(shape) != 5 or shape[:2] != (1, 3):
            takes = ", ".join(map(str, module.inputs))
            raise InputError(f"the network takes {takes}, not one clip of 1x3xTxHxW; use --input")
        read = read_frames if module.inputs[0].dtype == "uint8" else read_clip
        return [read(args.video, frames=shape[2], size=(shape[3], shape[4]))], args.video
    if args.input:
        return [_load_array(path) for path in args.input], ", ".join(args.input)
    return _golden(args.artifact, "input", len(module.inputs)), "golden"


def _golden(folder: Path, kind: str, count: int) -> list[np.ndarray]:
    return [_load_array(folder / "golden" / f"{kind}_{i}.npy") for i in range(count)]


def _load_array(path: str | Path) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as .npy: {error}") from None


def _outputs(module: Module, inputs: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    outputs = module(*inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _gives_logits(module: Module) -> bool:
    """Whether the first output is the logits of one clip, (1, C); those of a volume are (1, C, D, H, W)."""
    first = module.manifest.outputs[0]
    return len(first.shape) == 2 and first.shape[0] == 1 and first.dtype.startswith("float")


def _top(output: np.ndarray, count: int) -> list[dict[str, Any]]:
    """The most probable classes of logits (1, C)."""
    weights = np.exp(output[0] - output[0].max())
    probabilities = weights / weights.sum()
    best = np.argsort(-probabilities, kind="stable")[:count]
    return [{"class": int(i), "probability": float(probabilities[i])} for i in best]


def _golden_error(folder: Path, module: Module) -> tuple[float, float]:
    """The error on the golden input, and its limit, of the output that is worst in shares of its limit."""
    expected = _golden(folder, "output", len(module.manifest.outputs))
    actual = _outputs(module, _golden(folder, "input", len(module.inputs)))
    errors = [golden_error(seen, wanted) for seen, wanted in zip(actual, expected, strict=True)]
    limits = [golden_limit(module.manifest.dtype, wanted) for wanted in expected]
    return max(zip(errors, limits, strict=True), key=lambda each: each[0] / each[1])


def _print(result: dict[str, Any]) -> None:
    threads = result["threads"] or "IREE's choice"
    on = result["device"] if result["device"] == VULKAN else f"{result['device']}, threads: {threads}"
    console.out.print(f"model    {result['model']}, compiled for {result['target']}, {result['dtype']}")
    console.out.print(f"device   {on}")
    console.out.print(f"input    {result['input']}")
    for output in result["outputs"]:
        console.out.print(f"output   {'x'.join(map(str, output['shape']))} {output['dtype']}")
    for row in result["top"]:
        console.out.print(f"class    {row['class']:<5} {row['probability']:.4f}")
    console.out.print(f"latency  {Latency(**result['latency_ms'])} ({result['repeat']} runs)")
    if check := result.get("check"):
        verdict = "ok" if check["ok"] else "WRONG"
        console.out.print(
            f"check    {verdict}: largest error {check['largest_error']:.2g} of the range, limit {check['limit']:g}"
        )


if __name__ == "__main__":
    sys.exit(main())
