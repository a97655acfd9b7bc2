"""The benchmark end to end, on a tiny C3D and the two engines that are always here. No test looks at a time."""

import json
from pathlib import Path

import numpy as np
import pytest

from rt3d_mlir.bench import layers as bench_layers
from rt3d_mlir.bench.case import USUAL_CONFIGS, CaseSpec, case_specs
from rt3d_mlir.bench.engines import ENGINES, get_engine
from rt3d_mlir.bench.layer_report import layers_markdown, write_layers
from rt3d_mlir.bench.layers import by_dispatch, profile_layers
from rt3d_mlir.bench.measure import BenchPlan, measure
from rt3d_mlir.bench.process import WorkerProcess
from rt3d_mlir.bench.profiler import Call, split_calls
from rt3d_mlir.bench.results import CaseFacts, EngineRun, Results
from rt3d_mlir.bench.roofs import Roofs
from rt3d_mlir.bench.tables import to_markdown, write
from rt3d_mlir.bench.work import LayerWork, ModelWork
from rt3d_mlir.errors import ConfigError, ModelError
from rt3d_mlir.sparsity import config_names, load_config
from rt3d_mlir.tools.bench import main

OPTIONS = {"num_classes": 5, "width": 4, "clip": [16, 32, 32]}
SPECS = [CaseSpec("c3d", "c3d-3.57x", "16x4", OPTIONS)]
ROUNDS = 2


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """torch-compile is asked for where no C++ compiler can be found."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        patch.delenv("CXX", raising=False)
        return measure(BenchPlan(SPECS, ["rt3d", "torch", "torch-compile"], [1], ROUNDS), folder, ["bench", "--a b"])


def test_each_engine_has_a_row_with_all_fields(results: Results):
    assert [(row.label, row.engine) for row in results.rows] == [
        ("c3d-3.57x", "rt3d"),
        ("c3d-3.57x", "torch"),
    ]
    for row in results.rows:
        assert len(row.times) == len(row.cores) == ROUNDS
        assert row.error < 1e-5
        assert min(row.load_ms, row.load_peak_bytes, row.peak_bytes, row.file_bytes) > 0


def test_ratios_are_those_of_the_medians(results: Results):
    for row in results.rows:
        torch = results.find(row.model, row.config, 1, "torch")
        ours = results.find(row.model, row.config, 1, "rt3d")
        assert torch is not None
        assert ours is not None
        assert row.to_torch == pytest.approx(np.median(row.times) / np.median(torch.times))
        assert row.to_rt3d == pytest.approx(np.median(row.times) / np.median(ours.times))


def test_what_cannot_run_is_a_skip_with_its_reason(results: Results):
    assert [(skip.engine, skip.label) for skip in results.skips] == [("torch-compile", "c3d-3.57x")]
    assert "needs a C++ compiler, and g++ is not there" in results.skips[0].reason


def test_the_report(results: Results, tmp_path: Path):
    problems = write(results, tmp_path)
    data = json.loads((tmp_path / "bench.json").read_text())
    assert data["format"] == "rt3d-bench"
    assert set(data["machine"]) >= {"cpu", "cores", "date", "versions", "command"}
    assert data["machine"]["command"] == "bench '--a b'"
    assert set(data["rows"][0]["latency_ms"]) == {"min", "median", "p90"}
    page = (tmp_path / "bench.md").read_text()
    assert page.count("| rt3d_mlir | f32 | ") == 1
    assert "torch.compile, freezing (c3d-3.57x on 1): torch.compile needs" in page
    assert problems == []
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_pruned_over_dense_and_threads(results: Results):
    """On made-up times, so that every number of the page is known."""
    found = Results(
        results.machine, 1, "16x4", [CaseFacts("c3d dense", 1, 1), CaseFacts("c3d-3.57x", 3.5, 300 * 10**6)]
    )
    for config, label, threads, engine, ms in (
        ("dense", "c3d dense", 1, "torch", 1000.0),
        ("dense", "c3d dense", 1, "rt3d", 500.0),
        ("c3d-3.57x", "c3d-3.57x", 1, "rt3d", 150.0),
        ("c3d-3.57x", "c3d-3.57x", 2, "rt3d", 80.0),
    ):
        found.rows.append(
            EngineRun("c3d", config, label, threads, engine, engine, "f32", [ms], [1.0], peak_bytes=2 * 10**8)
        )
    found.rows.append(EngineRun("c3d", "dense", "c3d dense", 1, "mnn", "mnn", "f32", [400.0], [1.0]))
    found.rows.append(EngineRun("c3d", "c3d-3.57x", "c3d-3.57x", 1, "mnn-sparse", "mnn-sparse", "f32", [200.0], [0.5]))
    found.rows.append(EngineRun("c3d", "dense", "c3d dense", 2, "torch", "torch", "f32"))  # never ran
    found.finish()
    assert [(row.to_torch, row.to_rt3d) for row in found.rows[:4]] == [(1, 2), (0.5, 1), (None, 1), (None, 1)]
    assert len(found.rows) == 6
    page = to_markdown(found)
    assert "| torch | f32 | 1.000 | 2.000 | 1000 | 1000 | 1000 | 1.00 |" in page
    assert "| c3d-3.57x, rt3d | 1 | 3.33 | 3.50 | 0.95 |" in page
    assert "| c3d-3.57x, mnn-sparse | 1 | 2.00 | 3.50 | 0.57 |" in page  # over MNN's dense mode
    assert "in 1 of 5 rows on one thread the median run had less than 95 %" in page
    assert "| c3d dense, rt3d | mnn | 1 | 1.25 | 0.50 | 1.25 |" in page
    assert "| c3d-3.57x, rt3d | mnn | 1 | 0.38 | 0.15 | 0.38 |" in page
    assert "| ours over dense | the fastest | threads | over it | over torch | over mnn |" in page
    assert page.count(" | mnn | 2 | ") == 0  # nothing dense was measured on two threads
    assert "| c3d-3.57x, rt3d | 2 | 1.88 |" in page
    assert "| c3d-3.57x | 1 | 200 | 0 | 300 |" in page


def test_nothing_is_left_behind_and_ctrl_c_keeps_what_there_is(tmp_path: Path):
    def stop_in_round_2(what: str, _share: float) -> None:
        if "round 2" in what:
            raise KeyboardInterrupt

    results = measure(BenchPlan(SPECS, ["torch"], [1], 3), tmp_path / "out", progress=stop_in_round_2)
    assert results.interrupted
    assert [len(row.times) for row in results.rows] == [1]
    assert "**interrupted" in to_markdown(results)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_worker_that_dies_says_so(tmp_path: Path):
    with WorkerProcess("torch", tmp_path / "none", tmp_path / "torch", 1) as worker:
        with pytest.raises(Exception, match=r"its process ended with code 1: .*case\.json") as caught:
            worker.ask("load")
        assert type(caught.value).__name__ == "UnavailableError"


def test_per_layer(tmp_path: Path):
    results = profile_layers(SPECS, 3, tmp_path)
    profile = results.profiles[0]
    assert results.roofs.fma > 1e9
    assert results.roofs.stream > 1e8
    layers = ["conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b", "fc6", "fc7", "fc8"]
    assert [row.source for row in profile.rows if row.kept_gflops is not None] == layers
    assert {"conv", "pool", "layout entry", "fully connected"} <= {row.kind for row in profile.rows}
    assert all(row.gbytes is not None for row in profile.rows if row.kind in ("pool", "layout entry"))
    assert sum(row.ms for row in profile.rows) + profile.outside_ms == pytest.approx(profile.whole_ms)
    assert sum(row.ms for row in profile.rows) == pytest.approx(profile.call_ms, rel=0.5)
    write_layers(results, tmp_path)
    assert json.loads((tmp_path / "layers.json").read_text())["profiles"][0]["label"] == "c3d-3.57x"
    assert "| conv2 | conv2 | conv |" in layers_markdown(results)


def test_layers_whose_names_are_numbers():
    """As those of a torch.nn.Sequential: C has no function `0`, and neither has a module."""
    work = ModelWork([LayerWork(name, "conv", 8, 4, 4, 16) for name in ("0", "1.conv")], [64, 64])
    calls = [Call(1.0, [("layer_0", 0.25), ("layer_0_winograd_output", 0.125), ("layer_1_conv", 0.5)])]
    names = [name for name, _ in calls[0].dispatches]
    measured = bench_layers._Measured("net", work, calls, dict.fromkeys(names, 64), {name: [name] for name in names}, 0)
    profile = bench_layers._profile(measured, Roofs(1e9, 1e9))
    assert [row.source for row in profile.rows] == ["0", "0", "1.conv"]
    assert [row.kept_gflops for row in profile.rows] == [4 * 8e-9, None, 2 * 8e-9]


def test_calls_are_split_where_the_sequence_starts_anew():
    events = [("a", 1.0), ("b", 2.0), ("b", 3.0), ("a", 4.0), ("b", 5.0), ("b", 6.0)]
    assert split_calls(events) == [events[:3], events[3:]]
    assert split_calls([]) == []


def test_kernels_with_the_same_code_are_told_apart_by_their_order():
    call = Call(20.0, [("b", 1.0), ("own", 2.0), ("b", 4.0), ("c", 5.0), ("own", 3.0)])
    assert by_dispatch(call, {"a": ["a", "b"], "b": ["a", "b"], "c": ["c"]}) == {"a": 1, "own": 5, "b": 4, "c": 5}
    assert call.outside == 5


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--models", "c3b"], "unknown model 'c3b'; did you mean 'c3d'?"),
        (["--configs", "c3d-3.5x"], "no configuration is called 'c3d-3.5x'; known: dense, c3d-2.53x"),
        (["--configs", "s3d-2.10x"], "configuration s3d-2.10x was made for s3d, but --models says c3d"),
        (["--engines", "openvin"], "no engine is called 'openvin'; known: rt3d, rt3d-direct, rt3d-bf16"),
        (["--group", "16"], "group size '16'"),
        (["--engines", ","], "expected names joined by commas"),
    ],
)
def test_wrong_names_are_told(argv: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([*argv, "-o", str(tmp_path / "out")]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("argv", [["--threads", "0"], ["--rounds", "x"], ["--nonsense"]])
def test_usage_errors(argv: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(argv) == 2
    assert "usage: rt3d-mlir-bench" in capsys.readouterr().err


def test_cases_are_models_with_the_configurations_made_for_them():
    specs = case_specs(["c3d", "r2plus1d_18"], ["dense", "c3d-3.57x", "r2plus1d-3.23x"], "8x4")
    assert [spec.label for spec in specs] == ["c3d dense", "c3d-3.57x", "r2plus1d_18 dense", "r2plus1d-3.23x"]
    assert len({spec.folder_name for spec in specs}) == 4
    assert {spec.model: spec.options for spec in case_specs(["mc3_18"], ["dense"], "8x4", {"num_classes": 400})} == {
        "mc3_18": {"num_classes": 400}
    }
    assert CaseSpec("c3d", "my/own.1.yaml", "8x4").label == "c3d own.1"
    with pytest.raises(ModelError):
        case_specs(["c4d"], ["dense"], "8x4")


def test_the_usual_cases_are_dense_and_the_configurations_of_the_models():
    assert [spec.label for spec in case_specs(["s3d", "x3d_s", "r2plus1d_18"], None, "8x4")] == [
        "s3d dense",
        "s3d-2.10x",
        "x3d_s dense",
        "r2plus1d_18 dense",
        "r2plus1d-3.23x",
    ]
    assert {load_config(name).model for name in USUAL_CONFIGS} == {load_config(name).model for name in config_names()}


def test_engines_by_name():
    assert list(ENGINES)[:4] == ["rt3d", "rt3d-direct", "rt3d-bf16", "torch"]
    assert [name for name, engine in ENGINES.items() if engine.precision != "f32"] == ["rt3d-bf16", "openvino-bf16"]
    with pytest.raises(ConfigError, match="did you mean 'mnn-sparse'"):
        get_engine("mnn-spares")


def test_the_pruning_file_of_mnn_is_a_protobuf():
    from rt3d_mlir.bench.engines.mnn_sparse import compression_file

    assert compression_file(8) == bytes.fromhex("0a05302e302e30 120a 0801 1a06 0801 1a02 2008".replace(" ", ""))
