"""`python -m rt3d_mlir.bench.gpu.torch_cuda ARTIFACT CALLS`: PyTorch with cuDNN on the network of a dense artifact.

f32 without TF32, TF32 and f16; eager, and as one CUDA graph, each timed by CUDA events. The weights are those that the
zoo's seed gives, and the answer is compared with the artifact's golden output. Prints one line of JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from rt3d_mlir import models
from rt3d_mlir.errors import DeviceError, Rt3dError
from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.runtime.golden import golden_error
from rt3d_mlir.runtime.timing import Latency

WARMUP = 10
PRECISIONS = ("f32", "tf32", "f16")


def measure_torch(folder: Path, calls: int) -> Iterator[dict[str, object]]:
    """For each precision and mode: error in shares of the golden output's range, `submission` and `call`.

    Raises DeviceError where PyTorch has no CUDA, or no such device; ModelError where the artifact's model is not of the
    zoo.
    """
    if not torch.backends.cuda.is_built():
        raise DeviceError(f"PyTorch {torch.__version__} is built without CUDA")
    if not torch.cuda.is_available():
        raise DeviceError(f"PyTorch {torch.__version__} finds no CUDA device")
    manifest = Manifest.read(folder)
    clip, wanted = (np.load(folder / "golden" / name) for name in ("input_0.npy", "output_0.npy"))
    options = models.options_for(manifest.model, clip.shape)
    model = models.build(manifest.model, num_classes=wanted.shape[1], **options).cuda()
    torch.backends.cudnn.benchmark = True
    for precision in PRECISIONS:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        dtype = torch.float16 if precision == "f16" else torch.float32
        network, x = model.to(dtype), torch.from_numpy(clip).to("cuda", dtype)
        for mode, run in (("eager", _eager(network, x)), ("CUDA graph", _graph(network, x))):
            error = golden_error(run().float().cpu().numpy(), wanted)
            device, host = _time(run, calls)
            yield {
                "mode": mode,
                "dtype": precision,
                "error": error,
                "submission": asdict(device),
                "call": asdict(host),
            }


def _eager(network: torch.nn.Module, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    def run() -> torch.Tensor:
        with torch.no_grad():
            return network(x)

    for _ in range(WARMUP):  # cudnn.benchmark tries its algorithms
        run()
    return run


def _graph(network: torch.nn.Module, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    with torch.no_grad(), torch.cuda.stream(stream):
        network(x)
        torch.cuda.synchronize()
        with torch.cuda.graph(graph, stream=stream):
            result = network(x)

    def run() -> torch.Tensor:
        graph.replay()
        return result

    return run


def _time(run: Callable[[], torch.Tensor], calls: int) -> tuple[Latency, Latency]:
    """By CUDA events around a call, and by the host's clock from call to finished result."""
    on_device: list[float] = []
    on_host: list[float] = []
    for _ in range(WARMUP):
        run()
    for _ in range(calls):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        started = time.perf_counter()
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        on_host.append(1e3 * (time.perf_counter() - started))
        on_device.append(start.elapsed_time(end))
    return Latency.of(on_device), Latency.of(on_host)


def main(argv: Sequence[str]) -> int:
    """Exit code 1 and a message on stderr where PyTorch cannot run the network here."""
    try:
        found = {"version": torch.__version__, "rows": list(measure_torch(Path(argv[0]), int(argv[1])))}
    except Rt3dError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
