"""What the console tools say of themselves: the `--help` of each script in pyproject.toml."""

import contextlib
import functools
import importlib
import io
import os
import tomllib
from pathlib import Path
from unittest import mock

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@functools.cache
def scripts() -> dict[str, str]:
    """The console scripts, name -> `module:function`."""
    return tomllib.loads(_PROJECT.read_text())["project"]["scripts"]


def tool_page(script: str) -> str:
    """The last section of a tool's page."""
    return f"## {script} --help\n\n```text\n{_help(script).strip()}\n```\n"


def _help(script: str) -> str:
    module, _, function = scripts()[script].partition(":")
    text = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": "92"}), contextlib.redirect_stdout(text):
        code = getattr(importlib.import_module(module), function)(["--help"])
    if code:
        raise RuntimeError(f"{script} --help ended with code {code}")
    return text.getvalue()
