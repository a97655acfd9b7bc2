"""JSON that other tools of this project wrote, read with errors that name the file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rt3d_mlir.errors import InputError


def read_json(path: Path) -> Any:
    """Its contents. Raises InputError where it is missing or no JSON."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON, or a damaged one: {error}; write it again") from None


def check_format(path: Path, data: Any, expected: str, made_by: str) -> None:
    """Raises InputError unless the file says that it is of that format, version 1."""
    seen = (data.get("format"), data.get("version")) if isinstance(data, dict) else None
    if seen == (expected, 1):
        return
    what = f"format is {seen[0]!r}, version {seen[1]!r}" if seen and seen[0] else "it names no format"
    raise InputError(f"{path}: {what}; expected {expected!r}, version 1, as {made_by} writes it")


@contextmanager
def known_fields(path: Path, made_by: str) -> Iterator[None]:
    """Turns what goes wrong in reading fields into an InputError: a key that lacks, a value of another type."""
    try:
        yield
    except KeyError as error:
        raise InputError(f"{path} lacks {error}; write it again with {made_by}") from None
    except (TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError) as error:
        raise InputError(f"{path} has values of another kind ({error}); write it again with {made_by}") from None


def number(value: Any) -> float:
    """A finite number that is not negative. Raises TypeError or ValueError for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    if not 0 <= value < float("inf"):
        raise ValueError(f"{value!r} is no time, size or share")
    return float(value)


def text(value: Any) -> str:
    """A string. Raises TypeError for all else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
