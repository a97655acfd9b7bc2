import re
from pathlib import Path

import av
import numpy as np
import pytest
import small
import torch

from rt3d_mlir.errors import ConfigError, DataError
from rt3d_mlir.runtime import read_clip
from rt3d_mlir.training.data import decode, open_data
from rt3d_mlir.training.data.decode import DamagedVideoError, decode_clip
from rt3d_mlir.training.data.options import VideoOptions
from rt3d_mlir.training.data.videos import NORMALIZE, VideoFolder

CLASSES = ("Fall", "Rise")


def images(count: int, label: int = 0, height: int = 36, width: int = 48) -> list[np.ndarray]:
    """Each frame is one grey, darker or lighter than the one before."""
    levels = np.linspace(40, 200, count)[:: -1 if label == 0 else 1]
    return [np.full((height, width, 3), round(level), np.uint8) for level in levels]


def build(root: Path, per_class: int = 3) -> Path:
    """UCF101's layout; group 1 is for testing."""
    (root / "ucfTrainTestlist").mkdir(parents=True)
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for label, kind in enumerate(CLASSES):
        (root / kind).mkdir()
        for i in range(1, per_class + 1):
            name = f"{kind}/v_{kind}_g{i:02d}_c01.avi"
            small.write_video(root / name, images(20, label))
            lists["test" if i == 1 else "train"].append(name if i == 1 else f"{name} {label + 1}")
    for part, names in lists.items():
        (root / "ucfTrainTestlist" / f"{part}list01.txt").write_text("\r\n".join(names) + "\r\n")
    numbered = [f"{i + 1} {kind}" for i, kind in enumerate(CLASSES)]
    (root / "ucfTrainTestlist" / "classInd.txt").write_text("\n".join(numbered) + "\n")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(tmp_path / "ucf")


def opened(folder: Path, **options: object) -> VideoFolder:
    return VideoFolder(folder, options=VideoOptions(**{"frames": 4, "crop": 16, "workers": 0, **options}))


def test_the_folder(folder: Path):
    data = open_data(str(folder))
    assert (list(data.classes), data.shape) == (list(CLASSES), (3, 16, 112, 112))
    assert (data.train_size, data.test_size) == (4, 2)


def test_the_test_clip_is_what_the_runtime_reads(folder: Path):
    data = opened(folder, frames=16, crop=28)
    ((clips, labels),) = data.test_batches([np.arange(2)])
    assert labels.tolist() == [0, 1]
    for clip, kind in zip(clips, CLASSES, strict=True):
        wanted = read_clip(folder / f"{kind}/v_{kind}_g01_c01.avi", size=(28, 28))
        np.testing.assert_allclose(clip, wanted[0], atol=1e-5)


def test_normalization(folder: Path):
    means = {}
    for kind, (mean, std) in NORMALIZE.items():
        ((clips, _),) = opened(folder, normalize=kind).test_batches([np.array([1])])
        means[kind] = clips[0].mean((1, 2, 3)) * torch.tensor(std) + torch.tensor(mean)
    np.testing.assert_allclose(means["imagenet"], means["kinetics"], atol=1e-5)


def test_frames_are_the_middles_of_segments(tmp_path: Path):
    video = small.write_video(tmp_path / "v.mov", [np.full((32, 32, 3), 10 * i, np.uint8) for i in range(8)])
    assert (decode_clip(video, 4, 28)[0, :, 0, 0] // 10).tolist() == [1, 3, 5, 7]


def test_random_crops_and_flips_are_the_seeds(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    video = small.write_video(tmp_path / "v.mov", [noise] * 2)
    clips = [decode_clip(video, 2, 56, np.random.default_rng(seed)) for seed in (0, 0, 1, 2, 3, 4, 5, 6)]
    np.testing.assert_array_equal(clips[0], clips[1])
    assert len({clip.tobytes() for clip in clips}) == 7
    centre = decode_clip(video, 2, 56)
    assert (clips[0][:, 0] == clips[0][:, 1]).all()  # all frames are cropped alike
    places = [find(clip, video) for clip in clips]
    assert {flipped for *_, flipped in places} == {True, False}
    assert len({place[:2] for place in places}) > 3
    assert find(centre, video) == (4, 20, False)


def find(clip: np.ndarray, video: Path) -> tuple[int, int, bool]:
    """Where in the resized frame (64 x 96) a crop comes from, and whether it is flipped."""
    frame = decode_frame(video)
    for flipped in (False, True):
        wanted = clip[:, 0, :, ::-1] if flipped else clip[:, 0]
        for top in range(frame.shape[1] - 55):
            for left in range(frame.shape[2] - 55):
                if (frame[:, top : top + 56, left : left + 56] == wanted).all():
                    return top, left, flipped
    raise AssertionError("the crop is not in the frame")


def decode_frame(video: Path) -> np.ndarray:
    return decode._pick(video, [0], 64)[0].transpose(2, 0, 1)


def test_workers_change_nothing(folder: Path):
    batches = [np.array([2, 0]), np.array([1, 3])]
    here = list(opened(folder).train_batches(batches, (0, 1)))
    there = list(opened(folder, workers=2).train_batches(batches, (0, 1)))
    assert len(here) == len(there) == 2
    for (clips, labels), (clips2, labels2) in zip(here, there, strict=True):
        assert torch.equal(clips, clips2)
        assert torch.equal(labels, labels2)


def test_epochs_differ(folder: Path):
    first, second = (
        next(iter(opened(folder, crop=12).train_batches([np.arange(4)], (0, epoch))))[0] for epoch in (1, 2)
    )
    assert first.shape == second.shape == (4, 3, 4, 12, 12)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut, r"it (ends before its 20 frames, as its header counts them, are over|cannot be read as a video)"),
        (lambda path: path.write_text("not a video" * 99), r"it cannot be read as a video \(Invalid data"),
        (lambda path: path.unlink(), "no such file"),
        (lambda path: small.write_video(path, images(3)), "it has 3 frames, expected at least 4"),
    ],
)
def test_a_damaged_video_is_skipped_and_named(folder: Path, damage: object, reason: str):
    damage(folder / "Fall/v_Fall_g02_c01.avi")
    data = opened(folder)
    ((clips, labels),) = data.train_batches([np.arange(4)], (0,))
    assert len(clips) == 3
    assert labels.tolist() == [0, 1, 1]
    (line,) = data.skipped
    assert re.match(rf"Fall/v_Fall_g02_c01.avi: {reason}", line)
    list(data.train_batches([np.arange(4)], (1,)))
    assert data.skipped == [line]


def test_damaged_test_videos_are_skipped(folder: Path):
    cut(folder / "Fall/v_Fall_g01_c01.avi")
    assert [labels.tolist() for _, labels in opened(folder).test_batches([np.array([0]), np.array([1])])] == [[1]]


def test_too_many_damaged_videos(folder: Path):
    for name in ("Fall/v_Fall_g02_c01.avi", "Rise/v_Rise_g03_c01.avi"):
        cut(folder / name)
    with pytest.raises(DataError, match=r"ucf: 2 videos cannot be read, more than the 1 allowed.*\n  Fall/v_Fall_g02"):
        list(opened(folder).train_batches([np.arange(4)], (0,)))
    assert len(list(opened(folder, max_damaged=0.5).train_batches([np.arange(4)], (0,)))) == 1


def test_a_batch_of_damaged_videos(folder: Path):
    cut(folder / "Fall/v_Fall_g02_c01.avi")
    with pytest.raises(DataError, match="no video of a batch can be read"):
        list(opened(folder).train_batches([np.array([0])], (0,)))


def test_sound_only_is_no_video(tmp_path: Path):
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DamagedVideoError, match="no video stream"):
        decode_clip(tmp_path / "sound.wav", 4, 16)


def test_lists_beside_the_videos(folder: Path):
    (folder / "UCF-101").mkdir()
    for kind in CLASSES:
        (folder / kind).rename(folder / "UCF-101" / kind)
    for place in (folder, folder / "UCF-101"):
        assert len(next(iter(opened(place).test_batches([np.arange(2)])))[0]) == 2


def test_no_lists(tmp_path: Path):
    with pytest.raises(DataError, match="has no ucfTrainTestlist/ in or beside it"):
        open_data(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("classInd.txt", "0 Fall\n1 Rise\n", "expected lines of a number and a class"),
        ("classInd.txt", "1 Fall\n", "'Rise/v_Rise_g02_c01.avi' is not of a class"),
        ("trainlist01.txt", "Fell/x.avi 1\n", "'Fell/x.avi' is not of a class in classInd.txt; did you mean 'Fall'"),
        ("trainlist01.txt", "Fall/../../x.avi 1\n", "is not of a class"),
        ("trainlist01.txt", "Fall/x.avi 1\n", "all 1 training clips are of class 0"),
        ("testlist01.txt", "", "has no test clips"),
    ],
)
def test_wrong_lists(folder: Path, file: str, text: str, message: str):
    (folder / "ucfTrainTestlist" / file).write_text(text)
    with pytest.raises(DataError, match=message):
        opened(folder)


def test_a_split_that_is_not_there(folder: Path):
    with pytest.raises(DataError, match=r"trainlist02.txt cannot be read"):
        opened(folder, split=2)


def test_an_unknown_normalization(folder: Path):
    with pytest.raises(ConfigError, match=r"normalize 'imagnet': .*did you mean 'imagenet'"):
        opened(folder, normalize="imagnet")


def test_neither_file_nor_folder():
    with pytest.raises(DataError, match=r"no data at syntetic: .*did you mean 'synthetic'"):
        open_data("syntetic")
