"""`--print-completion SHELL`: a script for the shell, which completes options and what they take.

The tools say by `choices` and metavars what an argument is. What is a name but may be something else too, such as a
model of the zoo, is in `_WORDS`. The words are written into the script: a shell that completes starts no Python.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shlex import quote

SHELLS = ("bash", "zsh", "tcsh")
#: Metavars of arguments that name files; a shell offers folders on the way to one.
FILES = ("F", "FILE", "F.json", "IN.mlir", "JSON", "OUT.mlir", "PATH", "X.npy")
FOLDERS = ("DIR", "OUT")


@dataclass(frozen=True)
class Words:
    """The names that an argument takes; several with commas between them, or a file in place of a name."""

    names: Callable[[], Sequence[str]]
    several: bool = False
    or_file: bool = False


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script that makes `shell`, one of SHELLS, complete the tool's command line."""
    import shtab

    for action in parser._actions:
        if (takes := _takes(parser, action)) is not None:
            vars(action)["complete"] = takes  # where shtab looks for it
    return shtab.complete(parser, shell) + "\n"


def _takes(parser: argparse.ArgumentParser, action: argparse.Action) -> object:
    """What shtab is told of an argument; None for options without a value, choices and numbers."""
    import shtab

    if action.nargs == 0 or action.choices:
        return None
    if words := words_of(parser, action):
        return _complete(f"_{parser.prog.replace('-', '_')}_{action.dest}", words)
    if action.metavar in FOLDERS:
        return shtab.DIRECTORY
    return shtab.FILE if action.metavar in FILES else None


def words_of(parser: argparse.ArgumentParser, action: argparse.Action) -> Words | None:
    """The names that an argument takes, where there are some."""
    return _WORDS.get(f"{parser.prog} {action.dest}") or _WORDS.get(action.dest)


def _complete(name: str, words: Words) -> dict[str, str | dict[str, str]]:
    """What shtab takes for one argument: in bash a function's name, in zsh an action, in tcsh a list or a command."""
    names = " ".join(words.names())
    if words.or_file:
        name += "_or_file"  # shtab tells by "_file" in the name that bash shall treat the answers as files
        bash = f'compgen -W {quote(names)} -- "$1"\n  compgen -f -- "$1"'
        zsh = f"_alternative 'names:name:({names})' 'files:file:_files'"
        tcsh = f"`echo {names} *`"
    elif words.several:
        bash = f'local last="${{1##*,}}"\n  compgen -P "${{1%"$last"}}" -W {quote(names)} -- "$last"'
        zsh = f"_values -s , name {names}"
        tcsh = f"({names})"
    else:
        bash = f'compgen -W {quote(names)} -- "$1"'
        zsh = f"compadd {names}"
        tcsh = f"({names})"
    preamble = {"bash": f"{name}() {{\n  {bash}\n}}", "zsh": f"{name}() {{\n  {zsh}\n}}"}
    return {"bash": name, "zsh": name, "tcsh": tcsh, "preamble": preamble}


def _models() -> Sequence[str]:
    from rt3d_mlir import models

    return models.names()


def _cpus() -> Sequence[str]:
    from rt3d_mlir.targets import target_names

    return target_names()


def _targets() -> Sequence[str]:
    from rt3d_mlir.targets import gpu_target_names

    return [*_cpus(), *gpu_target_names()]


def _configs() -> Sequence[str]:
    from rt3d_mlir.sparsity import config_names

    return config_names()


def _engines() -> Sequence[str]:
    from rt3d_mlir.bench.engines import ENGINES
    from rt3d_mlir.bench.gpu.results import ENGINES as GPU_ENGINES

    return list(dict.fromkeys([*ENGINES, *GPU_ENGINES]))


def _dtypes() -> Sequence[str]:
    from rt3d_mlir.targets import DTYPES

    return DTYPES


def _passes() -> Sequence[str]:
    from rt3d_mlir.passes.pipeline import all_passes

    return list(all_passes())


#: By the argument's name in the parsed arguments, with the tool before it where the tools differ.
_WORDS = {
    "configs": Words(lambda: ["dense", *_configs()], several=True),
    "data": Words(lambda: ["synthetic"], or_file=True),
    "dtypes": Words(_dtypes, several=True),
    "engines": Words(_engines, several=True),
    "model": Words(_models, or_file=True),
    "models": Words(_models, several=True),
    "passes": Words(_passes, several=True),
    "prune": Words(_configs, or_file=True),
    "ratios": Words(_configs, or_file=True),
    "rt3d-mlir-prune device": Words(lambda: ["auto", "cpu", "cuda"]),
    "rt3d-mlir-tune target": Words(_cpus),
    "target": Words(_targets),
}
