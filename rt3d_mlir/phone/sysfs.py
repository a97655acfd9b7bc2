"""Reads a table of small files from the phone's /sys in one go, without starting a process a file."""

from rt3d_mlir.phone.adb import Adb


def read_table(adb: Adb, folders: str, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """By the last part of each folder that a shell pattern matches: the first line of each named file.

    A file that is missing or not ours to read is "".
    """
    each = f'for n in {" ".join(names)}; do v=; read -r v < $d/$n; echo "$v"; done'
    lines = adb.ask(f'for d in {folders}; do echo "${{d##*/}}"; {each}; done 2> /dev/null').splitlines()
    rows = [lines[i : i + 1 + len(names)] for i in range(0, len(lines), 1 + len(names))]
    return {name.strip(): tuple(value.strip() for value in values) for name, *values in rows}
