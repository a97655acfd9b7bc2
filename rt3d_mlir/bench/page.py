"""What all reports of the benchmark share: the header, tables in Markdown, files that get their names when whole."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from rt3d_mlir.bench.machine import Machine


def replace(path: Path, write_to: Callable[[Path], object]) -> None:
    """Writes through a temporary name with the same suffix."""
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write_to(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def header(machine: Machine) -> list[str]:
    """The lines that say where, when and with what."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return [
        "",
        f"- {machine.cpu}; {machine.cores} cores, {machine.memory_gib} GiB; {machine.system}; Python {machine.python}",
        f"- {machine.date}; load average {machine.load} at the start",
        f"- {versions}",
        f"- `{machine.command}`",
    ]


def table(columns: Iterable[str], rows: Iterable[Iterable[str]], words: int = 1) -> list[str]:
    """A Markdown table; the first `words` columns are text, the others are numbers."""
    columns = list(columns)
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * words + '--:|' * (len(columns) - words)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def milliseconds(ms: float) -> str:
    """As many digits as can mean something."""
    return f"{ms:.0f}" if ms >= 1000 else f"{ms:.1f}" if ms >= 10 else f"{ms:.3f}"
