from importlib import metadata
from pathlib import Path

import pytest

from rt3d_mlir.errors import CompileError, VersionError
from rt3d_mlir.iree.command import check_versions, compile_command, iree_compile
from rt3d_mlir.iree.programs import compiler_program
from rt3d_mlir.targets import get_target

MODULE = "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  return %x : tensor<4xf32>\n}\n"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "m.mlir"
    path.write_text(MODULE)
    return path


def test_the_command():
    command = compile_command(Path("m.mlirbc"), Path("m.vmfb"), ["--flag"])
    assert command[:4] == [compiler_program(), "m.mlirbc", "-o", "m.vmfb"]
    assert command[-1] == "--flag"


def test_compiles(module: Path, tmp_path: Path):
    iree_compile(module, tmp_path / "m.vmfb", get_target("host").iree_flags)
    assert (tmp_path / "m.vmfb").stat().st_size > 0


def test_an_error_has_its_lines_and_the_command(module: Path, tmp_path: Path):
    module.write_text(MODULE.replace("return %x", "return %y"))
    with pytest.raises(CompileError) as error:
        iree_compile(module, tmp_path / "m.vmfb", get_target("host").iree_flags)
    lines = str(error.value).splitlines()
    assert lines[0] == "iree-compile failed:"
    assert "use of undeclared SSA value name" in lines[1]
    assert lines[-1].startswith("the command was: ")
    assert lines[-1].endswith("--iree-llvmcpu-target-cpu=host")
    assert not (tmp_path / "m.vmfb").exists()


def test_no_compiler(module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("iree.compiler.tools.binaries._get_builtin_tool", lambda name: str(tmp_path / name))
    with pytest.raises(CompileError, match="iree-compile is not installed: pip install iree-base-compiler"):
        iree_compile(module, tmp_path / "m.vmfb", [])


def test_versions(monkeypatch: pytest.MonkeyPatch):
    check_versions()
    monkeypatch.setattr(metadata, "version", {"iree-base-compiler": "3.13.0", "iree-base-runtime": "3.12.1"}.get)
    with pytest.raises(VersionError, match=r"iree-base-compiler is 3\.13\.0 and iree-base-runtime is 3\.12\.1"):
        check_versions()
