from pathlib import Path

import pytest

from rt3d_mlir.errors import InputError
from rt3d_mlir.html_report.folder import check_report_folder, write_folder
from rt3d_mlir.html_report.page import GENERATOR, Page

HTML = f'<html><head><meta name="generator" content="{GENERATOR}">'


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_report_replaces_a_report_as_a_whole(tmp_path: Path):
    folder = tmp_path / "deep" / "report"
    write_folder(folder, Page(HTML, {"1.png": b"one", "2.png": b"two"}))
    assert names(folder) == ["1.png", "2.png", "report.html"]
    write_folder(folder, Page(HTML, {"3.png": b"three"}))
    assert names(folder) == ["3.png", "report.html"]
    assert names(folder.parent) == ["report"]


def test_an_empty_folder_is_filled(tmp_path: Path):
    write_folder(tmp_path, Page(HTML, {}))
    assert names(tmp_path) == ["report.html"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"thesis.txt": ""}, "thesis.txt is in it"),
        ({"report.html": HTML, "thesis.txt": ""}, "thesis.txt is in it"),
        ({"report.html": "<html>"}, "it has no report.html of ours"),
        ({"holiday.png": ""}, "it has no report.html of ours"),
    ],
)
def test_what_is_no_report_stays(tmp_path: Path, files: dict[str, str], message: str):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"is not a report that can be replaced \({message}\); name another folder"):
        write_folder(tmp_path, Page(HTML, {}))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is no folder; name one with -o"):
        check_report_folder(tmp_path / "file")


def test_a_link_stays_one(tmp_path: Path):
    (tmp_path / "link").symlink_to("there")
    for name in ("1.png", "2.png"):
        write_folder(tmp_path / "link", Page(HTML, {name: b"one"}))
        assert (tmp_path / "link").is_symlink()
        assert names(tmp_path / "there") == [name, "report.html"]
    assert names(tmp_path) == ["link", "there"]


def test_nothing_is_left_of_what_cannot_be_written(tmp_path: Path):
    write_folder(tmp_path / "report", Page(HTML, {"1.png": b"one"}))
    with pytest.raises(InputError, match="report cannot be written: "):
        write_folder(tmp_path / "report", Page(HTML, {"no/such/folder.png": b""}))
    assert names(tmp_path) == ["report"]
    assert names(tmp_path / "report") == ["1.png", "report.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/report cannot be written: "):
        write_folder(tmp_path / "file" / "report", Page(HTML, {}))
