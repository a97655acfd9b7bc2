"""What the console tools share: results go to stdout, everything else to stderr, errors become exit codes."""

import argparse
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from rt3d_mlir.errors import Rt3dError

out = Console(highlight=False, markup=False, soft_wrap=True)
log = Console(highlight=False, markup=False, soft_wrap=True, stderr=True)


def table(rows: Table, title: str = "") -> None:
    """A table on stdout; one line a row where stdout is no terminal, however wide."""
    wide = out if out.is_terminal else Console(highlight=False, markup=False, soft_wrap=True, width=1000)
    if title:
        wide.print(title)
    wide.print(rows)


def positive(text: str) -> int:
    """The type of an argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def run(body: Callable[[], int | None], prog: str) -> int:
    """Runs a tool and returns its exit code: 0 ok, 1 an expected error, 2 usage, 130 interrupted.

    `body` parses the arguments and does the work; None counts as 0. Exceptions other than Rt3dError are bugs
    of ours and pass through with their traceback.
    """
    try:
        return body() or 0
    except Rt3dError as error:
        log.print(f"{prog}: error: {error}")
        return 1
    except KeyboardInterrupt:
        log.print(f"{prog}: interrupted")
        return 130
    except SystemExit as stop:  # argparse: 0 after --help, 2 after a usage error
        return stop.code if isinstance(stop.code, int) else 1
