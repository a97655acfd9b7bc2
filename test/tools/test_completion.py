"""What the completion scripts offer: bash runs them; zsh's and tcsh's are read."""

import argparse
import importlib
import subprocess
from pathlib import Path

import pytest

from rt3d_mlir.tools import completion, console

TOOLS = ("bench", "compile", "opt", "prune", "report", "run", "tune")
#: Arguments whose values no list has: numbers, shapes, and names that only the user knows.
FREE = {
    *("batch", "classes", "cool", "crop", "dense_epochs", "dense_lr", "epochs", "group", "input_shape", "lr"),
    *("max_damaged", "peak", "rate", "repeat", "rounds", "seed", "serial", "strength", "threads", "top", "width"),
    "workers",
}


def script(tool: str, shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert importlib.import_module(f"rt3d_mlir.tools.{tool}").main(["--print-completion", shell]) == 0
    return capsys.readouterr().out


def offers(text: str, line: str, folder: Path) -> list[str]:
    """What bash offers for the last word of a command line."""
    tool, *words = line.split(" ")
    function = f"_shtab_{tool.replace('-', '_')}"
    asked = (
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ' + f'{function} 2> /dev/null; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    command = ["bash", "--norc", "-c", f"{text}\n{asked}", "bash", tool, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "c3d-host").mkdir()
    (tmp_path / "model.pt2").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rt3d-mlir-compile mo", {"movinet_a0", "model.pt2"}),
        ("rt3d-mlir-compile c3d --target cortex-a7", {"cortex-a76", "cortex-a77", "cortex-a78"}),
        ("rt3d-mlir-compile c3d --dtype f", {"f32", "f16"}),
        ("rt3d-mlir-compile --prune c3d-3", {"c3d-3.57x"}),
        ("rt3d-mlir-compile --masks mo", {"model.pt2"}),
        ("rt3d-mlir-compile --list", {"--list-targets"}),
        ("rt3d-mlir-compile c3d -o c3d", {"c3d-host"}),
        ("rt3d-mlir-compile --print-completion ", {"bash", "zsh", "tcsh"}),
        ("rt3d-mlir-bench --models c3d,r3", {"c3d,r3d_18"}),
        ("rt3d-mlir-bench --configs de", {"dense"}),
        ("rt3d-mlir-bench --engines torch,openvino-", {"torch,openvino-bf16"}),
        ("rt3d-mlir-bench --target vulkan-m", {"vulkan-mali"}),
        ("rt3d-mlir-opt mo", {"model.pt2"}),
        ("rt3d-mlir-opt in.mlir --passes fold-mask,pack-k", {"fold-mask,pack-kgs"}),
        ("rt3d-mlir-prune c3d --data s", {"synthetic"}),
        ("rt3d-mlir-prune c3d --sparsity v", {"vanilla"}),
        ("rt3d-mlir-prune c3d --device cu", {"cuda"}),
        ("rt3d-mlir-report one c3d", {"c3d-host"}),
        ("rt3d-mlir-run c3d-host --cores b", {"big"}),
        ("rt3d-mlir-run c", {"c3d-host"}),
        ("rt3d-mlir-tune vulkan", set()),  # tunes CPUs only
        ("rt3d-mlir-tune cortex-x", {"cortex-x1", "cortex-x2"}),
    ],
)
def test_bash_offers(line: str, offered: set[str], folder: Path, capsys: pytest.CaptureFixture[str]):
    tool = line.partition(" ")[0].removeprefix("rt3d-mlir-")
    assert set(offers(script(tool, "bash", capsys), line, folder)) == offered


@pytest.mark.parametrize("shell", completion.SHELLS)
@pytest.mark.parametrize("tool", TOOLS)
def test_every_argument_is_known(
    tool: str, shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Each takes nothing, or one of some choices, names or files, or is in FREE; the script has all options."""
    parsers: list[argparse.ArgumentParser] = []

    def recorded(parser: argparse.ArgumentParser, shell: str) -> str:
        parsers.append(parser)
        return completion.completion(parser, shell)

    monkeypatch.setattr(console, "completion", recorded)
    text = script(tool, shell, capsys)
    (parser,) = parsers
    for action in parser._actions:
        assert all(option.lstrip("-") in text for option in action.option_strings)
        known = action.nargs == 0 or action.choices is not None or hasattr(action, "complete")
        assert known or action.dest in FREE, f"{action.dest}: completion.py has nothing for it"
        words = completion.words_of(parser, action)
        assert words is None or all(name in text for name in words.names())


def test_another_shell_is_a_usage_error(capsys: pytest.CaptureFixture[str]):
    assert importlib.import_module("rt3d_mlir.tools.run").main(["--print-completion", "dash"]) == 2
    assert "invalid choice: 'dash'" in capsys.readouterr().err
