"""What all tools do where the system says no: one line and exit code 1, or silence where nobody reads any more."""

import importlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import rt3d_mlir


def run(tool: str, *argv: str, shell: str = "", unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    """The tool as a shell runs it, with `shell` behind its command line; the code is the tool's own."""
    command = f'"$0" -m rt3d_mlir.tools.{tool} "$@" {shell}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *argv],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )


@pytest.mark.parametrize(("tool", "argv"), [("opt", ["--help"]), ("compile", ["--list-targets"])])
def test_nobody_reads_stdout(tool: str, argv: list[str]):
    """As in `| head` of a long table: no error of the tool's."""
    done = run(tool, *argv, shell="| true")
    assert (done.returncode, done.stderr) == (141, "")


def test_stdout_is_closed():
    done = run("compile", "--list-targets", shell=">&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_behind_stdout_and_stderr():
    done = run("compile", "none.mlir", "--target=host", "-o", "none", shell="> /dev/full 2> /dev/full")
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("tool", "argv"),
    [
        ("opt", ["{}/in.mlir"]),
        ("opt", ["{}/in.mlir", "-o", "-"]),
        ("compile", ["--list-targets"]),
    ],
)
def test_a_full_disk_behind_stdout(tool: str, argv: list[str], unbuffered: str, tmp_path: Path):
    (tmp_path / "in.mlir").write_text("func.func @main() { return }")
    done = run(tool, *(word.format(tmp_path) for word in argv), shell="> /dev/full", unbuffered=unbuffered)
    assert done.stderr == f"rt3d-mlir-{tool}: error: stdout cannot be written: No space left on device\n"
    assert done.returncode == 1


def test_a_name_that_is_too_long():
    done = run("report", "n" * 300)
    assert done.stderr.startswith("rt3d-mlir-report: error: ")
    assert done.stderr.count("\n") == 1
    assert "File name too long" in done.stderr


@pytest.mark.parametrize("tool", ["bench", "compile", "opt", "prune", "report", "run", "tune"])
def test_version(tool: str, capsys: pytest.CaptureFixture[str]):
    """The package's own, which __version__ is, and those that an artifact is bound to."""
    assert importlib.import_module(f"rt3d_mlir.tools.{tool}").main(["--version"]) == 0
    found = dict(line.split(" ") for line in capsys.readouterr().out.splitlines())
    assert found["rt3d-mlir"] == rt3d_mlir.__version__ == metadata.version("rt3d-mlir")
    assert found["iree-base-compiler"] == metadata.version("iree-base-compiler")
