"""python -m elsewhere.timing NAME FOLDER: times a compiled net beside PyTorch eager and OpenVINO, one thread each.

Runs in the environment of `make nets`, and prints JSON: by engine the median in seconds, or why it cannot run. The
engines take turns in an order drawn anew in each round, so that drift of the machine falls on all alike.
"""

import json
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from elsewhere.check import ARTIFACT, LIMIT, arrays, error
from elsewhere.export import build, flat, fresh, prepare_imports
from elsewhere.registry import Net, all_nets

from rt3d_mlir.bench.available import UnavailableError
from rt3d_mlir.bench.engines.openvino import compile_model
from rt3d_mlir.runtime import load

Call = Callable[[], Sequence[np.ndarray]]
#: By engine its median in seconds, or why it cannot run the net.
Times = dict[str, float | str]
WARMUP, ROUNDS = 2, 9
OURS, TORCH, OPENVINO = "rt3d_mlir", "PyTorch", "OpenVINO"


def main(argv: Sequence[str] | None = None) -> int:
    """0; an engine that cannot run the net is no failure of ours."""
    name, folder = sys.argv[1:] if argv is None else argv
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    prepare_imports()
    calls, reasons = _ready(all_nets()[name], Path(folder))
    times: dict[str, list[float]] = {engine: [] for engine in calls}
    order = random.Random(0)
    with torch.no_grad():
        for _ in range(WARMUP + ROUNDS):
            for engine in order.sample([*calls], len(calls)):
                started = time.perf_counter()
                calls[engine]()
                times[engine].append(time.perf_counter() - started)
    print(json.dumps({e: statistics.median(t[WARMUP:]) for e, t in times.items()} | reasons))
    return 0


def _ready(net: Net, folder: Path) -> tuple[dict[str, Call], dict[str, str]]:
    """The engines that answer rightly, ready to be called, and what is wrong with the others."""
    calls, reasons = {}, {}
    for engine, prepare in ((OURS, _ours), (TORCH, _torch), (OPENVINO, _openvino)):
        try:
            with torch.no_grad():
                call = prepare(net, folder)
                off = error(call(), folder)
            if off > LIMIT:
                raise UnavailableError(f"answers wrongly: off by {off:.1e}")
            calls[engine] = call
        except Exception as reason:  # exporters and engines raise anything
            reasons[engine] = f"{type(reason).__name__}: {reason}".splitlines()[0]
    return calls, reasons


def _ours(_: Net, folder: Path) -> Call:
    module, inputs = load(folder / ARTIFACT, device="local-sync", threads=1), arrays(folder / "inputs.npz")

    def call() -> Sequence[np.ndarray]:
        answer = module(*inputs)
        return [answer] if isinstance(answer, np.ndarray) else [*answer]

    return call


def _torch(net: Net, _: Path) -> Call:
    model, inputs = build(net)

    def call() -> Sequence[np.ndarray]:
        return [tensor.numpy() for tensor in flat(model(*fresh(inputs)))]

    return call


def _openvino(_: Net, folder: Path) -> Call:
    onnx = folder / "net.onnx"
    if not onnx.exists():
        program: Any = torch.export.load(folder / "net.pt2")
        onnx = folder / "openvino.onnx"
        torch.onnx.export(program, (), str(onnx), dynamo=True, external_data=False, verbose=False)
    request = compile_model(onnx, "f32", threads=1).create_infer_request()
    inputs = arrays(folder / "inputs.npz")

    def call() -> Sequence[np.ndarray]:
        return [np.array(answer) for answer in request.infer(inputs).values()]

    return call


if __name__ == "__main__":
    sys.exit(main())
