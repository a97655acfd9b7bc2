from collections.abc import Sequence
from pathlib import Path

import made_artifacts as made
import pytest

from rt3d_mlir.bench.gpu.profile import Kernel
from rt3d_mlir.bench.gpu.results import name_layers
from rt3d_mlir.bench.profiler import Call
from rt3d_mlir.bench.roofs import Roofs
from rt3d_mlir.errors import CompileError
from rt3d_mlir.html_report import timing
from rt3d_mlir.html_report.artifacts import read_artifacts
from rt3d_mlir.html_report.timing import Timing, by_layer, measure_here, obstacle
from rt3d_mlir.runtime.artifact import Layer, TensorSpec
from rt3d_mlir.targets import get_target

WINOGRAD = "Winograd, tiles of 4x4"


def times(names: Sequence[str], layers: Sequence[Layer]) -> dict[str, float]:
    """By layer, where the kernels take 1, 2, 4, ... milliseconds in their order."""
    kernels = [Kernel(name, 2.0**i, 0, 0) for i, name in enumerate(names)]
    return by_layer(name_layers(kernels, layers), layers)


def test_transforms_are_their_layers():
    layers = [made.layer("conv1"), made.layer("conv2", reason=WINOGRAD), made.layer("fc")]
    names = ["block_layout", "conv1", "conv2_winograd_input", "conv2", "conv2_winograd_output", "max_pool", "fc"]
    assert times(names, layers) == {"conv1": 2, "conv2": 4 + 8 + 16, "fc": 64}


def test_transforms_with_the_code_of_another_layers():
    layers = [made.layer("conv1", reason=WINOGRAD), made.layer("conv2", reason=WINOGRAD)]
    names = [
        *("conv1_winograd_input", "conv1", "conv1_winograd_output"),
        *("conv1_winograd_input", "conv2", "conv1_winograd_output"),
    ]
    assert times(names, layers) == {"conv1": 1 + 2 + 4, "conv2": 8 + 16 + 32}


def test_transforms_that_lie_elsewhere_leave_the_layer_without_a_time():
    layers = [made.layer("conv1", reason=WINOGRAD), made.layer("conv2")]
    names = ["conv1_winograd_input", "max_pool", "conv1", "conv1_winograd_output", "conv2"]
    assert times(names, layers) == {"conv2": 16}
    assert times(["conv2", "conv1_winograd_input", "conv1"], layers) == {"conv2": 1}
    assert times(["conv1_winograd_output", "conv1_winograd_input"], layers) == {}


def test_kernels_that_cannot_be_told_are_no_layers():
    layers = [made.layer("conv1"), made.layer("conv2"), made.layer("fc")]
    assert times(["conv2", "conv2"], layers) == {}
    assert times(["conv2", "conv2", "fc"], [made.layer("conv1", packed=False), *layers[1:]]) == {"fc": 4}


def test_the_share_of_the_peak():
    layer = made.layer("conv2", 0.5)
    timed = Timing("here", 10.0, {"conv2": 4.0}, 1e9)
    assert timed.share(layer) == pytest.approx(2 * layer.macs_after / 4e-3 / 1e9)
    assert timed.share(made.layer("conv1")) is None
    assert timed.others_ms == 6
    assert Timing("here", 10.0, {"conv2": 4.0}, None).share(layer) is None


def test_what_cannot_be_timed_here(tmp_path: Path):
    here = {"target": "host", "cpu": get_target("host").cpu}
    two = [TensorSpec(name, (1, 4), "float32") for name in "xy"]
    artifacts = read_artifacts(
        [
            made.make(tmp_path / "phone"),
            made.make(tmp_path / "gpu", target="vulkan-mali", device="vulkan"),
            made.make(tmp_path / "elsewhere", target="host", cpu="z80"),
            made.make(tmp_path / "two", **here, inputs=two),
            made.make(tmp_path / "fine", **here),
        ]
    )
    phone, gpu, elsewhere, two_inputs, fine = map(obstacle, artifacts)
    assert "rt3d-mlir-run --adb --json" in phone
    assert "rt3d-mlir-bench --target vulkan-mali" in gpu
    assert elsewhere == f"compiled for z80; this machine is {here['cpu']}"
    assert two_inputs == "the profiler gives a module one input; this one takes 2"
    assert fine == ""


def test_medians_and_the_better_roof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    host = {"target": "host", "cpu": get_target("host").cpu}
    artifacts = read_artifacts(
        [made.make(tmp_path / name, **host) for name in ("good", "bad")] + [made.make(tmp_path / "phone")]
    )
    roofs = iter([Roofs(1e9, 0), Roofs(3e9, 0)])
    names = ("conv1", "conv2", "fc", "exit")

    def profile(vmfb: Path, _clip: Path, count: int) -> list[Call]:
        if vmfb.parent.name == "bad":
            raise CompileError("iree-benchmark-module failed: why")
        return [Call(0.02 + 0.001 * i, [(name, 0.001 * (1 + i)) for name in names]) for i in range(count)]

    monkeypatch.setattr(timing, "measure_roofs", lambda: next(roofs))
    monkeypatch.setattr(timing, "profile_calls", profile)
    measured = measure_here(artifacts, ["rt3d-mlir-report", "good"])
    good = measured.timings["good"]
    assert good == Timing(
        "measured here, 1 thread", pytest.approx(24.5), {n: pytest.approx(5.5) for n in names[:3]}, 3e9
    )
    assert measured.timings["bad"] == "it could not be timed: iree-benchmark-module failed: why"
    assert "a phone's module" in measured.timings["phone"]
    assert "rt3d-mlir-report good" in measured.where
    assert measured.where[-1] == "FMA peak of one core 3.0 GFLOP/s; medians of 10 calls, one thread"
    nothing = measure_here(artifacts[2:], ["rt3d-mlir-report"])
    assert (nothing.where, nothing.doubt) == ([], "")
