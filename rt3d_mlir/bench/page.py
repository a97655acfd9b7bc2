"""What all reports of the benchmark share: the header, and tables in Markdown."""

from collections.abc import Iterable

from rt3d_mlir.bench.machine import Machine


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
