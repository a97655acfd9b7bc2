"""The folder of a report: report.html and its PNGs, replaced as a whole or not at all."""

import os
import tempfile
from pathlib import Path

from rt3d_mlir.errors import InputError
from rt3d_mlir.html_report.page import GENERATOR, Page

HTML = "report.html"
_SIGN = f'<meta name="generator" content="{GENERATOR}">'


def check_folder(folder: Path) -> None:
    """Raises InputError where writing a report to `folder` would lose something that is none."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir() or folder.is_symlink():
        raise InputError(f"{folder} is no folder; name one with -o, which gets {HTML} and its pictures")
    others = sorted(path.name for path in folder.iterdir() if path.suffix != ".png" and path.name != HTML)
    if others or (any(folder.iterdir()) and not _is_report(folder / HTML)):
        seen = f"{others[0]} is in it" if others else f"it has no {HTML} of ours"
        raise InputError(f"{folder} is not a report that can be replaced ({seen}); name another folder with -o")


def _is_report(html: Path) -> bool:
    try:
        return _SIGN in html.read_text(encoding="utf-8", errors="replace")[:1000]
    except OSError:
        return False


def write_folder(folder: Path, page: Page) -> None:
    """Fills a temporary folder beside it and renames it once. Raises InputError where that cannot be done."""
    check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            work = Path(temporary, "report")
            work.mkdir()
            for name, png in page.pictures.items():
                (work / name).write_bytes(png)
            (work / HTML).write_text(page.html, encoding="utf-8")
            if folder.exists():
                os.replace(folder, Path(temporary, "replaced"))
            os.replace(work, folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}") from None
