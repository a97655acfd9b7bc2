"""Opens a page in headless Chromium, where this machine has it; skips with the reason if not."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

#: As root there is no sandbox. Nothing but this machine can be reached: names are not resolved.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr",
    "--v=0",
)


@dataclass(frozen=True)
class Opened:
    """What the page said on its console, errors of scripts among it, and the URLs that it asked for."""

    console: list[str]
    requests: list[str]
    screenshot: Path


def open_page(page: Path, folder: Path, size: tuple[int, int] = (1200, 1600)) -> Opened:
    """Loads `page` from its file and waits until it is drawn; `folder` gets the browser's files.

    Skips the test where there is no Chromium; fails instead under CI.
    """
    program = shutil.which("chromium")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no browser: chromium not found (Debian: chromium)")
    log, screenshot = folder / "net.json", folder / "page.png"
    command = [
        str(program),
        *_FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--log-net-log={log}",
        f"--window-size={size[0]},{size[1]}",
        f"--screenshot={screenshot}",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-4000:]}"
    assert screenshot.is_file(), f"nothing was drawn: {done.stderr[-4000:]}"
    return Opened(re.findall(r":CONSOLE:\d+\] (.*)", done.stderr), _requests(log), screenshot)


def _requests(log: Path) -> list[str]:
    """Of the page alone: the browser's own requests, for its updates, do not come from a file."""
    events = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    return sorted({each["url"] for each in events if "file://" in str(each.get("network_isolation_key"))})
