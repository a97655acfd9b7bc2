import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import tiny
import torch

import rt3d_mlir
from rt3d_mlir.errors import ModelError
from rt3d_mlir.runtime import Manifest, read_frames
from rt3d_mlir.tools import console
from rt3d_mlir.tools.run import main


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.scores(tmp_path_factory.mktemp("artifacts") / "scores")


@pytest.fixture
def artifact(compiled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compiled, tmp_path / "artifact"))


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(arg) for arg in argv])
    out, err = capsys.readouterr()
    return code, out, err


def write_video(path: Path, count: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_prints_classes_and_latency(compiled: Path, capsys: pytest.CaptureFixture[str]):
    code, out, err = run(capsys, compiled, "--device", "local-sync", "--repeat", 3, "--top", 2)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:4] == [
        "model    tiny, compiled for host, f32",
        "device   local-sync, threads: 1",
        "input    golden",
        "output   1x5 float32",
    ]
    assert [line.split()[:2] for line in lines[4:6]] == [["class", "3"], ["class", "1"]]
    assert lines[6].startswith("latency  min ")
    assert lines[6].endswith(" (3 runs)")
    assert len(lines) == 7


def test_json(compiled: Path, capsys: pytest.CaptureFixture[str]):
    code, out, err = run(capsys, compiled, "--json", "--check", "--threads", 1, "--repeat", 2)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["device"], result["threads"], result["repeat"]) == ("local-task", 1, 2)
    assert set(result["latency_ms"]) == {"min", "median", "p90"}
    assert [row["class"] for row in result["top"]] == [3, 1, 0, 4, 2]
    assert sum(row["probability"] for row in result["top"]) == pytest.approx(1)
    assert result["check"]["ok"]


def test_json_in_a_file(compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, compiled, "--repeat", 1, "--json", tmp_path / "result.json")
    assert code == 0
    assert out.startswith("model    tiny, ")
    assert json.loads((tmp_path / "result.json").read_text())["model"] == "tiny"
    code, _, err = run(capsys, compiled, "--repeat", 1, "--json", tmp_path / "none" / "result.json")
    assert code == 1
    assert "result.json cannot be written: " in err


def test_an_array(compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "x.npy", -np.ones((1, 3, 4, 8, 8), np.float32))
    code, out, _ = run(capsys, compiled, "--input", tmp_path / "x.npy", "--json", "--repeat", 1)
    assert code == 0
    assert json.loads(out)["top"][0]["class"] == 2


def test_a_video(compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, compiled, "--video", write_video(tmp_path / "v.mp4", 9), "--json", "--repeat", 1)
    assert code == 0
    assert json.loads(out)["top"][0]["class"] == 3


def test_a_video_for_a_module_of_uint8(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Such a module takes the frames as they were decoded, and its golden output, whole numbers too, is checked."""
    model = torch.nn.Sequential(torch.nn.Conv3d(3, 4, 1), torch.nn.AdaptiveMaxPool3d(1), torch.nn.Flatten())
    rt3d_mlir.export(model, (torch.zeros(1, 3, 4, 16, 16, dtype=torch.uint8),)).compile(tmp_path / "artifact")
    video = write_video(tmp_path / "v.mp4", 9)
    code, out, err = run(capsys, tmp_path / "artifact", "--video", video, "--json", "--repeat", 1, "--check")
    assert (code, err) == (0, "")
    with torch.no_grad():
        wanted = model(torch.from_numpy(read_frames(video, 4, (16, 16))).float())[0]
    found = {row["class"]: row["probability"] for row in json.loads(out)["top"]}
    assert [found[i] for i in range(4)] == pytest.approx(wanted.softmax(0).tolist(), abs=1e-4)


def test_a_network_of_several_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tiny.pair(tmp_path / "pair")
    code, out, _ = run(capsys, folder, "--check", "--repeat", 1)
    assert code == 0
    assert "output   3 int32\noutput   2 float32\nlatency" in out
    code, _, err = run(capsys, folder, "--video", "v.mp4")
    assert code == 1
    assert "the network takes 2 float32, 3 int32, not one clip of 1x3xTxHxW; use --input" in err
    code, _, err = run(capsys, folder, "--top", "3")
    assert code == 1
    assert "the network gives 3 int32, 2 float32, not the logits of one clip (1xC); leave --top out" in err


@pytest.mark.parametrize("value", [0.5, np.nan])
def test_check_fails_on_a_wrong_output(artifact: Path, capsys: pytest.CaptureFixture[str], value: float):
    golden = np.load(artifact / "golden" / "output_0.npy")
    golden[0, 0] += value
    np.save(artifact / "golden" / "output_0.npy", golden)
    replace(Manifest.read(artifact), files=tiny.hashes(artifact)).write(artifact)
    code, out, err = run(capsys, artifact, "--check", "--repeat", 1)
    assert code == 1
    assert "check    WRONG" in out
    assert err.startswith("rt3d-mlir-run: error: the golden input gives a wrong output: its largest error is ")


def test_damage_is_an_error(artifact: Path, capsys: pytest.CaptureFixture[str]):
    with open(artifact / "module.vmfb", "ab") as file:
        file.write(b"X")
    code, out, err = run(capsys, artifact)
    assert (code, out) == (1, "")
    assert err.startswith("rt3d-mlir-run: error: module.vmfb changed since it was compiled: sha256 is ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"triple": "riscv64-unknown-linux-gnu", "cpu": "u74"}, "built for riscv64 (u74), this machine is "),
        ({"tools": {"iree_compiler": "1.0"}}, "was compiled by iree-base-compiler 1.0: install"),
    ],
)
def test_a_module_for_elsewhere(
    artifact: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], message: str
):
    replace(Manifest.read(artifact), **changes).write(artifact)
    code, _, err = run(capsys, artifact)
    assert code == 1
    assert message in err


def test_mistakes_in_the_input(compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "flat.npy", np.zeros(3, np.float32))
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "text.mp4").write_text("hello")
    for flag, name, message in (
        ("--input", "flat.npy", "input 'input_0' is 3 float32, expected 1x3x4x8x8 float32"),
        ("--input", "pickled.npy", "pickled.npy cannot be read as .npy: "),
        ("--input", "text.mp4", "text.mp4 cannot be read as .npy: "),
        ("--input", "none.npy", "none.npy cannot be read as .npy: "),
        ("--video", "none.mp4", "no video at "),
        ("--video", "text.mp4", "text.mp4 cannot be read as a video: "),
        (
            "--video",
            write_video(tmp_path / "short.mp4", 3).name,
            "short.mp4 has 3 frames, expected at least 4",
        ),
    ):
        code, out, err = run(capsys, compiled, flag, tmp_path / name)
        assert (code, out) == (1, "")
        assert err.startswith("rt3d-mlir-run: error: ")
        assert message in err


def test_no_artifact(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, _, err = run(capsys, tmp_path / "none")
    assert code == 1
    assert "no artifact folder at " in err


@pytest.mark.parametrize(
    "argv",
    [
        ["--device", "gpu"],
        ["--threads", "0"],
        ["--repeat", "many"],
        ["--device", "local-sync", "--threads", "2"],
        ["--video", "v.mp4", "--input", "x.npy"],
    ],
)
def test_usage(compiled: Path, capsys: pytest.CaptureFixture[str], argv: list[str]):
    code, out, err = run(capsys, compiled, *argv)
    assert (code, out) == (2, "")
    assert "rt3d-mlir-run: error: " in err


def test_help(capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "usage: rt3d-mlir-run" in out


def test_console_exit_codes(capsys: pytest.CaptureFixture[str]):
    def raising(error: BaseException):
        def body() -> None:
            raise error

        return body

    assert console.run(lambda: None, "tool") == 0
    assert console.run(lambda: 3, "tool") == 3
    assert console.run(raising(ModelError("[bold]no[/bold] " + "long " * 50)), "tool") == 1
    assert console.run(raising(KeyboardInterrupt()), "tool") == 130
    with pytest.raises(ZeroDivisionError):
        console.run(raising(ZeroDivisionError()), "tool")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["tool: error: [bold]no[/bold] " + "long " * 50, "tool: interrupted"]
