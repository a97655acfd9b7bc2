import os
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from rt3d_mlir.errors import CompileError, DeviceError
from rt3d_mlir.iree.programs import compiler_program, runtime_program


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ([compiler_program(), "--version"], "LLVM"),
        ([compiler_program("iree-opt"), "--version"], "LLVM"),
        ([runtime_program("iree-run-module"), "--list_drivers"], "local-task"),
        ([runtime_program("iree-benchmark-module"), "--list_drivers"], "local-task"),
    ],
)
def test_they_run(command: list[str], word: str):
    assert word in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_venv_over_another_one(tmp_path: Path):
    """The packages are the other one's, and no script of IREE's lies beside the Python that runs."""
    venv.create(tmp_path / "over", with_pip=False, symlinks=True)
    python = tmp_path / "over" / "bin" / "python"
    packages = tmp_path / "over" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    below = "; ".join(f"site.addsitedir({path!r})" for path in site.getsitepackages())
    (packages / "below.pth").write_text(f"import site; {below}\n")
    command = [python, "-m", "rt3d_mlir.tools.compile", "--list-targets"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PATH": "/nowhere"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nhost " in done.stdout


def test_ones_that_are_missing(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(DeviceError, match="iree-go-faster is not installed: pip install iree-base-runtime"):
        runtime_program("iree-go-faster")
    monkeypatch.setitem(sys.modules, "iree.compiler.tools.binaries", None)
    with pytest.raises(CompileError, match="iree-compile is not installed: pip install iree-base-compiler"):
        compiler_program()
