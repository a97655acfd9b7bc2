"""rt3d-mlir-run: runs a compiled network on a video, an array or its golden input."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rt3d_mlir.errors import ArtifactError, InputError
from rt3d_mlir.runtime import Module, load, read_clip
from rt3d_mlir.runtime.artifact import GOLDEN_LIMITS
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
    module = load(args.artifact, device=args.device, threads=args.threads)
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
        "top": _top(outputs[0], args.top),
    }
    error = _golden_error(args.artifact, module) if args.check else 0.0
    limit = GOLDEN_LIMITS[module.manifest.dtype]
    if args.check:
        result["check"] = {"largest_error": error, "limit": limit, "ok": error <= limit}
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)
    if not error <= limit:  # a NaN is not
        raise ArtifactError(
            f"the golden input gives a wrong output: its largest error is {error:.3g} of the golden output's "
            f"range, the limit is {limit:g}; compile again, and report it if it stays"
        )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROG, description="Run a compiled network and time it.")
    parser.add_argument("artifact", metavar="DIR", type=Path, help="what rt3d-mlir-compile -o wrote")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--video", metavar="FILE", help="a video, read as one clip")
    source.add_argument("--input", metavar="X.npy", action="append", help="once per input of the network")
    parser.add_argument("--device", choices=DEVICES, help="default: what it was compiled for")
    parser.add_argument("--threads", metavar="N", type=_positive, help="of local-task (default: IREE's choice)")
    parser.add_argument("--repeat", metavar="N", type=_positive, default=10, help="timed runs (default: 10)")
    parser.add_argument("--top", metavar="K", type=_positive, default=5, help="classes shown (default: 5)")
    parser.add_argument("--check", action="store_true", help="compare with the golden output, exit 1 if it is wrong")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    args = parser.parse_args(argv)
    if args.device == "local-sync" and args.threads not in (None, 1):
        parser.error(f"local-sync has one thread, --threads {args.threads} needs --device local-task")
    return args


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def _inputs(args: argparse.Namespace, module: Module) -> tuple[list[np.ndarray], str]:
    """The arrays to run on, and where they come from."""
    if args.video:
        shape = module.inputs[0].shape
        if len(module.inputs) != 1 or len(shape) != 5 or shape[:2] != (1, 3):
            takes = ", ".join(map(str, module.inputs))
            raise InputError(f"the network takes {takes}, not one clip of 1x3xTxHxW; use --input")
        return [read_clip(args.video, frames=shape[2], size=(shape[3], shape[4]))], args.video
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


def _top(output: np.ndarray, count: int) -> list[dict[str, Any]]:
    """The most probable classes of logits (1, C); empty for an output of any other shape."""
    if output.ndim != 2 or output.shape[0] != 1:
        return []
    weights = np.exp(output[0] - output[0].max())
    probabilities = weights / weights.sum()
    best = np.argsort(-probabilities, kind="stable")[:count]
    return [{"class": int(i), "probability": float(probabilities[i])} for i in best]


def _golden_error(folder: Path, module: Module) -> float:
    """The largest error of any output on the golden input, relative to the golden output's range."""
    expected = _golden(folder, "output", len(module.manifest.outputs))
    actual = _outputs(module, _golden(folder, "input", len(module.inputs)))
    errors: list[float] = []
    for seen, wanted in zip(actual, expected, strict=True):
        if seen.shape != wanted.shape:
            raise ArtifactError(f"the output's shape is {seen.shape}, the golden one's {wanted.shape}")
        errors.append(float(np.abs(seen - wanted).max() / (np.ptp(wanted) or 1)))
    return float(np.max(errors))  # a NaN stays one


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
