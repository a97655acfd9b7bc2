import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rt3d_mlir import files
from rt3d_mlir.sparsity import save_weights
from rt3d_mlir.tools import opt

#: Major and minor numbers of what Linux calls so.
NULL, FULL = (1, 3), (1, 7)


@pytest.fixture
def device(tmp_path: Path) -> Callable[[tuple[int, int]], Path]:
    """Makes a device node of its own, for what these tests may break must not be the machine's."""

    def make(numbers: tuple[int, int]) -> Path:
        path = tmp_path / "device.mlir"
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(*numbers))
            path.open("rb").close()
        except PermissionError as error:
            pytest.skip(f"device nodes cannot be made or opened here (root, and a filesystem without nodev): {error}")
        return path

    return make


def is_device(path: Path) -> bool:
    return stat.S_ISCHR(path.lstat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(path: Path, error: type[BaseException]) -> None:
    with files.replacing(path) as new:
        new.write_text("half")
        raise error("half")


def test_a_new_file_has_the_usual_permissions(tmp_path: Path):
    (tmp_path / "usual").write_text("")
    files.write(tmp_path / "new.txt", "héllo\n")
    assert (tmp_path / "new.txt").read_bytes() == "héllo\n".encode()
    assert (tmp_path / "new.txt").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert names(tmp_path) == ["new.txt", "usual"]


def test_a_file_keeps_its_permissions(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_keeps_its_owner(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, 1234, 2345)
    files.write(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_the_writer_sees_the_suffix(tmp_path: Path):
    with files.replacing(tmp_path / "array.npy") as new:
        np.save(new, np.zeros(3))  # which appends .npy where it is missing
        assert new.parent == tmp_path
    assert names(tmp_path) == ["array.npy"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_leaves_what_was_there(tmp_path: Path, error: type[BaseException]):
    (tmp_path / "file").write_text("old")

    with pytest.raises(error):
        write_half(tmp_path / "file", error)
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_the_longest_name(tmp_path: Path):
    name = 250 * "n" + ".mlir"
    files.write(tmp_path / name, "text")
    with files.replacing_folder(tmp_path / (255 * "f")) as work:
        (work / "inside").write_text("text")
    assert names(tmp_path) == sorted([name, 255 * "f"])


@pytest.mark.parametrize(
    ("name", "number"), [(300 * "n", errno.ENAMETOOLONG), ("no/file", errno.ENOENT), ("a\0b", errno.EINVAL)]
)
def test_names_that_nothing_can_have(tmp_path: Path, name: str, number: int):
    with pytest.raises(OSError, match=r"too long|No such|null byte") as info:
        files.write(tmp_path / name, "text")
    assert info.value.errno == number
    assert names(tmp_path) == []


def test_a_folder_is_no_file(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder, expected a file"):
        files.write(tmp_path / "folder", "text")
    assert names(tmp_path) == ["folder"]


# Links


def test_a_link_stays_one(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("old")
    (tmp_path / "there" / "file").chmod(0o600)
    (tmp_path / "second").symlink_to("there/file")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    files.write(tmp_path / "first", "new")
    assert (tmp_path / "first").readlink() == tmp_path / "second"
    assert (tmp_path / "second").readlink() == Path("there/file")
    assert (tmp_path / "there" / "file").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "there" / "file").stat().st_mode) == 0o600
    assert names(tmp_path / "there") == ["file"]


def test_a_dangling_link_gets_its_target(tmp_path: Path):
    (tmp_path / "link").symlink_to("file")
    files.write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    (tmp_path / "astray").symlink_to("no/such/folder/file")
    with pytest.raises(FileNotFoundError):
        files.write(tmp_path / "astray", "new")
    assert names(tmp_path) == ["astray", "file", "link"]


def test_a_link_to_itself(tmp_path: Path):
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        files.write(tmp_path / "link", "new")


def test_a_link_to_a_folder(tmp_path: Path):
    """The folder is replaced beside itself, which may be on another disk than the link."""
    (tmp_path / "there" / "old").mkdir(parents=True)
    (tmp_path / "link").symlink_to("there/old")
    (tmp_path / "dangling").symlink_to("there/new")
    for name in ("link", "dangling"):
        with files.replacing_folder(tmp_path / name) as work:
            (work / "file").write_text("new")
        assert (tmp_path / name).is_symlink()
        assert names(tmp_path / name) == ["file"]
    assert names(tmp_path / "there") == ["new", "old"]


# Devices and pipes


def test_a_device_stays_one(device: Callable[[tuple[int, int]], Path], tmp_path: Path):
    path = device(NULL)
    (tmp_path / "link").symlink_to(path)
    files.write(path, "gone")
    files.write(tmp_path / "link", "gone")
    save_weights(path, {"w": np.zeros(3)})
    assert is_device(path)
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["device.mlir", "link"]


def test_a_full_device(device: Callable[[tuple[int, int]], Path]):
    path = device(FULL)
    with pytest.raises(OSError, match="No space left on device"):
        files.write(path, "text")
    assert is_device(path)


def test_opt_times_passes_into_a_device(
    device: Callable[[tuple[int, int]], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / "in.mlir").write_text("func.func @main() { return }")
    path = device(NULL)
    assert opt.main([str(tmp_path / "in.mlir"), "-o", str(path)]) == 0
    assert is_device(path)
    assert opt.main([str(tmp_path / "in.mlir"), "-o", "-"]) == 0
    assert "func.func @main" in capfd.readouterr().out
    assert opt.main([str(tmp_path / "in.mlir"), "-o", str(tmp_path)]) == 1
    message = f"rt3d-mlir-opt: error: {tmp_path} cannot be written: it is a folder, expected a file\n"
    assert capfd.readouterr().err == message


def test_a_pipe_gets_the_whole(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append(path.read_bytes()))
    reader.start()
    files.write(path, 100_000 * b"text")
    reader.join()
    assert seen == [100_000 * b"text"]
    assert path.is_fifo()


def test_a_pipe_gets_nothing_of_what_fails(tmp_path: Path):
    """Opening the pipe would wait for a reader, so this ends only where it is not opened."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ValueError, match="half"):
        write_half(tmp_path / "pipe", ValueError)
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_stdout_by_name(tmp_path: Path, name: str):
    """Where stdout is a file, that file is added to: others write to it too."""
    code = f"import sys; from rt3d_mlir import files; files.write({name!r}, 'text\\n')"
    with (tmp_path / "out").open("ab") as out:
        out.write(b"before\n")
        out.flush()
        inode = (tmp_path / "out").stat().st_ino
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\ntext\n"
    assert (tmp_path / "out").stat().st_ino == inode
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"text\n"


# Two at once


def test_two_writers_of_one_file(tmp_path: Path):
    with files.replacing(tmp_path / "file") as one, files.replacing(tmp_path / "file") as two:
        one.write_text("one")
        two.write_text("two")
    assert (tmp_path / "file").read_text() == "one"
    assert names(tmp_path) == ["file"]


def test_needs_neither_torch_nor_the_compiler():
    code = "import sys, rt3d_mlir.files; assert not {'torch', 'iree.compiler', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
