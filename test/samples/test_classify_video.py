"""The app on a net whose answers numpy knows: each class weighs the mean colour of a clip."""

import itertools
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Generator
from pathlib import Path

import app
import av
import capture
import classify
import numpy as np
import picture
import pytest
import shapes
import torch
from demo import bikes
from torch import nn

import rt3d_mlir
from rt3d_mlir.runtime import read_clip
from rt3d_mlir.runtime.video import IMAGENET_MEAN, IMAGENET_STD

SAMPLE = Path(__file__).parents[2] / "samples" / "classify_video"

T, SIDE = 16, 16
LABELS = ("red", "green", "blue", "gray", "dark", "none")
WEIGHTS = np.float32([[4, -2, -2], [-2, 4, -2], [-2, -2, 4], [1, 1, 1], [-1, -1, -1], [0, 0, 0]])
RAW = ("--mean", "0", "0", "0", "--std", "1", "1", "1")

Run = Callable[..., tuple[int, str, str]]


class Colours(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, len(LABELS), 1, bias=False)
        self.conv.weight.data = torch.from_numpy(WEIGHTS)[:, :, None, None, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).mean((2, 3, 4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("classify") / "colours"
    rt3d_mlir.export(Colours(), (torch.zeros(1, 3, T, SIDE, SIDE),), dense=True).compile(path)
    return path


@pytest.fixture(scope="module")
def labels(folder: Path) -> Path:
    path = folder.parent / "labels.txt"
    path.write_text("\n".join(LABELS))
    return path


@pytest.fixture(scope="module")
def video(folder: Path) -> Path:
    """21 red, 20 green and 21 blue frames, 25 a second, without loss, with sides that are odd."""
    path = folder.parent / "colours.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25, width=161, height=97, pix_fmt="bgr0")
        for channel, count in enumerate((21, 20, 21)):
            pixels = np.zeros((97, 161, 3), np.uint8)
            pixels[..., channel] = 200
            for _ in range(count):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        file.mux(stream.encode())
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*argv: object) -> tuple[int, str, str]:
        code = app.main([str(word) for word in argv])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum()


def test_video_to_video(run: Run, folder: Path, labels: Path, video: Path, tmp_path: Path):
    """Windows end with frames 15, 19, 23...; a class is shown from the window on in which most frames are its own."""
    out = tmp_path / "out.mp4"
    code, printed, _ = run(folder, video, "--labels", labels, *RAW, "-o", out)
    lines = printed.splitlines()
    assert code == 0
    assert lines[0] == "Colours: 16 frames of 16x16"
    assert [line.split()[::2][:2] for line in lines[1:4]] == [["0.60", "red,"], ["1.24", "green,"], ["2.04", "blue,"]]
    assert lines[4].startswith("62 frames in ")
    assert lines[5].startswith("13 windows, up to 4 frames apart, ")
    assert lines[5].endswith("; 0 frames dropped")
    frames = decoded(out)
    assert (frames[0].width, frames[0].height) == (160, 96)
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(62) / 25, atol=1e-3)
    for frame, colour in ((frames[0], 0), (frames[30], 1), (frames[61], 2)):
        pixels = frame.to_ndarray(format="rgb24").astype(int)
        assert abs(pixels[90, 150, colour] - 200) < 8, "beside the panel a frame is as it was"
        assert pixels[90, 150].sum() < 220
        assert pixels[:70, :60].max(2).max() > 225, "the text is white"


def test_bikes_to_strip(run: Run, folder: Path, tmp_path: Path):
    """Without labels, and a stride longer than the window."""
    out = tmp_path / "out.png"
    code, printed, _ = run(folder, bikes(), "--stride", 20, "-o", out)
    assert code == 0
    assert "0.60 s  class " in printed
    assert "13 windows, up to 20 frames apart, " in printed
    with picture.Image.open(out) as strip:
        assert strip.size == (1400, 500)
        rows = np.asarray(strip.convert("L")).std(1)
    assert (rows[60:150] > 30).mean() > 0.8, "frames above"
    assert rows[250:450].max() > 10, "a plot below"


def test_windows(folder: Path, labels: Path):
    """A window is what read_clip makes of those frames, and each answer is numpy's, at all places of bikes.mp4."""
    frames = decoded(bikes())
    net = classify.Classifier(folder, labels, IMAGENET_MEAN, IMAGENET_STD)
    means = []
    for i, frame in enumerate(frames):
        net.add([frame])
        means.append(net._window[-1].mean((1, 2), dtype=np.float64))
        assert net.full == (i >= T - 1)
        if net.full and i % 5 == 0:
            expected = softmax(WEIGHTS @ np.mean(means[-T:], axis=0))
            answer = net.answer()
            np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)
            assert [name for name, _ in answer.top] == [LABELS[k] for k in np.argsort(-answer.probabilities)[:5]]
            assert [p for _, p in answer.top] == sorted(answer.probabilities.tolist())[:0:-1]


def test_a_window_is_a_clip(folder: Path, video: Path, tmp_path: Path):
    net = classify.Classifier(folder, None, IMAGENET_MEAN, IMAGENET_STD)
    path = tmp_path / "16.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25, width=161, height=97, pix_fmt="bgr0")
        for frame in decoded(video)[10:26]:
            frame.pts = None
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    net.add(decoded(path))
    np.testing.assert_array_equal(np.stack(net._window, 1)[None], read_clip(path, T, (SIDE, SIDE)))


def test_camera(run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """FFmpeg's test picture in place of /dev/video3, in real time, and a net that is too slow for it."""
    really, take, answer = av.open, capture.Capture.take, classify.Classifier.answer
    batches: list[np.ndarray] = []

    def plugged_in(file: str, *args: object, **options: object):
        if options.get("format") != "v4l2":
            return really(file, *args, **options)
        assert file == "/dev/video3"
        return really("testsrc=size=64x48:rate=25:duration=2.4,realtime", format="lavfi")

    def noted(frames: capture.Capture, count: int) -> list[capture.Frame]:
        batch = take(frames, count)
        batches.append(np.round(25 * np.array(seconds(batch))))
        return batch

    monkeypatch.setattr(av, "open", plugged_in)
    monkeypatch.setattr(capture.Capture, "take", noted)
    monkeypatch.setattr(classify.Classifier, "answer", lambda net: threading.Event().wait(0.8) or answer(net))
    code, printed, _ = run(folder, "--camera", 3, "-o", tmp_path / "out.mp4")
    assert code == 0
    taken, dropped = (int(re.findall(rf"(\d+) frames {word}", printed)[0]) for word in ("in", "dropped"))
    assert dropped > 0
    assert taken + dropped == 60
    shown = np.concatenate(batches)
    for before, batch in itertools.pairwise(batches[:-1]):
        assert (np.diff(batch) == 1).all(), "a batch has no gap"
        assert batch[0] == before[-1] + 1 or len(batch) == T, "nor has a window: behind a gap all of it is new"
    times = [float(frame.time or 0) for frame in decoded(tmp_path / "out.mp4")]
    np.testing.assert_allclose(times, shown / 25, atol=1e-3)


def test_interrupt(folder: Path, video: Path, tmp_path: Path):
    """A real Ctrl-C, while a film is played live: what was classified is a whole video."""
    main = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, sys.argv[1])
import app
code = app.main(sys.argv[2:])
assert not {"torch", "iree.compiler"} & set(sys.modules), "an app needs the runtime alone"
sys.exit(code)
"""
    out = tmp_path / "out.mp4"
    command = [sys.executable, "-c", main, SAMPLE, folder, video, "--live", *RAW, "-o", out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "class 0" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert printed.endswith(f"wrote {out}, up to the interrupt\n")
    assert T <= len(decoded(out)) < 62


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("{dir}/none.mp4",), "none.mp4 cannot be read as a video: No such file or directory"),
        (("{dir}/labels.txt",), "labels.txt cannot be read as a video: Invalid data found when processing input"),
        (("{dir}/sound.wav",), "sound.wav has no video stream"),
        (("{dir}/short.mkv",), "short.mkv has 9 frames, a window is 16"),
        (("--camera=83",), "no camera at /dev/video83: No such file or directory; numbers that exist here: "),
        (
            ("{video}", "--labels={dir}/two.txt"),
            "two.txt has 2 labels, the network 6 classes: expected one line a class",
        ),
        (("{video}", "--labels={dir}/three.txt"), "three.txt cannot be read as labels: "),
        (("{video}", "-o={dir}/no/out.png"), "out.png cannot be written: there is no folder "),
        (("{video}", "-o={dir}/full.mp4"), "full.mp4 cannot be written: Is a directory"),
        (("{video}", "-o={dir}/full.png"), "full.png cannot be written: Is a directory"),
    ],
)
def test_errors(run: Run, folder: Path, video: Path, argv: tuple[str, ...], said: str):
    (folder.parent / "two.txt").write_text("walking\nrunning\n")
    for name in ("full.mp4", "full.png"):
        (folder.parent / name).mkdir(exist_ok=True)
    (folder.parent / "labels.txt").write_text("\n".join(LABELS))
    with wave.open(str(folder.parent / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(800))
    with av.open(str(folder.parent / "short.mkv"), "w") as file:
        stream = file.add_stream("ffv1", rate=25, width=64, height=64, pix_fmt="bgr0")
        for _ in range(9):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        file.mux(stream.encode())
    words = [word.format(dir=folder.parent, video=video) for word in argv]
    code, _, errors = run(folder, f"-o={folder.parent}/out.mp4", *words)
    assert code == 1
    assert errors.startswith("app.py: error: ")
    assert said in errors


@pytest.mark.parametrize(
    ("key", "shape"), [("inputs", [1, 1, 16, 16, 16]), ("inputs", [1, 3, 16, 16]), ("outputs", [1, 6, 4])]
)
def test_artifact_of_another_shape(run: Run, folder: Path, video: Path, tmp_path: Path, key: str, shape: list[int]):
    shutil.copytree(folder, tmp_path / "other")
    manifest = json.loads((tmp_path / "other/manifest.json").read_text())
    manifest[key][0]["shape"] = shape
    (tmp_path / "other/manifest.json").write_text(json.dumps(manifest))
    code, _, errors = run(tmp_path / "other", video, "-o", tmp_path / "out.mp4")
    assert code == 1
    assert "x".join(map(str, shape)) + " float32" in errors
    assert "; expected a clip of 1x3xTxHxW and logits of 1xC" in errors


@pytest.mark.parametrize(
    "argv",
    [("x", "-o", "x.gif"), ("-o", "x.png"), ("x", "--camera", "0", "-o", "x.png"), ("x", "--stride=0", "-o", "x.png")],
)
def test_usage(folder: Path, argv: tuple[str, ...]):
    with pytest.raises(SystemExit) as stop:
        app.main([str(folder), *argv])
    assert stop.value.code == 2


def numbered(count: int, then: Exception | None = None) -> Generator[capture.Frame, None, None]:
    for i in range(count):
        yield capture.Frame(float(i), av.VideoFrame(16, 16, "gray"))
    if then:
        raise then


def seconds(batch: list[capture.Frame]) -> list[float]:
    return [frame.seconds for frame in batch]


def test_capture_of_a_file():
    """It waits for its reader, and loses nothing."""
    with capture.Capture(numbered(23), capacity=8, live=False) as frames:
        batches = [seconds(frames.take(5)) for _ in range(6)]
    assert batches == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14], [15, 16, 17, 18, 19], [20, 21, 22], []]
    assert frames.dropped == 0


def test_capture_of_what_is_live():
    """It takes all that wait; of what does not fit the newest stay, without a gap."""
    go, read = threading.Event(), threading.Event()

    def source() -> Generator[capture.Frame, None, None]:
        frames = numbered(23)
        yield from (next(frames) for _ in range(6))
        read.set()
        go.wait()
        yield from frames

    with capture.Capture(source(), capacity=8, live=True) as frames:
        read.wait()
        assert seconds(frames.take(2)) == [0, 1, 2, 3, 4, 5]
        go.set()
        frames._thread.join()
        assert seconds(frames.take(2)) == [15, 16, 17, 18, 19, 20, 21, 22]
        assert frames.take(2) == []
    assert frames.dropped == 9


def test_capture_raises_what_reading_raised():
    with capture.Capture(numbered(3, InterruptedError("unplugged")), capacity=8, live=True) as frames:
        frames._thread.join()
        assert seconds(frames.take(5)) == [0, 1, 2]
        with pytest.raises(InterruptedError, match="unplugged"):
            frames.take(5)


def test_capture_stops_in_the_middle():
    source = numbered(1000)
    with capture.Capture(source, capacity=4, live=False) as frames:
        frames.take(2)
    assert not frames._thread.is_alive()
    assert next(source, None) is None, "it is closed, and a file with it"


def test_in_real_time():
    ticks: list[float] = []
    for _ in capture.in_real_time(capture.Frame(0.02 * i, av.VideoFrame(16, 16, "gray")) for i in range(6)):
        ticks.append(capture.time.monotonic())
    assert ticks[-1] - ticks[0] >= 0.09


def test_thinned():
    """However long it is filled, the items are evenly spaced, from the first one on."""
    thinned = picture.Thinned(4)
    for i in range(50):
        thinned.add(i)
        step = np.diff([*thinned.items, i + 1])[0]
        assert thinned.items == list(range(0, i + 1, step))
        assert len(thinned.items) <= 4
    assert thinned.items == [0, 16, 32, 48]


def test_shapes(tmp_path: Path):
    """Its five motions: what is best for laying each frame over the next one moves as its name says."""
    shapes.main(str(tmp_path / "shapes.mp4"))
    frames = decoded(tmp_path / "shapes.mp4")
    assert len(frames) == 5 * 48
    assert (frames[0].width, frames[0].height) == (320, 320)
    small = [frame.to_ndarray(format="gray")[5::10, 5::10].astype(float) for frame in frames]
    for i, (down, right) in enumerate(shapes.MOTIONS.values()):
        moved = np.zeros(2)
        for one, two in zip(small[48 * i : 48 * i + 47], small[48 * i + 1 : 48 * i + 48], strict=True):
            product = np.fft.fft2(two) * np.conj(np.fft.fft2(one))
            peak = np.unravel_index(np.fft.ifft2(product).real.argmax(), product.shape)
            moved += [(p + 16) % 32 - 16 for p in peak]
        assert np.sign(np.round(moved / 47)).tolist() == [down, right]
