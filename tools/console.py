"""What the console tools share: results go to stdout, everything else to stderr, errors become exit codes."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.table import Table

from rt3d_mlir import files
from rt3d_mlir.errors import ArtifactError, Rt3dError
from rt3d_mlir.tools.completion import SHELLS, completion

#: As the name of a file that a tool writes.
STDOUT = "-"
#: What a shell says of a program that the reader of its output left alone: 128 and SIGPIPE.
_NO_READER = 141


class _StdoutError(Exception):
    """An OSError of stdout, which is told from those of files."""

    def __init__(self, cause: OSError) -> None:
        self.cause = cause


@contextmanager
def _to_stdout() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _StdoutError(error) from None


class _Log(Console):
    """Rich would end the program where a pipe is broken; `run` does."""

    def on_broken_pipe(self) -> None:
        raise


class _Out(_Log):
    def print(self, *objects: Any, **options: Any) -> None:
        with _to_stdout():
            super().print(*objects, **options)


out = _Out(highlight=False, markup=False, soft_wrap=True)
log = _Log(highlight=False, markup=False, soft_wrap=True, stderr=True)


class _Version(argparse.Action):
    """Prints our version, and those of the packages that an artifact is bound to, where they are installed."""

    def __call__(self, parser: argparse.ArgumentParser, *_args: object) -> None:
        for package in ("rt3d-mlir", "iree-base-compiler", "iree-base-runtime", "torch-mlir", "torch"):
            with suppress(metadata.PackageNotFoundError):
                out.print(package, metadata.version(package))
        parser.exit()


class _Completion(argparse.Action):
    """Prints a script that makes a shell complete the tool's command line."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: object, shell: object, *_args: object) -> None:
        write(STDOUT, completion(parser, str(shell)))
        parser.exit()


def add_common(parser: argparse.ArgumentParser) -> None:
    """Gives a tool what all tools have: --version and --print-completion."""
    parser.add_argument("--version", action=_Version, nargs=0, help="print the versions and stop")
    parser.add_argument(
        "--print-completion",
        action=_Completion,
        choices=SHELLS,
        help="print a completion script for the shell, and stop",
    )


def table(rows: Table, title: str = "", to: Console = out) -> None:
    """A table on stdout; one line a row where that is no terminal, however wide."""
    wide = to
    if not to.is_terminal:
        wide = type(to)(highlight=False, markup=False, soft_wrap=True, width=1000, stderr=to.stderr)
    if title:
        wide.print(title)
    wide.print(rows)


def write(file: str, text: str) -> None:
    """Writes a result to a file, or to stdout where that is "-". Raises ArtifactError where it cannot be written."""
    if file == STDOUT:
        with _to_stdout():
            print(text, end="", flush=True)
        return
    try:
        files.write(file, text)
    except OSError as error:
        raise ArtifactError(f"{file} cannot be written: {error.strerror}") from None


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Takes what goes on, for stderr: one line that changes where that is a terminal, else a line a step."""
    if not log.is_terminal:
        yield log.print
        return
    with log.status("") as status:
        yield lambda what: status.update(f"{what} ...")


def positive(text: str) -> int:
    """The type of an argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def run(body: Callable[[], int | None], prog: str) -> int:
    """Runs a tool and returns its exit code: 0 ok, 1 an expected error, 2 usage, 130 interrupted, 141 stdout cut.

    `body` parses the arguments and does the work; None counts as 0. What the system refuses, a full disk say, is an
    expected error. Exceptions of other kinds are bugs of ours and pass through with their traceback.
    """
    try:
        code = _exit_code(body, prog)
        if sys.stdout is not None:  # as after >&-
            with _to_stdout():
                sys.stdout.flush()
        return code
    except _StdoutError as error:
        _drop(1)
        if isinstance(error.cause, BrokenPipeError):
            return _NO_READER
        _say(f"{prog}: error: stdout cannot be written: {error.cause.strerror}")
        return 1


def _exit_code(body: Callable[[], int | None], prog: str) -> int:
    try:
        return body() or 0
    except Rt3dError as error:
        _say(f"{prog}: error: {error}")
        return 1
    except KeyboardInterrupt:
        _say(f"{prog}: interrupted")
        return 130
    except SystemExit as stop:  # argparse: 0 after --help, 2 after a usage error
        return stop.code if isinstance(stop.code, int) else 1
    except OSError as error:
        _say(f"{prog}: error: {error}")
        return 1
    except ValueError as error:
        if "null byte" not in str(error):  # what Python says of such a path
            raise
        _say(f"{prog}: error: a path has a NUL in it: {error}")
        return 1


def _say(line: str) -> None:
    try:
        log.print(line)
    except OSError:  # the exit code says it too
        _drop(2)


def _drop(descriptor: int) -> None:
    """What is still to be flushed there goes nowhere, or Python's own exit would stumble over it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
