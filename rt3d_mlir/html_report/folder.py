"""The folder of a report: report.html and its PNGs, replaced as a whole or not at all."""

from pathlib import Path

from rt3d_mlir.errors import InputError
from rt3d_mlir.files import is_there, replacing_folder
from rt3d_mlir.html_report.page import GENERATOR, Page

HTML = "report.html"
_SIGN = f'<meta name="generator" content="{GENERATOR}">'


def check_report_folder(folder: Path) -> None:
    """Raises InputError where writing a report to `folder` would lose something that is none."""
    try:
        if not is_there(folder):
            return
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder; name one with -o, which gets {HTML} and its pictures")
        others = sorted(path.name for path in folder.iterdir() if path.suffix != ".png" and path.name != HTML)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}") from None
    if others or (any(folder.iterdir()) and not _is_report(folder / HTML)):
        seen = f"{others[0]} is in it" if others else f"it has no {HTML} of ours"
        raise InputError(f"{folder} is not a report that can be replaced ({seen}); name another folder with -o")


def _is_report(html: Path) -> bool:
    try:
        return _SIGN in html.read_text(encoding="utf-8", errors="replace")[:1000]
    except OSError:
        return False


def write_folder(folder: Path, page: Page) -> None:
    """Replaces the folder as a whole. Raises InputError where that cannot be done."""
    check_report_folder(folder)
    try:
        with replacing_folder(folder) as work:
            for name, png in page.pictures.items():
                (work / name).write_bytes(png)
            (work / HTML).write_text(page.html, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}") from None
