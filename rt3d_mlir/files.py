"""Files and folders that get their names when they are whole: what fails or is interrupted leaves what was there.

All output goes through here. A name that is in use decides how it is written:

    a regular file           is replaced; the new one gets its owner and permissions
    a link                   stays one; what it points to is replaced, or comes into being
    a device, a pipe         is written to, once the output is complete: /dev/null stays what it is
    /dev/stdout, /dev/fd/N   are added to, whatever is open there
    a folder                 is refused for a file, and replaced by a folder
"""

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write(path: str | Path, content: str | bytes) -> None:
    """Writes a file, text as UTF-8. Raises OSError where that cannot be done."""
    with replacing(path) as new:
        new.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A name to write a file to, of the same suffix, which writers go by; `path` gets it when the block ends well.

    Raises OSError where that cannot be done.
    """
    path = Path(path)
    there = _status(path)
    if there is not None and stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, expected a file", str(path))
    if there is not None and (not stat.S_ISREG(there.st_mode) or _is_open_file(path)):
        with tempfile.TemporaryDirectory() as folder:
            new = Path(folder, path.name)
            yield new
            _write_through(new, path, there)
        return
    target = Path(os.path.realpath(path))
    new = target.with_name(_unused_name(target))
    try:
        yield new
        if there is not None:
            _keep_status(new, there)
        os.replace(new, target)
    finally:
        with suppress(OSError):
            new.unlink()


@contextmanager
def replacing_folder(folder: str | Path) -> Iterator[Path]:
    """An empty folder to fill; `folder` becomes it when the block ends well, and what was there is removed.

    The empty one lies in a temporary folder, beside `folder`, where more can be put that need not stay. Raises OSError
    where that cannot be done.
    """
    _status(Path(folder))
    target = Path(os.path.realpath(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{_beginning(target)}.") as temporary:
        work = Path(temporary, "new")
        work.mkdir()
        yield work
        if target.exists():
            os.replace(target, Path(temporary, "replaced"))
        os.replace(work, target)


def is_there(path: Path) -> bool:
    """Whether anything is, behind links. Raises OSError for a name that cannot be looked up, or that is too long."""
    return _status(path) is not None


def _status(path: Path) -> os.stat_result | None:
    """What is there, behind links; None where nothing is. Raises OSError for a name that nothing can have."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except ValueError as error:  # a NUL in it
        raise OSError(errno.EINVAL, str(error), str(path)) from None


def _is_open_file(path: Path) -> bool:
    """Whether the name stands for a file that is open, as /dev/stdout does: its reader keeps reading the old file."""
    while path.is_symlink():
        if Path(os.path.realpath(path.parent)).is_relative_to("/proc"):
            return True
        path = path.parent / os.readlink(path)
    return False


def _write_through(source: Path, path: Path, there: os.stat_result) -> None:
    flags = os.O_WRONLY | (os.O_APPEND if stat.S_ISREG(there.st_mode) else 0)
    with source.open("rb") as whole, open(os.open(path, flags), "wb") as device:
        shutil.copyfileobj(whole, device)


def _keep_status(new: Path, old: os.stat_result) -> None:
    with suppress(PermissionError):  # only root gives files away
        os.chown(new, old.st_uid, old.st_gid)
    os.chmod(new, stat.S_IMODE(old.st_mode))


def _unused_name(target: Path) -> str:
    """Another name for each call, as two processes may write one file at once."""
    return f".{_beginning(target)}.{secrets.token_hex(6)}{target.suffix}"


def _beginning(target: Path) -> str:
    """Enough of a name to know it by, and short enough that the longest name that a file may have can be added to."""
    return target.stem[:32]
